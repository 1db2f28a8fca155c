//! One channel of the layer: its queue, and the names of the groups it is in.
//!
//! A channel and its groups know each other. Both sides change together, under the lock of the channel's list, which is
//! always taken before a group's lock. So a group has a member exactly if the member's list has the group.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::time::Instant;

use super::stats::Counters;
use super::table::{Entry, closed};
use crate::layer::mailbox::{HasInbox, Inbox, Slot};
use crate::queue::Refused;
use crate::{ChannelName, Error, ErrorKind, GroupName};

#[derive(Debug)]
pub(in crate::layer) struct Channel {
    pub(in crate::layer) inbox: Inbox,
    /// What a channel that no mailbox owns counts against the bound on their names.
    permit: Option<Permit>,
    /// The groups it is in; nothing once its owner is gone.
    groups: Mutex<Option<HashSet<GroupName>>>,
}

impl Channel {
    pub(super) fn new(inbox: Inbox, permit: Option<Permit>) -> Self {
        Self { inbox, permit, groups: Mutex::new(Some(HashSet::new())) }
    }

    /// Whether a mailbox owns it, or did.
    pub(super) fn is_owned(&self) -> bool {
        self.permit.is_none()
    }

    /// The most messages that it holds.
    pub(super) fn capacity(&self) -> usize {
        self.inbox.queue.max_items()
    }

    /// Queues a message, and returns whom to wake for it. Messages that have expired make room first.
    pub(super) fn deliver(&self, slot: Slot, now: Instant) -> Result<Option<Waker>, Full> {
        let pushed = match self.inbox.push(slot) {
            Err(Refused::Full(slot)) if self.inbox.drop_expired(now) > 0 => self.inbox.push(slot),
            pushed => pushed,
        };
        pushed.map_err(|refused| match refused {
            Refused::Closed(_) => Full::Closed,
            Refused::Full(_) if self.inbox.is_at_capacity() => Full::Messages,
            Refused::Full(_) => Full::Bytes,
        })
    }

    pub(super) fn groups(&self) -> MutexGuard<'_, Option<HashSet<GroupName>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry for Channel {
    type Name = ChannelName;

    /// Messages expire without anybody's doing.
    const SWEPT: bool = true;

    fn name(&self) -> &ChannelName {
        &self.inbox.name
    }

    fn is_unused(&self) -> bool {
        self.inbox.queue.len() == 0 || {
            self.inbox.drop_expired(Instant::now());
            self.inbox.queue.len() == 0
        }
    }
}

impl HasInbox for Channel {
    fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

/// Why a channel takes no message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Full {
    /// It holds as many as it may.
    Messages,
    /// The message would take it beyond the bytes that it may hold.
    Bytes,
    /// It was closed.
    Closed,
}

impl Full {
    /// The error for whoever sends to the channel.
    pub(super) fn error(self, channel: &ChannelName, capacity: usize) -> Error {
        let text = match self {
            Self::Messages => format!("channel {channel} is full: its capacity is {capacity} messages"),
            Self::Bytes => {
                format!("channel {channel} is full: no room for so many bytes (its capacity is {capacity} messages)")
            }
            Self::Closed => return closed(),
        };
        Error::new(ErrorKind::ChannelFull, text)
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
        self.0.unowned.fetch_sub(1, Ordering::Relaxed);
    }
}
