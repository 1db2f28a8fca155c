//! The verbs of the memory layer over its two tables, channels and groups. All of it is synchronous but waiting for a
//! message.
//!
//! Locks are taken in this order: a channel's list of groups, then a shard of either table or a group's members, then a
//! queue. Wakers run, and channels are given back, after all of them are released.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use tokio::time::Instant;

use super::channel::{Channel, Permit};
use super::config::MemoryConfig;
use super::group::Group;
use super::names::Names;
use super::stats::{Counters, MemoryStats};
use super::table::{Table, closed};
use crate::layer::MailboxOptions;
use crate::layer::mailbox::{Inbox, Slot};
use crate::queue::Refused;
use crate::{ChannelName, Error, ErrorKind, GroupName, Message, Result};

/// How many memberships each `group_add` looks at to find ended ones.
const LOOK: usize = 2;

#[derive(Debug)]
pub(super) struct Registry {
    config: MemoryConfig,
    names: Names,
    channels: Table<Channel>,
    groups: Table<Group>,
    counters: Arc<Counters>,
    closed: AtomicBool,
}

impl Registry {
    pub(super) fn new(config: MemoryConfig) -> Self {
        Self {
            config,
            names: Names::new(),
            channels: Table::new(),
            groups: Table::new(),
            counters: Arc::default(),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn config(&self) -> &MemoryConfig {
        &self.config
    }

    pub(super) fn stats(&self) -> MemoryStats {
        self.counters.read(self.channels.len(), self.groups.len())
    }

    pub(super) fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        self.open_check()?;
        self.names.channel(prefix)
    }

    /// Makes the channel of a mailbox.
    pub(super) fn open(&self, prefix: &str, options: &MailboxOptions) -> Result<Arc<Channel>> {
        let name = self.names.mailbox(prefix)?;
        let capacity = options.capacity.unwrap_or_else(|| self.config.capacity_of(&name));
        let make = || Ok(Channel::new(Inbox::new(name.clone(), capacity, options.bytes), None));
        self.channels.with(&name, make, Arc::clone)
    }

    /// Ends the channel of a mailbox.
    pub(super) fn release(&self, channel: &Arc<Channel>) {
        self.channels.remove(channel);
        channel.inbox.queue.close();
        channel.inbox.queue.clear();
        let groups = channel.groups().take();
        for group in groups.into_iter().flatten() {
            self.end_membership(&group, channel);
        }
    }

    pub(super) fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        self.check(&message)?;
        let slot = self.slot(message);
        let sent = self.with_channel(channel, |channel| self.deliver(channel, slot))?;
        match sent {
            None => {
                self.counters.no_receiver.fetch_add(1, Ordering::Relaxed);
            }
            Some(Ok(waker)) => waker.into_iter().for_each(Waker::wake),
            Some(Err(Refused::Closed(_))) => return Err(closed()),
            Some(Err(Refused::Full(_))) => return Err(self.full(channel)),
        }
        Ok(())
    }

