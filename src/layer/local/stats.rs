//! What the channels of this process count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What the channels of this process hold, and what they have dropped since their layer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalStats {
    /// Channels: open mailboxes, and names under which messages wait, somebody receives, or a membership stands.
    pub channels: usize,
    /// Groups that have members.
    pub groups: usize,
    /// Names and memberships that count against [`max_unowned`](super::super::MemoryConfig::max_unowned).
    pub unowned: usize,
    /// Group messages that a member had no room for, by number.
    pub dropped_capacity: u64,
    /// Group messages that a member had no room for, by bytes.
    pub dropped_bytes: u64,
    /// Messages to mailboxes that were gone.
    pub dropped_no_receiver: u64,
    /// Messages that nobody received in time, as far as they were met: a channel that nobody touches again is looked at
    /// when its name is.
    pub dropped_expired: u64,
}

#[derive(Debug, Default)]
pub(in crate::layer) struct Counters {
    pub(in crate::layer) unowned: AtomicUsize,
    pub(in crate::layer) capacity: AtomicU64,
    pub(in crate::layer) bytes: AtomicU64,
    pub(in crate::layer) no_receiver: AtomicU64,
    pub(in crate::layer) expired: Arc<AtomicU64>,
}

impl Counters {
    pub(in crate::layer) fn read(&self, channels: usize, groups: usize) -> LocalStats {
        LocalStats {
            channels,
            groups,
            unowned: self.unowned.load(Ordering::Relaxed),
            dropped_capacity: self.capacity.load(Ordering::Relaxed),
            dropped_bytes: self.bytes.load(Ordering::Relaxed),
            dropped_no_receiver: self.no_receiver.load(Ordering::Relaxed),
            dropped_expired: self.expired.load(Ordering::Relaxed),
        }
    }
}
