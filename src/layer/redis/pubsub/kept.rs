//! Channels that no mailbox owns and that this process is subscribed to: names it made, and names it receives on.
//!
//! With pub/sub a message that nobody is subscribed to is lost, so the subscription lasts a while beyond the last use:
//! a receiver that comes back finds what was sent in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::PubSub;
use super::topics::Subscription;
use crate::{ChannelName, Error, ErrorKind, Message, Result};

/// How long a channel is kept beyond its last use.
const KEPT: Duration = Duration::from_secs(600);

/// How often channels that are not used any more are looked for.
const LOOK: Duration = Duration::from_secs(15);

/// The subscriptions.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<ChannelName, Keeping>>);

#[derive(Debug)]
struct Keeping {
    until: Instant,
    /// How many receive on it.
    receivers: usize,
    _subscription: Subscription,
}

/// Somebody who receives on a channel.
struct Receiving<'a> {
    layer: &'a PubSub,
    channel: &'a ChannelName,
}

impl Kept {
    /// Whether this process is subscribed to a channel.
    pub(super) fn has(&self, channel: &ChannelName) -> bool {
        self.lock().contains_key(channel)
    }

    /// Keeps a channel for at least so long from now.
    pub(super) fn extend(&self, channel: &ChannelName, time: Duration) {
        if let Some(keeping) = self.lock().get_mut(channel) {
            keeping.until = keeping.until.max(Instant::now() + time);
        }
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn sweep(&self, now: Instant) {
        self.lock().retain(|_, keeping| keeping.receivers > 0 || keeping.until > now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelName, Keeping>> {
        // Nothing under the lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PubSub {
    /// Subscribes to a channel for a while, beginning now.
    pub(super) async fn keep(&self, channel: &ChannelName) -> Result<()> {
        self.local.check_open()?;
        if self.kept.has(channel) {
            self.kept.extend(channel, KEPT);
            return Ok(());
        }
        let subscription = self.subscribe(channel.as_str()).await?;
        let mut kept = self.kept.lock();
        let max = self.local.settings().max_unowned;
        if kept.len() >= max && !kept.contains_key(channel) {
            let text = format!("no room for channel {channel}: the layer keeps at most {max} that no mailbox owns");
            return Err(Error::new(ErrorKind::ChannelFull, text));
        }
        let until = Instant::now() + KEPT;
        kept.entry(channel.clone()).or_insert(Keeping { until, receivers: 0, _subscription: subscription });
        Ok(())
    }

    pub(super) async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        if self.local.is_mailbox(channel) {
            return self.local.receive(channel).await;
        }
        self.check_own(channel)?;
        self.keep(channel).await?;
        if let Some(keeping) = self.kept.lock().get_mut(channel) {
            keeping.receivers += 1;
        }
        let _receiving = Receiving { layer: self, channel };
        self.local.receive(channel).await
    }

    /// Ends subscriptions that nobody uses any more.
    pub(super) async fn run_sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.kept.sweep(Instant::now());
            let mut groups = self.groups();
            groups.retain(|group, _| self.local.has_group(group));
        }
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        if let Some(keeping) = self.layer.kept.lock().get_mut(self.channel) {
            keeping.receivers = keeping.receivers.saturating_sub(1);
            keeping.until = keeping.until.max(Instant::now() + KEPT);
        }
    }
}
