//! What the Redis layers count.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::layer::LocalStats;

/// What a Redis layer holds in this process, and what it has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStats {
    /// The channels of this process.
    pub local: LocalStats,
    /// Messages to groups that a process was too full for in Redis, one for each such process.
    pub dropped_over_capacity: u64,
    /// Messages that arrived and were not what the settings say, such as encrypted with an unknown key.
    pub dropped_undecodable: u64,
    /// Messages that arrived under a key of this process without a channel's name in them.
    pub dropped_unaddressed: u64,
    /// Messages that had expired when they arrived, or whose sender's clock is that far behind.
    pub dropped_expired: u64,
    /// Messages that nobody was subscribed to when they were published.
    pub dropped_no_subscriber: u64,
    /// Messages that a receiver that gave up had been handed, and that could not be given back for certain.
    pub dropped_in_return: u64,
    /// Messages of general channels that were given back, because their receiver had given up.
    pub given_back: u64,
    /// How often a connection to a server was made again.
    pub reconnects: u64,
    /// How often a server was found to have lost the memberships of this process.
    pub data_lost: u64,
}

/// A counter.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, number: usize) {
        self.0.fetch_add(number as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) over_capacity: Counter,
    pub(super) undecodable: Counter,
    pub(super) unaddressed: Counter,
    pub(super) expired: Counter,
    pub(super) no_subscriber: Counter,
    pub(super) lost: Counter,
    pub(super) given_back: Counter,
    pub(super) reconnects: Counter,
    pub(super) data_lost: Counter,
}

impl Counters {
    pub(super) fn read(&self, local: LocalStats) -> RedisStats {
        RedisStats {
            local,
            dropped_over_capacity: self.over_capacity.get(),
            dropped_undecodable: self.undecodable.get(),
            dropped_unaddressed: self.unaddressed.get(),
            dropped_expired: self.expired.get(),
            dropped_no_subscriber: self.no_subscriber.get(),
            dropped_in_return: self.lost.get(),
            given_back: self.given_back.get(),
            reconnects: self.reconnects.get(),
            data_lost: self.data_lost.get(),
        }
    }
}
