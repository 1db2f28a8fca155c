//! Memberships: kept in Redis, and for mailboxes in this process too, which restores and renews them there.
//!
//! What must stay true: a membership that this process notes is one that Redis was told of, and for as long as the
//! mailbox lives Redis is told again, after each reconnect and well before it would end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Pipeline, pipe};

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
    added: tokio::sync::Notify,
}

impl Core {
    pub(super) async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.local.check_open()?;
        let key = self.keys.group(group);
        let place = self.topology.place(group.as_str(), &key);
        self.topology.pipeline::<()>(place, &self.adding(&[(key, channel.clone())])).await?;
        if self.local.is_mailbox(channel) {
            self.local.group_add(group, channel)?;
        }
        Ok(())
    }

    pub(super) async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.local.check_open()?;
        self.local.group_discard(group, channel)?;
        let key = self.keys.group(group);
        let place = self.topology.place(group.as_str(), &key);
        self.topology.pipeline(place, &removing([(key, channel)])).await
    }

    /// Writes the memberships of this process's mailboxes at one place again.
    pub(super) async fn restore(&self, at: Place) -> Result<()> {
        let mut memberships = Vec::new();
        for (group, members) in self.local.memberships() {
            let key = self.keys.group(&group);
            if self.topology.place(group.as_str(), &key) == at {
                memberships.extend(members.into_iter().map(|member| (key.clone(), member)));
            }
        }
        for chunk in memberships.chunks(CHUNK) {
            self.topology.pipeline::<()>(at, &self.adding(chunk)).await?;
        }
        Ok(())
    }

    fn adding(&self, memberships: &[(String, ChannelName)]) -> Pipeline {
        let (now, expiry) = (self.now().as_secs_f64(), self.local.settings().group_expiry.as_millis());
        let mut commands = pipe();
        for (key, channel) in memberships {
            commands.zadd(key, channel.as_str(), now).ignore();
            commands.pexpire(key, i64::try_from(expiry).unwrap_or(i64::MAX)).ignore();
        }
        commands
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
        loop {
            let chunk: Vec<_> = {
                let memberships = self.leaving.memberships.lock().unwrap_or_else(PoisonError::into_inner);
                memberships.iter().take(CHUNK).cloned().collect()
            };
            if chunk.is_empty() {
                return Ok(());
            }
            let mut by_place: BTreeMap<Place, Vec<(String, &ChannelName)>> = BTreeMap::new();
            for (group, channel) in &chunk {
                let key = self.keys.group(group);
                by_place.entry(self.topology.place(group.as_str(), &key)).or_default().push((key, channel));
            }
            for (place, memberships) in by_place {
                self.topology.pipeline::<()>(place, &removing(memberships)).await?;
            }
            self.leaving.memberships.lock().unwrap_or_else(PoisonError::into_inner).drain(..chunk.len());
        }
    }

    /// Renews the memberships of this process at one place, well before they end. Each place is seen to by itself, since
    /// one that is out of reach must not hold up the others.
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

fn removing<'a>(memberships: impl IntoIterator<Item = (String, &'a ChannelName)>) -> Pipeline {
    let mut commands = pipe();
    for (key, channel) in memberships {
        commands.zrem(key, channel.as_str()).ignore();
    }
    commands
}
