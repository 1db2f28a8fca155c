//! The layer in the layout of `channels_redis.pubsub.RedisPubSubChannelLayer`: messages are published, and those that
//! nobody is subscribed to are lost.
//!
//! What arrives goes to the channels of this process, where groups are too: Redis carries one message to each process
//! that has members. `topics.rs` says what is subscribed to, `kept.rs` for how long where nobody owns the channel.

mod canary;
mod kept;
mod shards;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::{Cmd, PushInfo, PushKind, Value, cmd};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::config::RedisConfig;
use super::connect;
use super::examine::{self, Examined};
use super::link::{Link, Listener, State};
use super::outage::Outage;
use super::pulse::Pulses;
use super::stats::{Counters, RedisStats};
use super::tasks::Tasks;
use super::topology::{Member, Place, Topology};
use super::wire::codec::{Codec, Layout};
use super::wire::keys::Keys;
use crate::layer::events::EventSender;
use crate::layer::local::Registry;
use crate::layer::redis::now;
use crate::layer::{
    Capabilities, ChannelLayer, Health, LayerCounts, LayerEvent, LayerEvents, Mailbox, MailboxOptions, Reach,
};
use crate::{ChannelName, Error, ErrorKind, GroupName, Message, Result};
use kept::Kept;
use topics::{Source, Subscription, Topics};

/// The layer that shares its messages with `channels_redis.pubsub.RedisPubSubChannelLayer` of Django.
///
/// Cloning gives another handle to the same layer. When the last handle and the last mailbox are gone its connections
/// end.
#[derive(Clone, Debug)]
pub struct RedisPubSubLayer(Arc<Guard>);

/// Ends the tasks of a layer when nobody can use it any more: they hold the rest of it.
#[derive(Debug)]
struct Guard(Arc<PubSub>);

/// What the layer consists of.
#[derive(Debug)]
struct PubSub {
    local: Arc<Registry>,
    keys: Keys,
    codec: Codec,
    topology: Topology,
    topics: HashMap<Place, Arc<Topics>>,
    /// The links that the server sends over what was published.
    listeners: HashMap<Place, Link>,
    /// The subscriptions of groups that have members here. Its lock is held while either changes.
    groups: Mutex<HashMap<GroupName, Subscription>>,
    kept: Kept,
    counters: Counters,
    pulses: Pulses,
    events: EventSender,
    tasks: Tasks,
}

impl RedisPubSubLayer {
    /// A layer that connects in the background, and goes on trying for as long as it lives. Must be called inside a
    /// tokio runtime, whose tasks it uses as long as it lives.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: no tokio runtime, no hosts, or settings that contradict each other.
    pub fn new(config: RedisConfig) -> Result<Self> {
        PubSub::new(config).map(|layer| Self(Arc::new(Guard(layer))))
    }

    /// A layer that has reached every server once.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`ErrorKind::Unavailable`] with the reason where a server was not reached in
    /// [`RedisConfig::timeout`], or refuses this program for good: a wrong password, a version before 6.0, a replica.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no layer behind.
    pub async fn connect(config: RedisConfig) -> Result<Self> {
        let layer = Self::new(config)?;
        layer.inner().topology.settled().await?;
        for listener in layer.inner().listeners.values() {
            listener.settled().await?;
        }
        Ok(layer)
    }

    /// Looks at every server of these settings; see [`RedisLayer::examine`](super::RedisLayer::examine).
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn examine(config: &RedisConfig) -> Vec<Examined> {
        examine::examine(config, examine::Job::PubSub).await
    }

    /// What the layer holds in this process and what it has dropped, since it was made.
    pub fn stats(&self) -> RedisStats {
        let inner = self.inner();
        inner.counters.read(inner.local.stats())
    }

    fn inner(&self) -> &Arc<PubSub> {
        &self.0.0
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.tasks.end();
    }
}

impl PubSub {
    fn new(config: RedisConfig) -> Result<Arc<Self>> {
        let tasks = Tasks::new()?;
        let topology = Topology::new(&config, connect::SHARDED, tasks.runtime())?;
        let (keys, codec) = (Keys::new(&config.prefix), Codec::new(&config, Layout::PubSub)?);
        let layer = Arc::new_cyclic(|layer| Self {
            local: Arc::new(Registry::new(config.into_local())),
            keys,
            codec,
            listeners: topology
                .places()
                .filter_map(|place| Some((place, Self::listen(layer, &topology, place, tasks.runtime())?)))
                .collect(),
            topics: topology.places().map(|place| (place, Topics::new())).collect(),
            pulses: Pulses::new(&topology),
            topology,
            groups: Mutex::default(),
            kept: Kept::default(),
            counters: Counters::default(),
            events: EventSender::new(),
            tasks,
        });
        layer.tasks.spawn(Arc::clone(&layer).run_sweep());
        for place in layer.topology.places() {
            layer.tasks.spawn(Arc::clone(&layer).run_listener(place));
        }
        Ok(layer)
    }

