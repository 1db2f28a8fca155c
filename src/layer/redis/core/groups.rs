//! Memberships: kept in Redis, and for mailboxes in this process too, which restores and renews them there.
//!
//! What must stay true: a membership that this process notes is one that Redis was told of, and for as long as the
//! mailbox lives Redis is told again, after each reconnect and well before it would end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, cmd};
use tokio::sync::Notify;

use super::Core;
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::topology::Place;
use crate::{ChannelName, GroupName, Result};

/// How many memberships are written in one go.
const CHUNK: usize = 500;

/// How often memberships are renewed at least, and at most.
const RENEW_AT_LEAST: Duration = Duration::from_secs(12 * 60 * 60);
const RENEW_PAUSE: Duration = Duration::from_secs(1);

/// The most memberships of dropped mailboxes that wait to be ended in Redis. Beyond, they end with their time.
const MOST_LEAVING: usize = 100_000;

/// Memberships of mailboxes that were dropped.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    memberships: Mutex<Vec<(GroupName, ChannelName)>>,
    added: Notify,
    /// Held by whoever ends them in Redis.
    ending: tokio::sync::Mutex<()>,
}

impl Core {
    pub(super) async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.local.check_open()?;
        self.topology.batch(&self.adding(group, channel)).await?;
        if self.local.is_mailbox(channel) {
            self.local.group_add(group, channel)?;
        }
        Ok(())
    }

    pub(super) async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.local.check_open()?;
        self.local.group_discard(group, channel)?;
        self.topology.batch(&[self.removing(group, channel)]).await.map(drop)
    }

    /// Writes the memberships of this process's mailboxes on the host of a place again.
    pub(super) async fn restore(&self, at: Place) -> Result<()> {
        let mut commands = Vec::new();
        for (group, members) in self.local.memberships() {
            let place = self.group_place(&group);
            if at.shares_host(place) {
                commands.extend(members.iter().flat_map(|member| self.adding(&group, member)));
            }
        }
        for chunk in commands.chunks(2 * CHUNK) {
            self.topology.batch(chunk).await?;
        }
        Ok(())
    }

    pub(super) fn group_place(&self, group: &GroupName) -> Place {
        self.topology.place(group.as_str(), &self.keys.group(group))
    }

    fn adding(&self, group: &GroupName, channel: &ChannelName) -> [(Place, Cmd); 2] {
        let (key, place) = (self.keys.group(group), self.group_place(group));
        let expiry = i64::try_from(self.local.settings().group_expiry.as_millis()).unwrap_or(i64::MAX);
        let mut add = cmd("ZADD");
        add.arg(&key).arg(self.now().as_secs_f64()).arg(channel.as_str());
        let mut expire = cmd("PEXPIRE");
        expire.arg(&key).arg(expiry);
        [(place, add), (place, expire)]
    }

    fn removing(&self, group: &GroupName, channel: &ChannelName) -> (Place, Cmd) {
        let mut remove = cmd("ZREM");
        remove.arg(self.keys.group(group)).arg(channel.as_str());
        (self.group_place(group), remove)
    }

    /// Ends the memberships of a mailbox that was dropped, in the background.
    pub(super) fn leave(&self, channel: &ChannelName, groups: Vec<GroupName>) {
        let mut memberships = self.leaving.memberships.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_LEAVING.saturating_sub(memberships.len());
        memberships.extend(groups.into_iter().take(room).map(|group| (group, channel.clone())));
        drop(memberships);
        self.leaving.added.notify_one();
    }

    /// Ends in Redis what [`leave`](Self::leave) was told of.
    pub(super) async fn run_leaving(self: Arc<Self>) {
        loop {
            self.leaving.added.notified().await;
            let mut backoff = Backoff::default();
            while let Err(e) = self.end_left().await {
                tracing::debug!(error = %e, "memberships of dropped mailboxes could not be ended; trying again");
                backoff.wait().await;
            }
        }
    }

    /// Ends what is to end by now. What could not be stays noted.
    pub(super) async fn end_left(&self) -> Result<()> {
        let _ending = self.leaving.ending.lock().await;
        loop {
            let chunk: Vec<_> = {
                let memberships = self.leaving.memberships.lock().unwrap_or_else(PoisonError::into_inner);
                memberships.iter().take(CHUNK).cloned().collect()
            };
            if chunk.is_empty() {
                return Ok(());
            }
            let commands = chunk.iter().map(|(group, channel)| self.removing(group, channel));
            self.topology.batch(&commands.collect::<Vec<_>>()).await?;
            self.leaving.memberships.lock().unwrap_or_else(PoisonError::into_inner).drain(..chunk.len());
        }
    }

    /// Renews the memberships of this process on the host of a place, well before they end. Each host is seen to by
    /// itself, since one that is out of reach must not hold up the others.
    pub(super) async fn run_renewal(self: Arc<Self>, place: Place) {
        let period = (self.local.settings().group_expiry / 2).clamp(RENEW_PAUSE, RENEW_AT_LEAST);
        loop {
            tokio::time::sleep(period).await;
            let mut backoff = Backoff::default();
            while let Err(e) = self.restore(place).await {
                tracing::warn!(error = %e, "group memberships were not renewed; trying again");
                backoff.wait().await;
            }
        }
    }
}
