//! The layer in the layout of `channels_redis.core.RedisChannelLayer`: messages wait in sorted sets, memberships too.
//!
//! - `send.rs`, `groups.rs`: the verbs that write.
//! - `reader.rs`: the tasks that take messages off keys, for `own.rs` (channels of this process) and `work.rs` (general
//!   channels), which say in a [`demand`] which keys.
//! - `keeper.rs`: what is done when a server is in reach again; `canary.rs`: what the layer finds out by itself.

mod canary;
mod demand;
mod groups;
mod keeper;
mod own;
mod reader;
mod send;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::config::RedisConfig;
use super::connect;
use super::examine::{self, Examined};
use super::pulse::Pulses;
use super::stats::{Counters, RedisStats};
use super::tasks::Tasks;
use super::topology::Topology;
use super::wire::codec::{Codec, Layout};
use super::wire::keys::Keys;
use super::wire::score::ScoreClock;
use super::wire::{Recipients, To};
use crate::layer::events::EventSender;
use crate::layer::local::Registry;
use crate::layer::redis::now;
use crate::layer::{
    Capabilities, ChannelLayer, Health, LayerCounts, LayerEvent, LayerEvents, Mailbox, MailboxOptions, Reach,
};
use crate::{ChannelName, GroupName, Message, Result};
use groups::{Leaving, Told};
use own::Own;
use reader::Popped;
use work::Work;

/// How long closing a layer may take to tell the servers.
const FAREWELL: Duration = Duration::from_secs(2);

/// The layer that shares its messages with `channels_redis.core.RedisChannelLayer` of Django.
///
/// Cloning gives another handle to the same layer. When the last handle and the last mailbox are gone its connections
/// end.
#[derive(Clone, Debug)]
pub struct RedisLayer(Arc<Guard>);

/// Ends the tasks of a layer when nobody can use it any more: they hold the rest of it.
#[derive(Debug)]
struct Guard(Arc<Core>);

/// What the layer consists of.
#[derive(Debug)]
struct Core {
    local: Arc<Registry>,
    keys: Keys,
    codec: Codec,
    clock: ScoreClock,
    topology: Topology,
    own: Arc<Own>,
    work: Arc<Work>,
    leaving: Leaving,
    told: Told,
    counters: Counters,
    events: EventSender,
    pulses: Pulses,
    /// The groups that they are in.
    canaries: Mutex<Vec<(GroupName, ChannelName)>>,
    /// Set once canaries are sent.
    watched: OnceLock<()>,
    /// How often this process has emptied the layer.
    flushes: AtomicU64,
    tasks: Tasks,
}

impl RedisLayer {
    /// A layer that connects in the background, and goes on trying for as long as it lives. Must be called inside a
    /// tokio runtime, whose tasks it uses as long as it lives.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config): no tokio runtime, no hosts, or settings that contradict each other.
    pub fn new(config: RedisConfig) -> Result<Self> {
        Core::new(config).map(|core| Self(Arc::new(Guard(core))))
    }

    /// A layer that has reached every server once.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`Unavailable`](crate::ErrorKind::Unavailable) with the reason where a server was not
    /// reached in [`RedisConfig::timeout`], or refuses this program for good: a wrong password, a version before 5.0, a
    /// replica.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no layer behind.
    pub async fn connect(config: RedisConfig) -> Result<Self> {
        let layer = Self::new(config)?;
        layer.core().topology.settled().await?;
        Ok(layer)
    }

    /// Looks at every server of these settings, without opening a layer: what each of them is, and whether it does for
    /// this user what the layer asks of it. Changes nothing there, and takes a few round trips.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no connection behind.
    pub async fn examine(config: &RedisConfig) -> Vec<Examined> {
        examine::examine(config, examine::Job::Core).await
    }

    /// What the layer holds in this process and what it has dropped, since it was made.
    pub fn stats(&self) -> RedisStats {
        let core = self.core();
        core.counters.read(core.local.stats())
    }

    fn core(&self) -> &Arc<Core> {
        &self.0.0
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.end();
        // Mailboxes that were dropped a moment ago leave their groups all the same.
        self.0.tasks.runtime().spawn(Arc::clone(&self.0).say_goodbye());
    }
}

