//! What the client library's errors mean here.

use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

use crate::{Error, ErrorKind};

/// The error for whoever called a verb: what failed, at which server, and whether anything was done.
pub(super) fn error(host: &str, fault: RedisError) -> Error {
    let fault = plain(fault);
    let (kind, text) = match fault.kind() {
        _ if fault.is_timeout() => (
            ErrorKind::Timeout,
            format!("Redis {host} did not answer in time; whether it did what was asked is not known"),
        ),
        Kind::Io => {
            let text = format!(
                "the connection to Redis {host} was lost before the answer: {fault}; whether it did what was asked is not known"
            );
            (ErrorKind::Disconnected, text)
        }
        Kind::Server(ServerErrorKind::ReadOnly) => {
            let text = format!("Redis {host} is a read-only replica: name its master, or sentinels that know it");
            (ErrorKind::Unavailable, text)
        }
        _ if is_out_of_memory(&fault) => {
            let text = format!("Redis {host} is out of memory: raise its maxmemory, or find out who fills it");
            (ErrorKind::Unavailable, text)
        }
        Kind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown) => {
            (ErrorKind::Unavailable, format!("Redis {host} is not ready, nothing was done: {fault}"))
        }
        Kind::Server(ServerErrorKind::NoPerm) => {
            (ErrorKind::Config, format!("Redis {host} does not let this user do it: {fault}"))
        }
        _ => (ErrorKind::Io, format!("Redis {host} answered with an error: {fault}")),
    };
    Error::new(kind, text).with_source(fault)
}

/// The error where a server was not reached at all, so that nothing was done.
pub(super) fn unreachable(host: &str, reason: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("Redis {host} is out of reach, nothing was done: {reason}"))
}

/// Whether this user may not do what was asked.
pub(super) fn is_forbidden(fault: &RedisError) -> bool {
    matches!(fault.kind(), Kind::Server(ServerErrorKind::NoPerm))
}

/// Whether the server does not have the command, as where an administrator has renamed it.
pub(super) fn is_unknown(fault: &RedisError) -> bool {
    fault.detail().is_some_and(|text| text.starts_with("unknown command") || text.starts_with("unknown subcommand"))
}

/// Whether the server that answered is not the one to ask any more.
pub(super) fn is_demoted(fault: &RedisError) -> bool {
    matches!(
        fault.kind(),
        Kind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading)
    )
}

/// Whether an error that [`error`] made is of a server that answered like this.
pub(super) fn is_from(error: &Error, kind: Kind) -> bool {
    let fault = std::error::Error::source(error).and_then(|source| source.downcast_ref::<RedisError>());
    fault.is_some_and(|fault| fault.kind() == kind)
}

/// The first error of several that were answered together: the library does not tell the codes of all of these.
fn plain(fault: RedisError) -> RedisError {
    let first = fault.clone().into_server_errors().and_then(|errors| errors.first().map(|(_, error)| error.clone()));
    first.map_or(fault, RedisError::from)
}

fn is_out_of_memory(fault: &RedisError) -> bool {
    // Before Redis 7 a script's error is a text around the one that stopped it.
    fault.code() == Some("OOM") || fault.detail().is_some_and(|text| text.contains("OOM command not allowed"))
}

#[cfg(test)]
mod tests;
