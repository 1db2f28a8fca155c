//! Any built-in layer, chosen at run time without dynamic dispatch.

use super::redis::{RedisConfig, RedisLayer, RedisPubSubLayer};
use super::{
    Capabilities, ChannelLayer, Health, LayerCounts, LayerEvents, Mailbox, MailboxOptions, MemoryConfig, MemoryLayer,
};
use crate::{ChannelName, GroupName, Message, Result};

/// Any of the built-in layers. Cloning gives another handle to the same layer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Layer {
    /// The layer of one process.
    Memory(MemoryLayer),
    /// The layer over Redis that keeps messages.
    Redis(RedisLayer),
    /// The layer over Redis that publishes messages.
    RedisPubSub(RedisPubSubLayer),
}

impl Layer {
    /// A layer of this process with these settings.
    pub fn memory(config: MemoryConfig) -> Self {
        Self::Memory(MemoryLayer::new(config))
    }

    /// A layer over Redis that keeps messages; see [`RedisLayer::new`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn redis(config: RedisConfig) -> Result<Self> {
        RedisLayer::new(config).map(Self::Redis)
    }

    /// A layer over Redis that publishes messages; see [`RedisPubSubLayer::new`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn redis_pubsub(config: RedisConfig) -> Result<Self> {
        RedisPubSubLayer::new(config).map(Self::RedisPubSub)
    }
}

/// A layer of this process with the default settings.
impl Default for Layer {
    fn default() -> Self {
        Self::memory(MemoryConfig::default())
    }
}

impl From<MemoryLayer> for Layer {
    fn from(layer: MemoryLayer) -> Self {
        Self::Memory(layer)
    }
}

impl From<RedisLayer> for Layer {
    fn from(layer: RedisLayer) -> Self {
        Self::Redis(layer)
    }
}

impl From<RedisPubSubLayer> for Layer {
    fn from(layer: RedisPubSubLayer) -> Self {
        Self::RedisPubSub(layer)
    }
}

/// Does the same with whichever layer it is.
macro_rules! whichever {
    ($any:expr, $layer:ident => $does:expr) => {
        match $any {
            Layer::Memory($layer) => $does,
            Layer::Redis($layer) => $does,
            Layer::RedisPubSub($layer) => $does,
        }
    };
}

impl ChannelLayer for Layer {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        whichever!(self, layer => layer.send(channel, message).await)
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        whichever!(self, layer => layer.receive(channel).await)
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        whichever!(self, layer => layer.new_channel(prefix).await)
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        whichever!(self, layer => layer.mailbox(prefix, options).await)
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        whichever!(self, layer => layer.group_add(group, channel).await)
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        whichever!(self, layer => layer.group_discard(group, channel).await)
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        whichever!(self, layer => layer.group_send(group, message).await)
    }

    async fn flush(&self) -> Result<()> {
        whichever!(self, layer => layer.flush().await)
    }

    async fn close(&self) -> Result<()> {
        whichever!(self, layer => layer.close().await)
    }

    fn capabilities(&self) -> Capabilities {
        whichever!(self, layer => layer.capabilities())
    }

    fn events(&self) -> LayerEvents {
        whichever!(self, layer => layer.events())
    }

    fn health(&self) -> Health {
        whichever!(self, layer => layer.health())
    }

    fn counts(&self) -> LayerCounts {
        whichever!(self, layer => layer.counts())
    }
}