    /// Begins to connect a place's listener.
    fn listen(layer: &Weak<Self>, topology: &Topology, place: Place, runtime: &Handle) -> Option<Link> {
        topology.listener(place, Self::ear(layer, place), runtime)
    }

    /// What hears at a place.
    fn ear(layer: &Weak<Self>, place: Place) -> Listener {
        let layer = Weak::clone(layer);
        Arc::new(move |node: &Arc<str>, connection, push: PushInfo| {
            if let Some(layer) = layer.upgrade() {
                layer.hear(place, &Source { node: Arc::clone(node), connection }, push);
            }
        })
    }

    /// Keeps what is heard at a place as it is wanted.
    async fn run_listener(self: Arc<Self>, place: Place) {
        let Some(link) = self.listeners.get(&place) else { return self.run_shards(place).await };
        let outage = Outage::new(link.host(), &self.events);
        let (restored, stands) = watch::channel(0);
        let restored = |made| {
            if made > 1 {
                self.counters.reconnects.add(1);
            }
            restored.send_replace(made);
        };
        tokio::join!(
            self.topics[&place].run(link, topics::PLAIN, |_| true, |_| (), restored),
            tell_ends(link.watch(), &outage),
            self.tell_restored(place, stands, &outage),
            self.run_canary(place, |_| link.reset()),
        );
    }

    /// Takes what a server published. Runs where the connection is read, so nothing here waits.
    fn hear(&self, place: Place, source: &Source, push: PushInfo) {
        let Some(topics) = self.topics.get(&place) else { return };
        if !matches!(push.kind, PushKind::Message | PushKind::SMessage) {
            return topics.note(source, &push);
        }
        let Ok([Value::BulkString(topic), Value::BulkString(payload)]) = <[Value; 2]>::try_from(push.data) else {
            return;
        };
        let Some(topic) = String::from_utf8(topic).ok().filter(|topic| topics.hears(topic, source)) else { return };
        match self.codec.decode(payload.into(), now()) {
            Ok((message, _)) => self.hand_out(&topic, &message),
            Err(e) => {
                self.counters.undecodable.add(1);
                tracing::warn!(error = %e, "a message from Redis could not be read, and is dropped");
            }
        }
    }

    fn hand_out(&self, topic: &str, message: &Message) {
        if let Some(group) = self.keys.group_of_topic(topic).and_then(|group| GroupName::new(group).ok()) {
            // Only a layer that was closed refuses.
            let _ = self.local.group_send(&group, message);
        } else {
            self.local.arrive([topic], message, Duration::ZERO);
        }
    }

    fn topics_of(&self, place: Place) -> &Arc<Topics> {
        &self.topics[&place.of_host()]
    }

    /// Tells the application when a place is heard again, and can be sent to again as well.
    async fn tell_restored(&self, place: Place, mut stands: watch::Receiver<u64>, outage: &Outage) {
        while stands.changed().await.is_ok() {
            let made = *stands.borrow_and_update();
            if let Member::Alone { link, .. } = self.topology.member(place) {
                link.up().await;
            }
            outage.ends(made);
        }
    }

    /// Subscribes to a topic and waits until the server has confirmed it.
    async fn subscribe(&self, topic: &str) -> Result<Subscription> {
        let place = self.topology.place(topic, topic);
        let subscription = self.topics_of(place).want(topic);
        self.confirmed(place, &subscription).await?;
        Ok(subscription)
    }

    async fn confirmed(&self, place: Place, subscription: &Subscription) -> Result<()> {
        let confirmed = subscription.confirmed(self.topology.host(place), self.topology.patience()).await;
        // Where there is no connection, the reason is more than that nothing was confirmed.
        let down = self.listeners.get(&place.of_host()).filter(|listener| listener.now().is_none());
        confirmed.map_err(|e| down.map_or(e, Link::unreachable))
    }

    async fn publish(&self, topic: &str, message: &Message) -> Result<u64> {
        self.local.check_open()?;
        self.local.check_size(message)?;
        let payload = self.codec.encode(message, None, now())?;
        let place = self.topology.place(topic, topic);
        self.topology.query(place, &self.publication(place, topic, payload)).await
    }

    /// The command that publishes: in a cluster to the shard of the topic alone.
    fn publication(&self, place: Place, topic: &str, payload: Vec<u8>) -> Cmd {
        let verb = if matches!(self.topology.member(place), Member::Cluster(_)) { "SPUBLISH" } else { "PUBLISH" };
        cmd(verb).arg(topic).arg(payload).take()
    }

