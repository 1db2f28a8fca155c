//! Counters: what the backend has said, and how often it said nothing.

use crate::gateway::stats::Counter;

/// The counters of one authorizer.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) allowed: Counter,
    pub(super) denied: Counter,
    pub(super) cached: Counter,
    pub(super) failed: Counter,
}

impl Counters {
    pub(super) fn snapshot(&self) -> CallbackStats {
        CallbackStats {
            allowed: self.allowed.get(),
            denied: self.denied.get(),
            cached: self.cached.get(),
            failed: self.failed.get(),
        }
    }
}

/// What a [`CallbackAuthorizer`](super::CallbackAuthorizer) has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallbackStats {
    /// Questions that the backend answered with a yes.
    pub allowed: u64,
    /// Questions that it answered with a no.
    pub denied: u64,
    /// Questions that were not asked, because the answer was known.
    pub cached: u64,
    /// Questions without an answer that can be used: too late, too large, broken. All of them count as a no.
    pub failed: u64,
}
