//! Channel layers.

use std::future::Future;
use std::time::Duration;

use crate::{ChannelName, GroupName, Message, Result};

/// The specification of a channel layer.
pub trait ChannelLayer: Send + Sync + 'static {
    /// Sends a message to a channel.
    fn send(&self, channel: &ChannelName, message: Message) -> impl Future<Output = Result<()>> + Send;
    /// Waits for the next message of a channel; each message goes to one receiver.
    fn receive(&self, channel: &ChannelName) -> impl Future<Output = Result<Message>> + Send;
    /// Makes a fresh name of a channel of this process.
    fn new_channel(&self, prefix: &str) -> impl Future<Output = Result<ChannelName>> + Send;
    /// Opens a fresh channel of this process, owned by the mailbox that comes back.
    fn mailbox(&self, prefix: &str, options: MailboxOptions) -> impl Future<Output = Result<Mailbox>> + Send;
    /// Adds a channel to a group.
    fn group_add(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send;
    /// Removes a channel from a group.
    fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send;
    /// Sends a message to every channel in a group.
    fn group_send(&self, group: &GroupName, message: Message) -> impl Future<Output = Result<()>> + Send;
    /// Empties the layer.
    fn flush(&self) -> impl Future<Output = Result<()>> + Send;
    /// Closes the layer.
    fn close(&self) -> impl Future<Output = Result<()>> + Send;
    /// What the layer promises beyond the specification.
    fn capabilities(&self) -> Capabilities;
}

/// What a layer promises.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// After how long a membership ends unless it is added again.
    pub group_expiry: Duration,
}

/// How a mailbox is bounded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MailboxOptions {
    /// The most messages that wait.
    pub capacity: Option<usize>,
    /// The most bytes that wait.
    pub bytes: usize,
}

/// The receiving end of a channel of this process.
#[derive(Debug)]
pub struct Mailbox {}
