//! Whether a layer carries messages right now, by what its own test messages did.

use std::sync::Arc;
use std::time::Duration;

/// How a layer is. A layer on a server sends itself a small message over each server every few seconds, on the path
/// that every message takes; this tells what became of the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// One entry for each server, in the order of the settings. None for a layer of one process, which is always well.
    pub hosts: Vec<HostHealth>,
}

/// How one server of a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostHealth {
    /// The server, without its password.
    pub host: Arc<str>,
    /// How long the last test message took to come back; nothing if it did not come in time, or none was sent yet.
    pub lag: Option<Duration>,
    /// What is wrong, in words, where something is.
    pub fault: Option<Arc<str>>,
}

impl Health {
    /// Whether every server carries messages: what readiness should be decided by.
    pub fn is_ready(&self) -> bool {
        self.hosts.iter().all(HostHealth::is_ready)
    }
}

impl HostHealth {
    /// Whether this server carries messages.
    pub fn is_ready(&self) -> bool {
        self.lag.is_some() && self.fault.is_none()
    }
}
