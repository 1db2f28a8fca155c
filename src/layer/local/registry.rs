//! The channels of this process, their settings, and the verbs that concern them. All of it is synchronous but waiting
//! for a message. The verbs that concern groups are in `groups.rs`.
//!
//! Locks are taken in this order: a channel's list of groups, then a group's members or a shard of either table, then a
//! queue. Wakers run after all of them are released.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::channel::{Channel, Permit};
use super::group::Group;
use super::names::Names;
use super::settings::Settings;
use super::stats::{Counters, LocalStats};
use super::table::{Table, closed};
use crate::layer::MailboxOptions;
use crate::layer::mailbox::{Inbox, Slot};
use crate::{ChannelName, Error, ErrorKind, GroupName, Message, Result};

#[derive(Debug)]
pub(in crate::layer) struct Registry {
    settings: Settings,
    names: Names,
    pub(super) channels: Table<Channel>,
    pub(super) groups: Table<Group>,
    pub(super) counters: Arc<Counters>,
    closed: AtomicBool,
}

impl Registry {
    pub(in crate::layer) fn new(settings: Settings) -> Self {
        Self {
            settings,
            names: Names::new(),
            channels: Table::new(),
            groups: Table::new(),
            counters: Arc::default(),
            closed: AtomicBool::new(false),
        }
    }

    pub(in crate::layer) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(in crate::layer) fn stats(&self) -> LocalStats {
        self.counters.read(self.channels.len(), self.groups.len())
    }

    /// Whether this instance made a name, for a mailbox or not.
    pub(in crate::layer) fn is_own(&self, channel: &ChannelName) -> bool {
        self.names.is_own(channel)
    }

    /// Whether this instance made a name for a mailbox.
    pub(in crate::layer) fn is_mailbox(&self, channel: &ChannelName) -> bool {
        self.names.is_mailbox(channel.as_str())
    }

    /// What stands between the prefix and the lane in the names of mailboxes.
    pub(in crate::layer) fn mailbox_stem(&self) -> &str {
        self.names.mailboxes()
    }

