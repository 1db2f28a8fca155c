//! What a room's two ends share: the layer's deliveries, which come from any thread, and the shards.
//!
//! What must stay true: a shard is told of a message only while it has members, or soon will have; what it was told of
//! and has not handed round counts against the room's bounds; and once a message did not fit, none is put in behind
//! the gap until the shard has put its members out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::shard::RoomId;
use crate::protocol::GroupName;

/// A room's place in each shard.
#[derive(Debug)]
pub(crate) struct Roster {
    id: RoomId,
    group: GroupName,
    /// Messages are dropped for clients that cannot take them at once.
    volatile: bool,
    parts: Box<[Part]>,
}

/// A room's place in one shard.
#[derive(Debug, Default)]
pub(crate) struct Part {
    members: AtomicUsize,
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// A message did not fit.
    losing: AtomicBool,
}

/// How much may wait for one room in one shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Roster {
    pub(crate) fn new(id: RoomId, group: GroupName, volatile: bool, shards: usize) -> Arc<Self> {
        Arc::new(Self { id, group, volatile, parts: (0..shards).map(|_| Part::default()).collect() })
    }

    pub(crate) fn id(&self) -> RoomId {
        self.id
    }

    pub(crate) fn group(&self) -> &GroupName {
        &self.group
    }

    pub(crate) fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Its place in a shard.
    pub(crate) fn part(&self, shard: usize) -> &Part {
        &self.parts[shard]
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How many members the room has.
    pub(crate) fn members(&self) -> usize {
        self.parts.iter().map(|part| part.members.load(Ordering::Relaxed)).sum()
    }
}

impl Part {
    /// Whether the shard has members, or somebody who is about to be one.
    pub(crate) fn has_members(&self) -> bool {
        self.members.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn enter(&self) {
        self.members.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn leave(&self) {
        self.members.fetch_sub(1, Ordering::SeqCst);
    }

    /// Counts a message in; false when there is no room for it. One always fits, whatever its size.
    pub(crate) fn admit(&self, bytes: usize, bounds: Bounds) -> bool {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting_bytes = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = waiting < bounds.messages && (waiting == 0 || waiting_bytes + bytes <= bounds.bytes);
        if !fits {
            self.release(bytes);
        }
        fits
    }

    /// Counts a message out.
    pub(crate) fn release(&self, bytes: usize) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Notes that a message did not fit. True for the first one: the shard has to be told.
    pub(crate) fn begin_losing(&self) -> bool {
        !self.losing.swap(true, Ordering::SeqCst)
    }

    /// Whether messages are kept back because one before them did not fit.
    pub(crate) fn is_losing(&self) -> bool {
        self.losing.load(Ordering::SeqCst)
    }

    /// The members were put out.
    pub(crate) fn end_losing(&self) {
        self.losing.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
