//! What is logged to standard error, and how.

use std::io::IsTerminal;

use channel_layers::config::LogFormat;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Whether a text says what is logged.
pub(crate) fn read(filter: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(filter)
        .map_err(|e| Failure::usage(format!("the log filter is wrong: {e}; write such as `info`")))
}

/// Logs what passes the filter, from now on.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = read(filter)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        _ => log.with_ansi(std::io::stderr().is_terminal()).init(),
    }
    Ok(())
}

/// Logs as `RUST_LOG` says, or else what people should know: for commands that have no settings.
pub(crate) fn start_plain() -> Result<(), Failure> {
    let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    start(filter.as_deref().unwrap_or("warn,channel_layers=info"), LogFormat::Text)
}
