//! `channel-layers token`: makes tokens that let clients in, and says what a token is good for.
//!
//! Secrets come from files and the environment: what stands on a command line, others on the machine can read.

mod explain;
mod make;

use std::path::PathBuf;
use std::time::Duration;

use channel_layers::config::parse_time;
use channel_layers::gateway::auth::token::Algorithm;
use clap::Subcommand;

use crate::failure::Failure;

/// The variable with the secret that tokens are signed and checked with.
const SECRET: &str = "CHANNEL_LAYERS_TOKEN_SECRET";

/// Make and explain connection tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Make(make::Make),
    Explain(explain::Explain),
}

/// A secret, for `HS256` and its like.
#[derive(Debug, clap::Args)]
struct SecretArgs {
    /// A file with the secret that the gateway has too, at least 32 bytes. Without a key of any kind the variable
    /// CHANNEL_LAYERS_TOKEN_SECRET counts.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Token {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Make(make) => make.run(),
            Command::Explain(explain) => explain.run().await,
        }
    }
}

/// The secret in the environment, if there is one.
fn secret_of_environment() -> Option<String> {
    std::env::var(SECRET).ok().filter(|secret| !secret.is_empty())
}

/// Reads the name of an algorithm.
fn algorithm(name: &str) -> Result<Algorithm, String> {
    name.parse().map_err(|e: channel_layers::Error| e.to_string())
}

/// Reads a time.
fn time(text: &str) -> Result<Duration, String> {
    parse_time(text).ok_or_else(|| format!("{text:?} is no time: write such as 90s, 15m or 12h"))
}
