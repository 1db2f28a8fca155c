//! The `channel-layers` command: the gateway, and sending and listening from a shell.
//!
//! Standard output is for programs: one line when the gateway listens, one JSON object a line of what is heard.
//! Everything for people goes to standard error. Exit codes are part of the interface; see [`EXIT_CODES`].

mod access;
mod bench;
mod config;
mod demo_page;
mod doctor;
mod failure;
mod guard;
mod layer;
mod listen;
mod logging;
mod open_files;
mod post;
mod reload;
mod send;
mod serve;
mod settings;
mod shell;
mod signal;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Token(token::Token),
    Bench(bench::Bench),
    Doctor(doctor::Doctor),
    Config(config::Config),
    Completions(shell::Completions),
    Man(shell::Man),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("channel-layers: {failure}");
            failure.code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => drive(serve.prepare()?.run()),
        Command::GroupSend(send) => plain(send.run()),
        Command::Send(send) => plain(send.run()),
        Command::Listen(listen) => plain(listen.run()),
        Command::Token(token) => plain(token.run()),
        Command::Bench(bench) => plain(bench.run()),
        Command::Doctor(doctor) => plain(doctor.run()),
        Command::Config(config) => config.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    }
}

/// Runs a command that has no settings of its own.
fn plain(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    logging::start_plain()?;
    drive(work)
}

/// Runs what needs a runtime, to its end.
fn drive(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|e| Failure::failed(format!("the operating system gave no threads to run on: {e}")))?;
    runtime.block_on(work)
}
