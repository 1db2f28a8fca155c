//! The conformance suite, all cases on one cluster: each has a prefix of its own, so they share nothing, and what one
//! flushes is its own.

use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use channel_layers::layer::conformance::{Factory, Settings};
use channel_layers::layer::redis::{RedisConfig, RedisLayer, RedisPubSubLayer};
use channel_layers::layer::{Capabilities, ChannelLayer, Health, LayerEvents, Mailbox, MailboxOptions};
use channel_layers::{ChannelName, GroupName, Message, Result};
use rig::RedisCluster;
use tokio::sync::OnceCell;

use super::{Redis, host};

/// Made by the first case, and gone with the process.
static CLUSTER: OnceCell<RedisCluster> = OnceCell::const_new();

/// The number of the next layer that shares nothing with those before.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The settings of a layer on the cluster, under a number of its own. No prefix begins with another.
async fn config(settings: Settings, number: usize) -> RedisConfig {
    let cluster = CLUSTER.get_or_init(RedisCluster::start).await;
    let config = RedisConfig::new([host(cluster)])
        .with_prefix(format!("case{number:04}"))
        .with_capacity(settings.capacity)
        .with_expiry(settings.expiry)
        .with_group_expiry(settings.group_expiry);
    let patterns = settings.channel_capacity.into_iter();
    patterns.fold(config, |config, (pattern, capacity)| config.with_channel_capacity(pattern, capacity))
}

/// Makes layers of one kind.
struct On<L> {
    /// The settings of the last layer, which its peer has too.
    last: Mutex<Option<RedisConfig>>,
    kind: PhantomData<fn() -> L>,
}

fn on<L>() -> On<L> {
    On { last: Mutex::default(), kind: PhantomData }
}

impl<L: Redis> Factory for On<L> {
    type Layer = Apart<L>;

    async fn layer(&self, settings: Settings) -> Apart<L> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let config = config(settings, number).await;
        *self.last.lock().unwrap() = Some(config.clone());
        Apart { layer: L::open(config).await.unwrap(), number }
    }

    async fn peer(&self, layer: &Apart<L>) -> Option<Apart<L>> {
        let config = self.last.lock().unwrap().clone()?;
        Some(Apart { layer: L::open(config).await.unwrap(), number: layer.number })
    }

    fn held(&self, _: &Apart<L>) -> Option<usize> {
        None
    }

    fn rounds(&self) -> usize {
        50
    }
}

/// A layer whose general channels are those of no other case: with pub/sub the names of Redis channels have no prefix.
#[derive(Clone)]
struct Apart<L> {
    layer: L,
    number: usize,
}

impl<L: Redis> Apart<L> {
    fn own(&self, channel: &ChannelName) -> ChannelName {
        match L::PREFIXED || channel.is_local() {
            true => channel.clone(),
            false => ChannelName::new(format!("{channel}.{}", self.number)).unwrap(),
        }
    }
}

impl<L: Redis> ChannelLayer for Apart<L> {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        self.layer.send(&self.own(channel), message).await
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        self.layer.receive(&self.own(channel)).await
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        self.layer.new_channel(prefix).await
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        self.layer.mailbox(prefix, options).await
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.layer.group_add(group, &self.own(channel)).await
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.layer.group_discard(group, &self.own(channel)).await
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        self.layer.group_send(group, message).await
    }

    async fn flush(&self) -> Result<()> {
        self.layer.flush().await
    }

    async fn close(&self) -> Result<()> {
        self.layer.close().await
    }

    fn capabilities(&self) -> Capabilities {
        self.layer.capabilities()
    }

    fn events(&self) -> LayerEvents {
        self.layer.events()
    }

    fn health(&self) -> Health {
        self.layer.health()
    }
}

channel_layers::conformance!(core, on::<RedisLayer>(), ());
channel_layers::conformance!(pubsub, on::<RedisPubSubLayer>(), ());

/// On a cluster pub/sub takes the sharded kind: of the other one every node tells all others every message.
#[tokio::test]
async fn what_is_subscribed_to_lives_on_its_shard() {
    let layer = on::<RedisPubSubLayer>().layer(Settings::default()).await;
    let mailbox = layer.mailbox("test", MailboxOptions::default()).await.unwrap();
    layer.group_add(&GroupName::new("g").unwrap(), mailbox.channel()).await.unwrap();
    let cluster = CLUSTER.get().expect("the layer is on it");
    let mut sharded = Vec::new();
    for master in 0..3 {
        assert_eq!(cluster.node(master).ok(&["PUBSUB", "CHANNELS"]).await.texts(), [""; 0]);
        sharded.extend(cluster.node(master).ok(&["PUBSUB", "SHARDCHANNELS"]).await.texts());
    }
    for topic in [mailbox.channel().to_string(), format!("case{:04}__group__g", layer.number)] {
        assert_eq!(sharded.iter().filter(|own| **own == topic).count(), 1, "{topic} in {sharded:?}");
    }
}
