//! The `channel-layers` command.
mod serve;
use clap::Parser;

/// Channel layers: a WebSocket gateway, and the tools around it.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    /// Serves the gateway.
    Serve(serve::Serve),
}

fn main() {
    let Command::Serve(serve) = Command::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Err(e) = runtime.block_on(serve.run()) {
        eprintln!("{e}");
        std::process::exit(1);
    }
}
