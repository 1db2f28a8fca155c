//! One channel of the layer: its queue, and the names of the groups it is in.
//!
//! A channel and its groups know each other. Both sides change together, under the lock of the channel's list, which is
//! always taken before a group's lock. So a group has a member exactly if the member's list has the group.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::stats::Counters;
use super::table::Entry;
use crate::layer::mailbox::{HasInbox, Inbox, Slot};
use crate::{ChannelName, GroupName};

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) inbox: Inbox,
    /// What a channel that no mailbox owns counts against the bound on their names.
    pub(super) permit: Option<Permit>,
    /// The groups it is in; nothing once its owner is gone.
    groups: Mutex<Option<HashSet<GroupName>>>,
}

impl Channel {
    pub(super) fn new(inbox: Inbox, permit: Option<Permit>) -> Self {
        Self { inbox, permit, groups: Mutex::new(Some(HashSet::new())) }
    }

    pub(super) fn groups(&self) -> MutexGuard<'_, Option<HashSet<GroupName>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the oldest messages that have expired, and returns how many.
    pub(super) fn drop_expired(&self, now: Instant) -> usize {
        self.inbox.queue.drop_while(|slot| !slot.is_fresh_at(now))
    }
}

impl Entry for Channel {
    type Name = ChannelName;

    fn name(&self) -> &ChannelName {
        &self.inbox.name
    }

    fn is_empty(&self) -> bool {
        self.inbox.queue.len() == 0 || {
            self.drop_expired(Instant::now());
            self.inbox.queue.len() == 0
        }
    }
}

impl HasInbox for Channel {
    fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

/// One of the names that the layer keeps for channels that nobody owns. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Permit(Arc<Counters>);

impl Permit {
    /// Takes one, if there are fewer than `max`.
    pub(super) fn take(counters: &Arc<Counters>, max: usize) -> Option<Self> {
        let taken = counters.unowned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1));
        taken.is_ok().then(|| Self(Arc::clone(counters)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let unowned: &AtomicUsize = &self.0.unowned;
        unowned.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slot {
    pub(super) fn is_fresh_at(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
