//! The `channel-layers` command: the gateway, and sending and listening from a shell.
//!
//! Standard output is for programs: one line when the gateway listens, one JSON object a line of what is heard.
//! Everything for people goes to standard error. Exit codes are part of the interface; see [`EXIT_CODES`].

mod demo_page;
mod doctor;
mod failure;
mod layer;
mod listen;
mod post;
mod send;
mod serve;
mod signal;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use failure::Failure;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the gateway or the channel layer refused, or something failed
  2  the command line, a name, a message or an address is wrong
  3  the gateway or a Redis could not be reached, or did not answer in time

RUST_LOG sets what is logged to standard error, such as `info` or `channel_layers=debug`.";

/// Channel layers: a WebSocket gateway, and sending and listening from a shell.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    GroupSend(send::GroupSend),
    Send(send::Send),
    Listen(listen::Listen),
    Doctor(doctor::Doctor),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,channel_layers=info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("channel-layers: {failure}");
            failure.code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|e| Failure::failed(format!("the operating system gave no threads to run on: {e}")))?;
    runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve.run().await,
            Command::GroupSend(send) => send.run().await,
            Command::Send(send) => send.run().await,
            Command::Listen(listen) => listen.run().await,
            Command::Doctor(doctor) => doctor.run().await,
        }
    })
}