    pub(super) async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        let Some(channel) = self.with_channel(channel, Arc::clone)? else {
            return Err(Error::new(ErrorKind::Closed, format!("the mailbox of channel {channel} is gone")));
        };
        let lease = Lease { registry: self, channel: Some(channel) };
        lease.channel().inbox.receive().await
    }

    pub(super) fn group_add(&self, name: &GroupName, channel: &ChannelName) -> Result<()> {
        self.open_check()?;
        let Some(channel) = self.with_channel(channel, Arc::clone)? else { return Ok(()) };
        let lease = Lease { registry: self, channel: Some(channel) };
        self.join(name, lease.channel())
    }

    fn join(&self, name: &GroupName, channel: &Arc<Channel>) -> Result<()> {
        let mut list = channel.groups();
        let Some(groups) = list.as_mut() else { return Ok(()) };
        let now = Instant::now();
        loop {
            let group = self.groups.with(name, || Ok(Group::new(name.clone())), Arc::clone)?;
            let mut members = group.members();
            if members.over {
                drop(members);
                self.groups.remove(&group);
                continue;
            }
            if !members.renew(channel, now) {
                let permit = channel.permit.as_ref().map(|_| self.permit()).transpose()?;
                members.add(Arc::clone(channel), now, permit);
                groups.insert(name.clone());
            }
            return Ok(());
        }
    }

    pub(super) fn group_discard(&self, name: &GroupName, channel: &ChannelName) -> Result<()> {
        self.open_check()?;
        let Some(channel) = self.channels.with_existing(channel, Arc::clone) else { return Ok(()) };
        let lease = Lease { registry: self, channel: Some(channel) };
        let mut groups = lease.channel().groups();
        if groups.as_mut().is_some_and(|groups| groups.remove(name)) {
            self.end_membership(name, lease.channel());
        }
        Ok(())
    }

    /// Takes a channel out of a group whose name is no longer on the channel's list.
    fn end_membership(&self, name: &GroupName, channel: &Arc<Channel>) {
        let Some(group) = self.groups.with_existing(name, Arc::clone) else { return };
        let mut members = group.members();
        let member = members.remove(channel);
        let over = members.over;
        drop(members);
        drop(member);
        if over {
            self.groups.remove(&group);
        }
    }

    pub(super) fn group_send(&self, name: &GroupName, message: Message) -> Result<()> {
        self.check(&message)?;
        self.open_check()?;
        let Some(group) = self.groups.with_existing(name, Arc::clone) else { return Ok(()) };
        let now = Instant::now();
        let expires = now.checked_add(self.config.expiry);
        let mut wakers = Vec::new();
        let members = group.members();
        for member in members.row() {
            let slot = Slot { message: message.clone(), expires };
            match self.deliver(&member.channel, slot) {
                Ok(waker) => wakers.extend(waker),
                Err(Refused::Full(_)) => self.drop_group_message(&member.channel),
                Err(Refused::Closed(_)) => {}
            }
        }
        drop(members);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn drop_group_message(&self, channel: &Channel) {
        channel.inbox.dropped.fetch_add(1, Ordering::Relaxed);
        self.counters.capacity.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn flush(&self) -> Result<()> {
        self.open_check()?;
        for channel in self.channels.all() {
            self.empty(&channel);
            self.channels.give_back(channel);
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for channel in self.channels.close() {
            channel.inbox.queue.close();
            self.empty(&channel);
        }
        self.groups.close();
    }

    fn empty(&self, channel: &Arc<Channel>) {
        let groups = channel.groups().as_mut().map(std::mem::take);
        for group in groups.into_iter().flatten() {
            self.end_membership(&group, channel);
        }
        channel.inbox.queue.clear();
    }

    /// Does something with a channel; nothing where it is that of a mailbox that is gone.
    fn with_channel<R>(&self, name: &ChannelName, act: impl FnOnce(&Arc<Channel>) -> R) -> Result<Option<R>> {
        if self.names.is_mailbox(name) {
            self.open_check()?;
            return Ok(self.channels.with_existing(name, act));
        }
        let make = || {
            let permit = Some(self.permit()?);
            let inbox = Inbox::new(name.clone(), self.config.capacity_of(name), self.config.channel_bytes);
            Ok(Channel::new(inbox, permit))
        };
        self.channels.with(name, make, act).map(Some)
    }

    /// Queues a message; messages that have expired make room first.
    fn deliver(&self, channel: &Arc<Channel>, slot: Slot) -> Result<Option<Waker>, Refused<Slot>> {
        let size = slot.message.size();
        match channel.inbox.queue.push_unwoken(slot, size) {
            Err(Refused::Full(slot)) if channel.drop_expired(Instant::now()) > 0 => {
                channel.inbox.queue.push_unwoken(slot, size)
            }
            pushed => pushed,
        }
    }

    fn slot(&self, message: Message) -> Slot {
        Slot { message, expires: Instant::now().checked_add(self.config.expiry) }
    }

    fn check(&self, message: &Message) -> Result<()> {
        let (size, max) = (message.size(), self.config.max_message_size);
        if size <= max {
            return Ok(());
        }
        Err(Error::new(ErrorKind::MessageTooLarge, format!("the message has {size} bytes, {max} are allowed")))
    }

    fn open_check(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }

    fn permit(&self) -> Result<Permit> {
        let max = self.config.max_unowned;
        Permit::take(&self.counters, max).ok_or_else(|| {
            let text = format!("the layer keeps {max} names of channels that nobody owns, which is its bound");
            Error::new(ErrorKind::ChannelFull, text)
        })
    }

    fn full(&self, channel: &ChannelName) -> Error {
        let capacity = self.config.capacity_of(channel);
        let text = format!("channel {channel} is full: its capacity is {capacity} messages");
        Error::new(ErrorKind::ChannelFull, text)
    }
}

/// A reference to a channel for as long as a verb uses it.
struct Lease<'a> {
    registry: &'a Registry,
    channel: Option<Arc<Channel>>,
}

impl Lease<'_> {
    fn channel(&self) -> &Arc<Channel> {
        self.channel.as_ref().expect("taken only when dropped")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            self.registry.channels.give_back(channel);
        }
    }
}