    async fn open_mailbox(
        self: &Arc<Self>,
        prefix: &str,
        options: &MailboxOptions,
        alive: Arc<Guard>,
    ) -> Result<Mailbox> {
        let channel = self.local.open(prefix, None, options)?;
        let (layer, owned) = (Arc::clone(self), Arc::clone(&channel));
        let topic = owned.inbox.name.as_str();
        let place = self.topology.place(topic, topic);
        let subscription = Arc::new(self.topics_of(place).want(topic));
        let wanted = Arc::clone(&subscription);
        // From here on dropping gives everything back.
        let mailbox = Mailbox::new(channel, move || {
            drop((wanted, alive));
            for group in layer.local.release(&owned) {
                layer.prune(&mut layer.groups(), &group);
            }
        });
        self.confirmed(place, &subscription).await?;
        Ok(mailbox)
    }

    /// Refuses the channels of other processes.
    fn check_own(&self, channel: &ChannelName) -> Result<()> {
        if !channel.is_local() || self.local.is_own(channel) {
            return Ok(());
        }
        let text = format!(
            "channel {channel} belongs to another process or another layer: with pub/sub only the process that made a \
             name receives on it and adds it to groups"
        );
        Err(Error::new(ErrorKind::InvalidName, text))
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.local.check_open()?;
        self.check_own(channel)?;
        if !self.local.is_mailbox(channel) {
            self.keep(channel).await?;
        }
        let subscription = self.subscribe(&self.keys.group_topic(group)).await?;
        let mut groups = self.groups();
        self.local.group_add(group, channel)?;
        if !self.local.is_mailbox(channel) {
            self.kept.extend(channel, self.local.settings().group_expiry);
        }
        groups.entry(group.clone()).or_insert(subscription);
        Ok(())
    }

    fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        let mut groups = self.groups();
        self.local.group_discard(group, channel)?;
        self.prune(&mut groups, group);
        Ok(())
    }

    /// Ends the subscription of a group that has no members here any more.
    fn prune(&self, groups: &mut HashMap<GroupName, Subscription>, group: &GroupName) {
        if !self.local.has_group(group) {
            groups.remove(group);
        }
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<GroupName, Subscription>> {
        // Nothing under the lock panics half-way.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self) -> Result<()> {
        let mut groups = self.groups();
        self.local.flush()?;
        groups.clear();
        drop(groups);
        self.events.send(LayerEvent::Flushed);
        Ok(())
    }

    fn close(&self) {
        self.local.close();
        self.tasks.end();
        self.groups().clear();
        self.kept.clear();
        self.topology.end();
        self.listeners.values().for_each(Link::end);
        self.events.close();
    }
}

/// Tells the application of connections that have ended.
async fn tell_ends(mut state: watch::Receiver<State>, outage: &Outage) {
    loop {
        if let State::Down(Some(refusal)) = &*state.borrow_and_update() {
            outage.begins(&refusal.reason);
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

impl ChannelLayer for RedisPubSubLayer {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        let inner = self.inner();
        if inner.publish(channel.as_str(), &message).await? == 0 {
            inner.counters.no_subscriber.add(1);
        }
        Ok(())
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        self.inner().receive(channel).await
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        let inner = self.inner();
        let name = inner.local.new_channel(prefix)?;
        inner.keep(&name).await?;
        Ok(name)
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        self.inner().open_mailbox(prefix, &options, Arc::clone(&self.0)).await
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.inner().group_add(group, channel).await
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.inner().group_discard(group, channel)
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        let inner = self.inner();
        inner.publish(&inner.keys.group_topic(group), &message).await.map(drop)
    }

    async fn flush(&self) -> Result<()> {
        self.inner().flush()
    }

    async fn close(&self) -> Result<()> {
        self.inner().close();
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        let (inner, settings) = (self.inner(), self.inner().local.settings());
        Capabilities {
            reach: Reach::Processes,
            keeps_messages: false,
            refuses_when_full: false,
            mailboxes_refuse: false,
            work_queues: false,
            foreign_members: false,
            ordered_ways: inner.topology.places().count() == 1 && !inner.topology.has_cluster(),
            total_order: false,
            expiry: settings.expiry,
            group_expiry: settings.group_expiry,
            max_message_size: settings.max_message_size,
            ..Capabilities::new("redis-pubsub")
        }
    }

    fn events(&self) -> LayerEvents {
        self.inner().events.listen()
    }

    fn health(&self) -> Health {
        self.inner().pulses.read()
    }

    fn counts(&self) -> LayerCounts {
        self.stats().into()
    }
}