    pub(in crate::layer) fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        self.check_open()?;
        self.names.channel(prefix)
    }

    /// Makes the channel of a mailbox. Its name's part before the `!` ends in the lane, if one is given.
    pub(in crate::layer) fn open(
        &self,
        prefix: &str,
        lane: Option<&str>,
        options: &MailboxOptions,
    ) -> Result<Arc<Channel>> {
        let name = self.names.mailbox(prefix, lane)?;
        let capacity = options.capacity.unwrap_or_else(|| self.settings.capacity_of(&name));
        let inbox = || self.inbox(&name, capacity, options.bytes).with_sink(options.sink.clone());
        self.channels.with(&name, || Ok(Channel::new(inbox(), None)), Arc::clone)
    }

    /// Ends the channel of a mailbox. Returns the groups that it was in.
    pub(in crate::layer) fn release(&self, channel: &Arc<Channel>) -> Vec<GroupName> {
        self.channels.remove(channel);
        channel.inbox.close();
        channel.inbox.queue.clear();
        let groups: Vec<_> = channel.groups().take().into_iter().flatten().collect();
        for group in &groups {
            self.end_membership(group, channel);
        }
        groups
    }

    pub(in crate::layer) fn send(&self, name: &ChannelName, message: Message) -> Result<()> {
        self.check_size(&message)?;
        let now = Instant::now();
        let slot = Slot { message, expires: now.checked_add(self.settings.expiry) };
        // In the table's hands, so that nobody finds the channel unused between the look-up and the push.
        let sent =
            self.with_channel(name, |channel| channel.deliver(slot, now).map_err(|full| (full, channel.capacity())))?;
        match sent {
            None => {
                self.counters.no_receiver.fetch_add(1, Ordering::Relaxed);
            }
            Some(Ok(waker)) => waker.into_iter().for_each(Waker::wake),
            Some(Err((full, capacity))) => return Err(full.error(name, capacity)),
        }
        Ok(())
    }

    /// Takes a message that came from elsewhere and is so old, for channels whose names nobody has checked. What there
    /// is no room for is counted. Returns how many of the names are none.
    pub(in crate::layer) fn arrive<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        message: &Message,
        age: Duration,
    ) -> usize {
        let now = Instant::now();
        let expires = now.checked_add(self.settings.expiry.saturating_sub(age));
        let deliver = |channel: &Arc<Channel>| {
            let delivered = channel.deliver(Slot { message: message.clone(), expires }, now);
            delivered.inspect_err(|full| self.count_dropped(channel, *full))
        };
        let mut unnamed = 0;
        for name in names {
            let arrived = if self.names.is_mailbox(name) {
                Ok(self.channels.with_existing(name, deliver))
            } else if let Ok(name) = ChannelName::new(name) {
                self.with_channel(&name, deliver)
            } else {
                unnamed += 1;
                continue;
            };
            match arrived {
                Ok(Some(Ok(waker))) => waker.into_iter().for_each(Waker::wake),
                Ok(Some(Err(_))) => {}
                Ok(None) => drop(self.counters.no_receiver.fetch_add(1, Ordering::Relaxed)),
                // No room for one more name.
                Err(_) => drop(self.counters.capacity.fetch_add(1, Ordering::Relaxed)),
            }
        }
        unnamed
    }

    pub(in crate::layer) async fn receive(&self, name: &ChannelName) -> Result<Message> {
        let Some(channel) = self.lease(name)? else {
            return Err(Error::new(ErrorKind::Closed, format!("the mailbox of channel {name} was dropped")));
        };
        channel.get().inbox.receive().await
    }

    pub(in crate::layer) fn flush(&self) -> Result<()> {
        self.check_open()?;
        for channel in self.channels.all() {
            self.empty(&channel);
            self.channels.give_back(channel);
        }
        Ok(())
    }

    pub(in crate::layer) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for channel in self.channels.close() {
            channel.inbox.close();
            self.empty(&channel);
        }
        self.groups.close();
    }

    fn empty(&self, channel: &Arc<Channel>) {
        let mut list = channel.groups();
        for group in list.as_mut().map(std::mem::take).into_iter().flatten() {
            self.end_membership(&group, channel);
        }
        drop(list);
        channel.inbox.queue.clear();
    }

    /// Does something with a channel; nothing where it is that of a mailbox that is gone.
    fn with_channel<R>(&self, name: &ChannelName, act: impl FnOnce(&Arc<Channel>) -> R) -> Result<Option<R>> {
        if self.names.is_mailbox(name.as_str()) {
            self.check_open()?;
            return Ok(self.channels.with_existing(name, act));
        }
        let make = || {
            let permit = Some(self.permit(name)?);
            Ok(Channel::new(self.inbox(name, self.settings.capacity_of(name), self.settings.channel_bytes), permit))
        };
        self.channels.with(name, make, act).map(Some)
    }

    /// A channel for as long as a verb uses it; nothing where it is that of a mailbox that is gone.
    pub(super) fn lease(&self, name: &ChannelName) -> Result<Option<Lease<'_>>> {
        let channel = self.with_channel(name, Arc::clone)?;
        Ok(channel.map(|channel| Lease::new(self, channel)))
    }

    fn inbox(&self, name: &ChannelName, capacity: usize, bytes: usize) -> Inbox {
        Inbox::new(name.clone(), capacity, bytes, Arc::clone(&self.counters.expired))
    }

    /// What keeping something for a channel that nobody owns takes.
    pub(super) fn permit(&self, channel: &ChannelName) -> Result<Permit> {
        let max = self.settings.max_unowned;
        Permit::take(&self.counters, max).ok_or_else(|| {
            let text =
                format!("no room for channel {channel}: the layer keeps at most {max} names that no mailbox owns");
            Error::new(ErrorKind::ChannelFull, text)
        })
    }

    pub(in crate::layer) fn check_size(&self, message: &Message) -> Result<()> {
        let (size, max) = (message.size(), self.settings.max_message_size);
        if size <= max {
            return Ok(());
        }
        Err(Error::new(ErrorKind::MessageTooLarge, format!("the message has {size} bytes, {max} are allowed")))
    }

    pub(in crate::layer) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }
}

/// A reference to a channel that goes back to the table when it is dropped: the last one takes an unused channel out.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    registry: &'a Registry,
    channel: Option<Arc<Channel>>,
}

impl<'a> Lease<'a> {
    pub(super) fn new(registry: &'a Registry, channel: Arc<Channel>) -> Self {
        Self { registry, channel: Some(channel) }
    }

    pub(super) fn get(&self) -> &Arc<Channel> {
        self.channel.as_ref().expect("it goes back when the lease is dropped")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            self.registry.channels.give_back(channel);
        }
    }
}
