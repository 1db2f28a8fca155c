//! How a command fails: one line for people, one code for scripts.

use std::fmt;
use std::process::ExitCode;

use channel_layers::config::Problems;
use channel_layers::{Error, ErrorKind};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    text: String,
}

/// The exit code.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
}

impl Failure {
    /// The gateway refused, or something broke.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, text: text.into() }
    }

    /// What was asked for cannot be.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, text: text.into() }
    }

    /// Settings are wrong.
    pub(crate) fn settings(problems: &Problems) -> Self {
        Self::usage(problems.to_string())
    }

    /// There is no gateway, or it does not answer.
    pub(crate) fn unreachable(url: &str, why: impl fmt::Display) -> Self {
        let text = format!("no gateway answers at {url}: {why}; is `channel-layers serve` running there?");
        Self { kind: Kind::Unreachable, text }
    }

    /// What the library says, about the gateway at `url`.
    pub(crate) fn of(error: &Error, url: &str) -> Self {
        match error.kind() {
            ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Unavailable | ErrorKind::Io => {
                Self::unreachable(url, error)
            }
            ErrorKind::InvalidName | ErrorKind::InvalidMessage | ErrorKind::Config => Self::usage(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }

    /// What the library says, about a channel layer.
    pub(crate) fn of_layer(error: &Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Unavailable | ErrorKind::Io => Kind::Unreachable,
            ErrorKind::InvalidName | ErrorKind::InvalidMessage | ErrorKind::Config => Kind::Usage,
            _ => Kind::Failed,
        };
        Self { kind, text: error.to_string() }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
