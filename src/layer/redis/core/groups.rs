//! Memberships: kept in Redis, and for mailboxes in this process too, which restores and renews them there.
//!
//! What must stay true: a membership that Redis may have is noted in this process, so that the mailbox leaves it when it
//! goes, whatever became of the call that made it; and for as long as the mailbox lives Redis is told again, after each reconnect and well before it would end. One that another process has
//! ended stays ended, unless Redis may have lost it: then it is written again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use tokio::sync::Notify;

use super::Core;
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::now;
use crate::layer::redis::topology::Place;
use crate::{ChannelName, ErrorKind, GroupName, Result};

/// How many memberships are written in one go.
const CHUNK: usize = 500;

/// How many commands renew one.
const RENEWING: usize = 3;

/// How often memberships are renewed at least, and at most.
const RENEW_AT_LEAST: Duration = Duration::from_secs(12 * 60 * 60);
const RENEW_PAUSE: Duration = Duration::from_secs(1);

/// The most memberships of dropped mailboxes that wait to be ended in Redis. Beyond, they end with their time.
const MOST_LEAVING: usize = 100_000;

/// Which server has the memberships at each host, and since when at the latest, in time since 1970: that goes on while
/// the machine sleeps.
pub(super) type Told = Mutex<BTreeMap<Place, (Option<Arc<str>>, Duration)>>;

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
        let added = self.adding(group, channel);
        if !self.local.is_mailbox(channel) {
            return self.topology.batch(&added).await.map(drop);
        }
        let stood = self.local.is_member(group, channel);
        // Noted before Redis is told, so that a mailbox that goes meanwhile leaves the group there too, and again
        // after: a renewal in between has found nothing there.
        self.local.group_add(group, channel)?;
        match self.topology.batch(&added).await {
            Ok(_) => self.local.group_add(group, channel),
            Err(e) => {
                if !stood && e.kind() == ErrorKind::Unavailable {
                    self.local.group_discard(group, channel)?;
                }
                Err(e)
            }
        }
    }

    pub(super) async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.local.check_open()?;
        self.local.group_discard(group, channel)?;
        self.topology.batch(&[self.removing(group, channel)]).await.map(drop)
    }

    /// Writes the memberships of this process's mailboxes on the host of a place, whether they are there or not.
    pub(super) async fn restore(&self, at: Place) -> Result<()> {
        let (server, begun) = (self.topology.run(at), now());
        for chunk in self.memberships_at(at).chunks(CHUNK) {
            let commands = chunk.iter().flat_map(|(group, member)| self.adding(group, member));
            self.topology.batch(&commands.collect::<Vec<_>>()).await?;
        }
        self.told(at, server, begun);
        Ok(())
    }

    /// Renews the memberships of this process's mailboxes on the host of a place. Those that are not there were ended by
    /// somebody, and are forgotten, if nothing else can have ended them.
    pub(super) async fn renew(&self, at: Place) -> Result<()> {
        let (server, begun) = (self.topology.run(at), now());
        if !self.kept_all(at, server.as_ref(), begun).await? {
            return self.restore(at).await;
        }
        for chunk in self.memberships_at(at).chunks(CHUNK) {
            let commands = chunk.iter().flat_map(|(group, member)| self.renewing(group, member));
            let answers = self.topology.batch(&commands.collect::<Vec<_>>()).await?;
            for ((group, member), answer) in chunk.iter().zip(answers.chunks(RENEWING)) {
                if answer.first() == Some(&Value::Nil) {
                    self.local.group_discard(group, member)?;
                }
            }
        }
        self.told(at, server, begun);
        Ok(())
    }

    /// Notes which server was told of the memberships at the host of a place.
    pub(super) fn told(&self, at: Place, server: Option<Arc<str>>, when: Duration) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(at, (server, when));
    }

    /// Whether the host of a place has all that this process told it: it is still the same process, it was told lately, and
    /// the canary there stands.
    async fn kept_all(&self, at: Place, server: Option<&Arc<str>>, now: Duration) -> Result<bool> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned();
        let lately = |when| now.saturating_sub(when) < self.local.settings().group_expiry;
        let kept = told.is_some_and(|(told, when)| server.is_some() && server == told.as_ref() && lately(when));
        let canaries = self.canaries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let canary = canaries.into_iter().find(|(group, _)| self.group_place(group).shares_host(at));
        let Some((group, channel)) = canary.filter(|_| kept) else { return Ok(false) };
        let mut look = cmd("ZSCORE");
        look.arg(self.keys.group(&group)).arg(channel.as_str());
        let score: Option<f64> = self.topology.query(self.group_place(&group), &look).await?;
        Ok(score.is_some())
    }

    /// The memberships of this process's mailboxes on the host of a place.
    fn memberships_at(&self, at: Place) -> Vec<(GroupName, ChannelName)> {
        let here = self.local.memberships().into_iter().filter(|(group, _)| at.shares_host(self.group_place(group)));
        here.flat_map(|(group, members)| members.into_iter().map(move |member| (group.clone(), member))).collect()
    }

    pub(super) fn group_place(&self, group: &GroupName) -> Place {
        self.topology.place(group.as_str(), &self.keys.group(group))
    }

    fn adding(&self, group: &GroupName, channel: &ChannelName) -> [(Place, Cmd); 2] {
        let (key, place) = (self.keys.group(group), self.group_place(group));
        let expiry = i64::try_from(self.local.settings().group_expiry.as_millis()).unwrap_or(i64::MAX);
        let mut add = cmd("ZADD");
        add.arg(&key).arg(now().as_secs_f64()).arg(channel.as_str());
        let mut expire = cmd("PEXPIRE");
        expire.arg(&key).arg(expiry);
        [(place, add), (place, expire)]
    }

    /// What tells whether a membership is there, and begins its time anew if it is.
    fn renewing(&self, group: &GroupName, channel: &ChannelName) -> [(Place, Cmd); RENEWING] {
        let (key, [(place, _), expire]) = (self.keys.group(group), self.adding(group, channel));
        let (mut look, mut renew) = (cmd("ZSCORE"), cmd("ZADD"));
        look.arg(&key).arg(channel.as_str());
        renew.arg(&key).arg("XX").arg(now().as_secs_f64()).arg(channel.as_str());
        [(place, look), (place, renew), expire]
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
            while let Err(e) = self.renew(place).await {
                tracing::warn!(error = %e, "group memberships were not renewed; trying again");
                backoff.wait().await;
            }
        }
    }
}