impl Core {
    fn new(config: RedisConfig) -> Result<Arc<Self>> {
        let tasks = Tasks::new()?;
        let topology = Topology::new(&config, connect::LAYER, tasks.runtime())?;
        let (keys, codec) = (Keys::new(&config.prefix), Codec::new(&config, Layout::Core)?);
        let core = Arc::new(Self {
            local: Arc::new(Registry::new(config.into_local())),
            keys,
            codec,
            clock: ScoreClock::new(),
            pulses: Pulses::new(&topology),
            own: Arc::new(Own::new(topology.has_cluster())),
            topology,
            work: Arc::default(),
            leaving: Leaving::default(),
            told: Told::default(),
            counters: Counters::default(),
            events: EventSender::new(),
            canaries: Mutex::default(),
            watched: OnceLock::new(),
            flushes: AtomicU64::new(0),
            tasks,
        });
        core.tasks.spawn(Arc::clone(&core).run_leaving());
        for place in core.topology.places() {
            core.tasks.spawn(Arc::clone(&core).run_keeper(place));
            core.tasks.spawn(Arc::clone(&core).run_renewal(place));
        }
        Ok(core)
    }

    fn end(&self) {
        self.work.close();
        self.tasks.end();
    }

    async fn close(self: &Arc<Self>) -> Result<()> {
        if self.local.check_open().is_err() {
            return Ok(());
        }
        for (group, members) in self.local.memberships() {
            members.iter().for_each(|member| self.leave(member, vec![group.clone()]));
        }
        self.local.close();
        self.work.close();
        // Readers that cannot reach their server have nothing in hand.
        let _ = tokio::time::timeout(FAREWELL, self.work.end()).await;
        self.end();
        Arc::clone(self).say_goodbye().await;
        self.events.close();
        Ok(())
    }

    /// Tells the servers what this process leaves behind, and ends the connections.
    async fn say_goodbye(self: Arc<Self>) {
        for (group, channel) in self.canaries.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.leave(&channel, vec![group]);
        }
        let farewell = async { tokio::join!(self.end_left(), self.return_all()).0 };
        if !matches!(tokio::time::timeout(FAREWELL, farewell).await, Ok(Ok(()))) {
            tracing::debug!("Redis was not told that the layer ends; memberships end with their time");
        }
        self.topology.end();
    }

    async fn flush(&self) -> Result<()> {
        self.local.check_open()?;
        self.local.flush()?;
        self.flushes.fetch_add(1, Ordering::Release);
        self.topology.delete(&self.keys.glob()).await?;
        self.events.send(LayerEvent::Flushed);
        Ok(())
    }

    /// Writes a message as it travels.
    fn seal(&self, message: &Message, to: Option<To<'_>>) -> Result<Vec<u8>> {
        self.codec.encode(message, to, now())
    }

    /// Reads a message; nothing where it is too old or is none, which is counted.
    fn open(&self, popped: &Popped) -> Option<(Message, Recipients)> {
        if self.age(popped) > self.local.settings().expiry {
            self.counters.expired.add(1);
            return None;
        }
        match self.codec.decode(popped.member.clone(), now()) {
            Ok(opened) => Some(opened),
            Err(e) => {
                self.counters.undecodable.add(1);
                tracing::warn!(error = %e, "a message from Redis could not be read, and is dropped");
                None
            }
        }
    }

    /// How long ago a message was sent, by its sender's clock and ours.
    fn age(&self, popped: &Popped) -> Duration {
        Duration::try_from_secs_f64(now().as_secs_f64() - popped.score).unwrap_or_default()
    }

    fn expiry_millis(&self) -> u64 {
        u64::try_from(self.local.settings().expiry.as_millis()).unwrap_or(u64::MAX)
    }
}

impl ChannelLayer for RedisLayer {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        self.core().send(channel, &message).await
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        self.core().watch();
        match channel.is_local() {
            true => self.core().receive_own(channel).await,
            false => self.core().receive_work(channel).await,
        }
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        self.core().local.new_channel(prefix)
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        self.core().watch();
        let alive = Arc::clone(&self.0);
        self.core().open_mailbox(prefix, &options, move || drop(alive))
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.core().group_add(group, channel).await
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.core().group_discard(group, channel).await
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        self.core().group_send(group, &message).await
    }

    async fn flush(&self) -> Result<()> {
        self.core().flush().await
    }

    async fn close(&self) -> Result<()> {
        self.core().close().await
    }

    fn capabilities(&self) -> Capabilities {
        let settings = self.core().local.settings();
        Capabilities {
            reach: Reach::Processes,
            shared_capacity: true,
            mailboxes_refuse: false,
            ordered_general: self.core().topology.places().count() == 1,
            total_order: false,
            expiry: settings.expiry,
            group_expiry: settings.group_expiry,
            max_message_size: settings.max_message_size,
            ..Capabilities::new("redis")
        }
    }

    fn events(&self) -> LayerEvents {
        self.core().events.listen()
    }

    fn health(&self) -> Health {
        self.core().watch();
        self.core().pulses.read()
    }

    fn counts(&self) -> LayerCounts {
        self.stats().into()
    }
}
