//! The verbs that concern groups of the channels of this process.
//!
//! Nothing looks through all memberships for those that have ended: `group_send` meets the ones of its group, and each
//! `group_add` looks at a few of some other group, so that growing pays for forgetting.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use tokio::time::Instant;

use super::channel::{Channel, Full};
use super::group::{Group, Members};
use super::registry::{Lease, Registry};
use super::table::Entry;
use crate::layer::mailbox::Slot;
use crate::row::Row;
use crate::{ChannelName, GroupName, Message, Result};

/// How many memberships of some other group each `group_add` looks at. Two, so that looking outruns growing.
const LOOK: usize = 2;

impl Registry {
    pub(in crate::layer) fn group_add(&self, name: &GroupName, channel: &ChannelName) -> Result<()> {
        self.check_open()?;
        let Some(channel) = self.lease(channel)? else { return Ok(()) };
        self.join(name, channel.get())?;
        self.look(name);
        Ok(())
    }

    fn join(&self, name: &GroupName, channel: &Arc<Channel>) -> Result<()> {
        let mut list = channel.groups();
        let Some(list) = list.as_mut() else { return Ok(()) };
        // An open mailbox is proof that its owner is there, so its memberships last as long as it does.
        let ends = Instant::now().checked_add(self.settings().group_expiry).filter(|_| !channel.is_owned());
        let mut permit = None;
        if !list.contains(name) && !channel.is_owned() {
            permit = Some(self.permit(channel.name())?);
        }
        loop {
            let group = self.groups.with(name, || Ok(Group::new(name.clone())), Arc::clone)?;
            let mut members = group.members();
            if members.is_over() {
                drop(members);
                self.groups.remove(&group);
                continue;
            }
            if !members.renew(channel, ends) {
                members.add(Arc::clone(channel), ends, permit);
                list.insert(name.clone());
            }
            return Ok(());
        }
    }

    pub(in crate::layer) fn group_discard(&self, name: &GroupName, channel: &ChannelName) -> Result<()> {
        self.check_open()?;
        let Some(channel) = self.channels.with_existing(channel, Arc::clone) else { return Ok(()) };
        let channel = Lease::new(self, channel);
        let mut list = channel.get().groups();
        if list.as_mut().is_some_and(|list| list.remove(name)) {
            self.end_membership(name, channel.get());
        }
        Ok(())
    }

    /// Whether a group has members.
    pub(in crate::layer) fn has_group(&self, name: &GroupName) -> bool {
        self.groups.with_existing(name, |_| ()).is_some()
    }

    /// Whether a channel is noted as a member of a group.
    pub(in crate::layer) fn is_member(&self, name: &GroupName, channel: &ChannelName) -> bool {
        let noted = |channel: &Arc<Channel>| channel.groups().as_ref().is_some_and(|groups| groups.contains(name));
        // Not under the table's lock: a channel's list is locked before it.
        self.channels.with_existing(channel, Arc::clone).is_some_and(|channel| noted(&channel))
    }

    /// The groups that mailboxes are in, and which.
    pub(in crate::layer) fn memberships(&self) -> Vec<(GroupName, Vec<ChannelName>)> {
        let owned = |group: Arc<Group>| {
            let members = group.members();
            let owned = members.row().iter().filter(|member| member.channel.is_owned());
            (group.name().clone(), owned.map(|member| member.channel.name().clone()).collect::<Vec<_>>())
        };
        self.groups.all().into_iter().map(owned).filter(|(_, members)| !members.is_empty()).collect()
    }

    /// Takes a channel out of a group that has just been taken off the channel's list.
    pub(super) fn end_membership(&self, name: &GroupName, channel: &Arc<Channel>) {
        let Some(group) = self.groups.with_existing(name, Arc::clone) else { return };
        let mut members = group.members();
        let member = members.remove(channel);
        let over = members.is_over();
        drop(members);
        drop(member);
        if over {
            self.groups.remove(&group);
        }
    }

    pub(in crate::layer) fn group_send(&self, name: &GroupName, message: &Message) -> Result<()> {
        self.check_size(message)?;
        self.check_open()?;
        let Some(group) = self.groups.with_existing(name, Arc::clone) else { return Ok(()) };
        let now = Instant::now();
        let (wakers, ended) = self.deliver_to_all(&group.members(), message, now);
        wakers.into_iter().for_each(Waker::wake);
        self.end_memberships(name, ended, now);
        Ok(())
    }

    /// Queues a message for every member. Returns whom to wake, and whose membership has ended.
    fn deliver_to_all(&self, members: &Members, message: &Message, now: Instant) -> (Row<Waker>, Vec<Arc<Channel>>) {
        let expires = now.checked_add(self.settings().expiry);
        let (mut wakers, mut ended) = (Row::new(), Vec::new());
        for member in members.row() {
            if member.has_ended(now) {
                ended.push(Arc::clone(&member.channel));
                continue;
            }
            match member.channel.deliver(Slot { message: message.clone(), expires }, now) {
                Ok(waker) => wakers.extend(waker),
                Err(full) => self.count_dropped(&member.channel, full),
            }
        }
        (wakers, ended)
    }

    pub(super) fn count_dropped(&self, channel: &Channel, full: Full) {
        let counter = match full {
            Full::Messages => &self.counters.capacity,
            Full::Bytes => &self.counters.bytes,
            // Its owner is gone, and it leaves the group this moment.
            Full::Closed => &self.counters.no_receiver,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        channel.inbox.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks at a few memberships of some group.
    fn look(&self, near: &GroupName) {
        let Some(group) = self.groups.next(near) else { return };
        let now = Instant::now();
        let ended = group.try_members().map(|mut members| members.look(LOOK, now));
        self.end_memberships(group.name(), ended.unwrap_or_default(), now);
    }

    /// Ends memberships that were found to be over, unless they were added again meanwhile.
    fn end_memberships(&self, name: &GroupName, ended: Vec<Arc<Channel>>, now: Instant) {
        for channel in ended {
            let channel = Lease::new(self, channel);
            let mut list = channel.get().groups();
            let still = |group: Arc<Group>| group.members().has_ended(channel.get(), now);
            if self.groups.with_existing(name, Arc::clone).is_some_and(still) {
                list.as_mut().map(|list| list.remove(name));
                self.end_membership(name, channel.get());
            }
        }
    }
}
