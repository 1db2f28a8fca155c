//! The layer of one process: the channels of this process, and nothing beside them.

mod config;

use std::sync::Arc;

use super::local::{LocalStats, Registry};
use super::{
    Capabilities, ChannelLayer, EventSender, LayerCounts, LayerEvent, LayerEvents, Mailbox, MailboxOptions, Reach,
};
use crate::{ChannelName, GroupName, Message, Result};

pub use config::MemoryConfig;

/// The layer of one process: what is sent is in memory only.
///
/// Cloning gives another handle to the same layer.
///
/// ```
/// use channel_layers::layer::{ChannelLayer, MailboxOptions, MemoryLayer};
/// use channel_layers::{GroupName, message};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> channel_layers::Result<()> {
/// let layer = MemoryLayer::default();
/// let mut mailbox = layer.mailbox("lobby", MailboxOptions::default()).await?;
/// let group = GroupName::new("chat.lobby")?;
/// layer.group_add(&group, mailbox.channel()).await?;
/// layer.group_send(&group, message! { "type": "chat.message", "text": "hello" }).await?;
/// assert_eq!(mailbox.recv().await?.kind().as_deref(), Some("chat.message"));
/// # Ok(())
/// # }
/// ```
///
/// # Cost
///
/// No verb costs more because the layer holds more. A message or a group takes one look-up, and a group's members are
/// then reached directly; joining and leaving cost the same in a group of ten and of a million. Nothing is swept as a
/// whole: a message that has expired goes when its channel is next touched, and a name that nobody uses is found by a
/// cursor that `send`, `receive` and `group_add` each move on by one name.
///
/// # Bounds
///
/// A channel holds [`capacity`](MemoryConfig::capacity) messages and [`channel_bytes`](MemoryConfig::channel_bytes); a
/// mailbox what its [`MailboxOptions`] say. Names and memberships of channels that no mailbox owns are bounded together
/// by [`max_unowned`](MemoryConfig::max_unowned). Mailboxes, and their memberships, are bounded by whoever opens them.
/// What was refused or dropped is counted in [`stats`](Self::stats).
///
/// # What differs from Django's in-memory layer
///
/// Expired messages take no room; a second receiver that waits is served; `channel_capacity` works; an expired message
/// does not end its channel's memberships; names are longer and cannot be guessed.
#[derive(Clone, Debug)]
pub struct MemoryLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    events: EventSender,
}

impl MemoryLayer {
    /// A layer with these settings.
    pub fn new(config: MemoryConfig) -> Self {
        Self(Arc::new(Inner { registry: Registry::new(config.into()), events: EventSender::new() }))
    }

    /// What the layer holds and what it has dropped, since it was made.
    pub fn stats(&self) -> LocalStats {
        self.0.registry.stats()
    }
}

impl Default for MemoryLayer {
    fn default() -> Self {
        Self::new(MemoryConfig::default())
    }
}

impl ChannelLayer for MemoryLayer {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        self.0.registry.send(channel, message)
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        self.0.registry.receive(channel).await
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        self.0.registry.new_channel(prefix)
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        let channel = self.0.registry.open(prefix, None, &options)?;
        let (inner, owned) = (Arc::clone(&self.0), Arc::clone(&channel));
        Ok(Mailbox::new(channel, move || drop(inner.registry.release(&owned))))
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.0.registry.group_add(group, channel)
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.0.registry.group_discard(group, channel)
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        self.0.registry.group_send(group, &message)
    }

    async fn flush(&self) -> Result<()> {
        self.0.registry.flush()?;
        self.0.events.send(LayerEvent::Flushed);
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.0.registry.close();
        self.0.events.close();
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        let settings = self.0.registry.settings();
        Capabilities {
            expiry: settings.expiry,
            group_expiry: settings.group_expiry,
            max_message_size: settings.max_message_size,
            reach: Reach::Process,
            ..Capabilities::new("memory")
        }
    }
    fn events(&self) -> LayerEvents {
        self.0.events.listen()
    }

    fn counts(&self) -> LayerCounts {
        self.stats().into()
    }
}
