//! One group: its members in a row, each with a direct reference to its channel, and an index of their places. So
//! joining and leaving cost the same whatever the group's size, and sending is a walk along the row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::channel::{Channel, Permit};
use super::table::Entry;
use crate::GroupName;

#[derive(Debug)]
pub(super) struct Group {
    name: GroupName,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
pub(super) struct Members {
    row: Vec<Member>,
    /// Where each channel stands in the row, by the channel's address: the member keeps the channel alive.
    places: HashMap<usize, usize>,
    /// Where the next look for ended memberships begins.
    cursor: usize,
    /// The last member has left: the group is no longer in the table, or will not be in a moment.
    pub(super) over: bool,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) channel: Arc<Channel>,
    pub(super) added: Instant,
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
}

impl Entry for Group {
    type Name = GroupName;

    fn name(&self) -> &GroupName {
        &self.name
    }

    fn is_empty(&self) -> bool {
        // The last member takes the group out as it leaves.
        false
    }
}

impl Members {
    pub(super) fn row(&self) -> &[Member] {
        &self.row
    }

    /// Begins a membership anew, if the channel is a member.
    pub(super) fn renew(&mut self, channel: &Arc<Channel>, now: Instant) -> bool {
        let place = self.places.get(&address(channel));
        if let Some(place) = place {
            self.row[*place].added = now;
        }
        place.is_some()
    }

    /// Adds a channel that is no member.
    pub(super) fn add(&mut self, channel: Arc<Channel>, now: Instant, permit: Option<Permit>) {
        self.places.insert(address(&channel), self.row.len());
        self.row.push(Member { channel, added: now, _permit: permit });
    }

    pub(super) fn get(&self, channel: &Arc<Channel>) -> Option<&Member> {
        self.places.get(&address(channel)).map(|place| &self.row[*place])
    }

    /// Removes a channel, and ends the group with its last one.
    pub(super) fn remove(&mut self, channel: &Arc<Channel>) -> Option<Member> {
        let place = self.places.remove(&address(channel))?;
        let member = self.row.swap_remove(place);
        if let Some(moved) = self.row.get(place) {
            self.places.insert(address(&moved.channel), place);
        }
        if self.row.len() * 4 < self.row.capacity() && self.row.capacity() > 64 {
            let room = self.row.capacity() / 2;
            self.row.shrink_to(room);
            self.places.shrink_to(room);
        }
        self.over = self.row.is_empty();
        Some(member)
    }

    /// Looks at the next few members, and returns those that were added before `since`.
    pub(super) fn look(&mut self, count: usize, since: Instant) -> Vec<Arc<Channel>> {
        let mut ended = Vec::new();
        for _ in 0..count.min(self.row.len()) {
            self.cursor = if self.cursor + 1 < self.row.len() { self.cursor + 1 } else { 0 };
            let member = &self.row[self.cursor];
            if member.added <= since {
                ended.push(Arc::clone(&member.channel));
            }
        }
        ended
    }
}

fn address(channel: &Arc<Channel>) -> usize {
    Arc::as_ptr(channel).addr()
}
