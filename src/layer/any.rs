//! Any built-in layer, chosen at run time without dynamic dispatch.

use super::{Capabilities, ChannelLayer, Health, LayerEvents, Mailbox, MailboxOptions, MemoryConfig, MemoryLayer};
use crate::{ChannelName, GroupName, Message, Result};

/// Any of the built-in layers. Cloning gives another handle to the same layer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Layer {
    /// The layer of one process.
    Memory(MemoryLayer),
}

impl Layer {
    /// A layer of this process with these settings.
    pub fn memory(config: MemoryConfig) -> Self {
        Self::Memory(MemoryLayer::new(config))
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

impl ChannelLayer for Layer {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        match self {
            Self::Memory(layer) => layer.send(channel, message).await,
        }
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        match self {
            Self::Memory(layer) => layer.receive(channel).await,
        }
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        match self {
            Self::Memory(layer) => layer.new_channel(prefix).await,
        }
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        match self {
            Self::Memory(layer) => layer.mailbox(prefix, options).await,
        }
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        match self {
            Self::Memory(layer) => layer.group_add(group, channel).await,
        }
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        match self {
            Self::Memory(layer) => layer.group_discard(group, channel).await,
        }
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        match self {
            Self::Memory(layer) => layer.group_send(group, message).await,
        }
    }

    async fn flush(&self) -> Result<()> {
        match self {
            Self::Memory(layer) => layer.flush().await,
        }
    }

    async fn close(&self) -> Result<()> {
        match self {
            Self::Memory(layer) => layer.close().await,
        }
    }

    fn capabilities(&self) -> Capabilities {
        match self {
            Self::Memory(layer) => layer.capabilities(),
        }
    }
    fn events(&self) -> LayerEvents {
        match self {
            Self::Memory(layer) => layer.events(),
        }
    }

    fn health(&self) -> Health {
        match self {
            Self::Memory(layer) => layer.health(),
        }
    }
}
