//! One group: its members in a row, each with a direct reference to its channel, and an index of their places. So
//! joining and leaving cost the same whatever the group's size, and sending is a walk along the row.
//!
//! What must stay true: a group without members is over, and a group that is over stays so. Whoever ends it takes it
//! out of the table; whoever meets it in between makes a new one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::time::Instant;

use super::channel::{Channel, Permit};
use super::index::{Hashed, Index};
use super::table::Entry;
use crate::GroupName;

#[derive(Debug)]
pub(super) struct Group {
    name: GroupName,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
pub(super) struct Members {
    /// Found by the channel's address: its member keeps the channel alive.
    index: Index<Member>,
    /// Where the next look for ended memberships begins.
    cursor: usize,
    over: bool,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) channel: Arc<Channel>,
    /// When the membership ends; never, if that is beyond what the clock can say.
    ends: Option<Instant>,
    /// What the membership of a channel that no mailbox owns counts against the bound on their names.
    _permit: Option<Permit>,
}

impl Group {
    pub(super) fn new(name: GroupName) -> Self {
        Self { name, members: Mutex::default() }
    }

    pub(super) fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The members, unless somebody is busy with them.
    pub(super) fn try_members(&self) -> Option<MutexGuard<'_, Members>> {
        match self.members.try_lock() {
            Ok(members) => Some(members),
            Err(TryLockError::Poisoned(members)) => Some(members.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Entry for Group {
    type Name = GroupName;

    /// The last member takes the group out of the table as it leaves.
    const SWEPT: bool = false;

    fn name(&self) -> &GroupName {
        &self.name
    }

    fn is_unused(&self) -> bool {
        false
    }
}

impl Member {
    pub(super) fn has_ended(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

impl Members {
    pub(super) fn row(&self) -> &[Member] {
        self.index.row()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Sets the end of a membership anew. Returns whether the channel is a member.
    pub(super) fn renew(&mut self, channel: &Arc<Channel>, ends: Option<Instant>) -> bool {
        let place = self.place(channel);
        if let Some(place) = place {
            self.index.at_mut(place).ends = ends;
        }
        place.is_some()
    }

    /// Adds a channel that is no member.
    pub(super) fn add(&mut self, channel: Arc<Channel>, ends: Option<Instant>, permit: Option<Permit>) {
        self.index.push(Member { channel, ends, _permit: permit });
    }

    /// Whether the channel is a member whose membership has ended.
    pub(super) fn has_ended(&self, channel: &Arc<Channel>, now: Instant) -> bool {
        self.place(channel).is_some_and(|place| self.row()[place].has_ended(now))
    }

    /// Removes a channel; the group ends with its last one.
    pub(super) fn remove(&mut self, channel: &Arc<Channel>) -> Option<Member> {
        let member = self.index.remove(self.place(channel)?);
        self.over = self.row().is_empty();
        Some(member)
    }

    /// Looks at the next few members, and returns those whose membership has ended.
    pub(super) fn look(&mut self, count: usize, now: Instant) -> Vec<Arc<Channel>> {
        let mut ended = Vec::new();
        for _ in 0..count.min(self.row().len()) {
            self.cursor = if self.cursor + 1 < self.row().len() { self.cursor + 1 } else { 0 };
            let member = &self.row()[self.cursor];
            if member.has_ended(now) {
                ended.push(Arc::clone(&member.channel));
            }
        }
        ended
    }

    fn place(&self, channel: &Arc<Channel>) -> Option<usize> {
        self.index.place(hash(channel), |member| Arc::ptr_eq(&member.channel, channel))
    }
}

impl Hashed for Member {
    fn hash(&self) -> u64 {
        hash(&self.channel)
    }
}

/// A hash of the channel's address, which no peer can choose: a product whose upper half, which all bits of the address
/// have gone into, is mixed into the lower one.
fn hash(channel: &Arc<Channel>) -> u64 {
    let product = (Arc::as_ptr(channel).addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}
