//! Channel layers: the specification as a trait, the built-in layers, and their aliases.
//!
//! - [`ChannelLayer`]: what a layer does, verb by verb. Its text is the specification.
//! - [`MemoryLayer`]: the layer of one process. [`redis`]: the layers that share a Redis with Django.
//! - [`Layer`]: any built-in layer, chosen at run time; [`Layers`]: several under names.
//! - [`Mailbox`]: a channel of this process that is owned, and given back when it is dropped.
//! - [`Pattern`]: which names a capacity is for.
//! - [`LayerEvents`] and [`Health`]: what happens to a layer's connections, and whether messages pass.

mod any;
mod capacity;
#[cfg(feature = "testing")]
pub mod conformance;
mod counts;
mod events;
mod health;
mod layers;
mod local;
mod mailbox;
mod memory;
#[cfg(test)]
mod queue_model;
pub mod redis;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::{ChannelName, GroupName, Message, Result};

pub use any::Layer;
pub use capacity::Pattern;
pub use counts::LayerCounts;
pub use events::{EventSender, LayerEvent, LayerEvents};
pub use health::{Health, HostHealth};
pub use layers::Layers;
pub use local::LocalStats;
pub use mailbox::{Mailbox, MailboxOptions, MailboxSender, MessageSink, NoRoom};
pub use memory::{MemoryConfig, MemoryLayer};

/// The specification of a channel layer, after Django Channels' own.
///
/// # What every layer promises
///
/// - **At most once.** A message reaches one receiver of its channel, or nobody: none is ever delivered twice, and one
///   that is lost (an expired one, one of a process that died) is not sent again.
/// - **Order.** What one sender sends to one channel, directly or through one group, one call after the other, is
///   received in that order. Messages of different senders, or of one sender by different ways, may come in any order,
///   but see [`Capabilities`].
/// - **Time.** A verb that returned has been done; what it sent may still be on its way, where a server is in between.
/// - **Atomicity.** A verb that fails has changed nothing. A `group_send` that is under way while members come and go
///   reaches every channel that was a member from its beginning to its end, and no channel that was none throughout.
/// - **Capacity.** A channel holds at most its capacity of messages, and a bounded number of bytes. [`send`](Self::send)
///   to a full channel fails with [`ErrorKind::ChannelFull`](crate::ErrorKind::ChannelFull), or the message is dropped
///   and counted where the layer cannot know ([`refuses_when_full`](Capabilities::refuses_when_full));
///   [`group_send`](Self::group_send) leaves full members out. Messages that have expired do not count.
/// - **Expiry.** A message that nobody received in time is dropped: after a minute, unless the layer is set up otherwise.
/// - **Membership.** A mailbox is a member until it leaves, is dropped, or the layer is flushed: it is proof that its owner
///   is there, so the layer renews its memberships wherever they would end. Those of any other channel end when it was
///   not added again in time: after a day, unless the layer is set up otherwise.
/// - **Cancellation.** Dropping any future of these verbs before it is ready loses no message and leaks nothing: a
///   verb has then happened entirely or not at all. Each method says which.
/// - **Closing.** After [`close`](Self::close) every verb fails with [`ErrorKind::Closed`](crate::ErrorKind::Closed),
///   and every receiver that waits wakes with it.
///
/// The names are checked by their types, so no verb fails with an invalid name but [`new_channel`](Self::new_channel)
/// and [`mailbox`](Self::mailbox), which take a prefix, and those that are asked to act for another process's channel.
///
/// A layer on a server fails with [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) where the server is out of
/// reach and nothing was done, and with [`ErrorKind::Disconnected`](crate::ErrorKind::Disconnected) or
/// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) where it is not known whether it was.
///
/// Every future is `Send`, so that any runtime's tasks can hold it. The trait is not dyn compatible; [`Layer`] is the
/// choice at run time.
pub trait ChannelLayer: Send + Sync + 'static {
    /// Sends a message to a channel, whether or not somebody receives on it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::ChannelFull`](crate::ErrorKind::ChannelFull), naming the channel and its capacity: it holds as
    ///   much as it may. Sending again later can succeed.
    /// - [`ErrorKind::MessageTooLarge`](crate::ErrorKind::MessageTooLarge): above the layer's largest message.
    /// - [`ErrorKind::Closed`](crate::ErrorKind::Closed): the layer was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent the message once or not at all.
    fn send(&self, channel: &ChannelName, message: Message) -> impl Future<Output = Result<()>> + Send;

    /// Waits for the next message of a channel. Several receivers may wait on one channel: each message goes to one of
    /// them, in the order in which they began to wait. A name that holds a `!` is received on by its full name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Closed`](crate::ErrorKind::Closed): the layer was closed, before the call or during it.
    /// - [`ErrorKind::InvalidName`](crate::ErrorKind::InvalidName): the name holds a `!` and was made by another process,
    ///   which alone receives on it.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken no message: what it would have received goes to the next receiver.
    fn receive(&self, channel: &ChannelName) -> impl Future<Output = Result<Message>> + Send;

    /// Makes a channel name that nobody has: `{prefix}.{this layer}!{this channel}`, both parts of 32 random
    /// hexadecimal digits from the operating system's generator. It is only a name: nothing is kept for it, and it
    /// needs no giving back. For a channel that is owned see [`mailbox`](Self::mailbox).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidName`](crate::ErrorKind::InvalidName): the prefix is empty, longer than 33 characters, or
    ///   holds a character that is not allowed in names, or a `!`.
    /// - [`ErrorKind::Closed`](crate::ErrorKind::Closed): the layer was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves nothing behind.
    fn new_channel(&self, prefix: &str) -> impl Future<Output = Result<ChannelName>> + Send;

    /// Opens a channel under a fresh name, as [`new_channel`](Self::new_channel) makes it. The mailbox that comes back
    /// owns the channel: dropping it leaves its groups and frees the name, and what is sent to the name afterwards is
    /// dropped and counted.
    ///
    /// # Errors
    ///
    /// As [`new_channel`](Self::new_channel).
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no channel behind.
    fn mailbox(&self, prefix: &str, options: MailboxOptions) -> impl Future<Output = Result<Mailbox>> + Send;

    /// Adds a channel to a group; the group exists as long as it has members. Adding a member again keeps it once and
    /// begins its [`group_expiry`](Capabilities::group_expiry) anew, which only a channel has that no mailbox owns. The
    /// channel need not exist.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidName`](crate::ErrorKind::InvalidName): the channel is one of another process, and the layer
    ///   has no [`foreign_members`](Capabilities::foreign_members).
    /// - [`ErrorKind::ChannelFull`](crate::ErrorKind::ChannelFull): the layer keeps as many names as it may for
    ///   channels that nobody owns.
    /// - [`ErrorKind::Closed`](crate::ErrorKind::Closed): the layer was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has added the channel or not; adding it again is harmless.
    fn group_add(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send;

    /// Removes a channel from a group; nothing happens where it is no member.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed): the layer was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has removed the channel or not; removing it again is harmless.
    fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send;

    /// Sends a message to every channel in a group. Members that are full are left out, silently for the sender but
    /// counted: by the layer, and for the members' owners by [`Mailbox::dropped`]. An unknown group has no members.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::MessageTooLarge`](crate::ErrorKind::MessageTooLarge): above the layer's largest message.
    /// - [`ErrorKind::Closed`](crate::ErrorKind::Closed): the layer was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent the message to each member once or not at all.
    fn group_send(&self, group: &GroupName, message: Message) -> impl Future<Output = Result<()>> + Send;

    /// Empties the layer: every message is dropped and every group is gone. Mailboxes stay open and receivers go on
    /// waiting. For tests and for operators.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed): the layer was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have emptied a part; flushing again does the rest.
    fn flush(&self) -> impl Future<Output = Result<()>> + Send;

    /// Closes the layer for good, for every clone of it: what is queued is dropped, every receiver that waits wakes with
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed), and every later verb fails with it. Closing twice is harmless.
    ///
    /// # Errors
    ///
    /// What the layer's connections report; the layer is closed all the same.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the layer partly closed; closing again does the rest.
    fn close(&self) -> impl Future<Output = Result<()>> + Send;

    /// What this layer promises beyond the specification, or how it keeps it.
    fn capabilities(&self) -> Capabilities;

    /// What happens to the layer from now on: that it was flushed, and what its connections do. The stream ends when the
    /// layer is closed. The default tells nothing; gateways in front of such a layer cannot tell their clients that
    /// messages may be missing.
    fn events(&self) -> LayerEvents {
        LayerEvents::none()
    }

    /// Whether the layer carries messages right now. A layer without connections always does.
    fn health(&self) -> Health {
        Health::default()
    }

    /// What the layer has counted in this process since it was made, for metrics. The default counts nothing.
    fn counts(&self) -> LayerCounts {
        LayerCounts::default()
    }
}

/// What a layer promises beyond [`ChannelLayer`]: plain data, the same for the layer's whole life.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The layer's name, for logs: `memory`.
    pub name: &'static str,
    /// Which processes it connects.
    pub reach: Reach,
    /// Whether a message to a channel that nobody receives on is kept until somebody does or it expires. Otherwise it
    /// is lost, and capacity counts for channels with a receiver only.
    pub keeps_messages: bool,
    /// Whether the channels of one process that share the part of their names up to the `!` share one capacity, as the
    /// specification of Django Channels asks of layers on a server. Otherwise each has its own.
    pub shared_capacity: bool,
    /// Whether [`send`](ChannelLayer::send) to a channel at its capacity fails. Otherwise it succeeds, and a message that
    /// finds no room where it arrives is dropped and counted.
    pub refuses_when_full: bool,
    /// Whether that holds for the bounds of a [`Mailbox`] too. Otherwise a message to a full one is dropped, counted, and
    /// told to its owner by [`Mailbox::dropped`], as group messages are.
    pub mailboxes_refuse: bool,
    /// Whether a channel without a `!` hands each message to one receiver, in whatever process. Otherwise one receiver in
    /// each process gets it.
    pub work_queues: bool,
    /// Whether the order of one sender's messages is kept on channels without a `!`. Otherwise those that waited together
    /// may change places, as where several servers hold them, each up to the channel's capacity.
    pub ordered_general: bool,
    /// Whether the order of one sender's messages is kept between those to a channel itself and those to each of its
    /// groups. Otherwise each of these ways has its own.
    pub ordered_ways: bool,
    /// Whether a channel that belongs to another process can be added to a group here. Otherwise
    /// [`group_add`](ChannelLayer::group_add) fails with [`ErrorKind::InvalidName`](crate::ErrorKind::InvalidName).
    pub foreign_members: bool,
    /// Whether all members of a group receive the group's messages in the same order, whoever sent them.
    pub total_order: bool,
    /// After how long a message that nobody received is dropped.
    pub expiry: Duration,
    /// After how long a membership ends unless it is added again. Those of mailboxes do not.
    pub group_expiry: Duration,
    /// The largest message, in bytes of the encoding that it was made of.
    pub max_message_size: usize,
}

impl Capabilities {
    /// The promises of a layer that connects one process, keeps messages, and has the times and the largest message of
    /// the specification: 60 seconds, 86,400 seconds, 1 MiB. For authors of other layers, who then set what differs.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            reach: Reach::Process,
            keeps_messages: true,
            shared_capacity: false,
            refuses_when_full: true,
            mailboxes_refuse: true,
            work_queues: true,
            ordered_general: true,
            ordered_ways: true,
            foreign_members: true,
            total_order: true,
            expiry: Duration::from_secs(60),
            group_expiry: Duration::from_secs(86_400),
            max_message_size: 1 << 20,
        }
    }
}

/// Which processes a layer connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// The one process that made it.
    Process,
    /// Every process that opens a layer with the same settings.
    Processes,
}

/// A shared layer is a layer.
impl<L: ChannelLayer> ChannelLayer for Arc<L> {
    fn send(&self, channel: &ChannelName, message: Message) -> impl Future<Output = Result<()>> + Send {
        (**self).send(channel, message)
    }

    fn receive(&self, channel: &ChannelName) -> impl Future<Output = Result<Message>> + Send {
        (**self).receive(channel)
    }

    fn new_channel(&self, prefix: &str) -> impl Future<Output = Result<ChannelName>> + Send {
        (**self).new_channel(prefix)
    }

    fn mailbox(&self, prefix: &str, options: MailboxOptions) -> impl Future<Output = Result<Mailbox>> + Send {
        (**self).mailbox(prefix, options)
    }

    fn group_add(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send {
        (**self).group_add(group, channel)
    }

    fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send {
        (**self).group_discard(group, channel)
    }

    fn group_send(&self, group: &GroupName, message: Message) -> impl Future<Output = Result<()>> + Send {
        (**self).group_send(group, message)
    }

    fn flush(&self) -> impl Future<Output = Result<()>> + Send {
        (**self).flush()
    }

    fn close(&self) -> impl Future<Output = Result<()>> + Send {
        (**self).close()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn events(&self) -> LayerEvents {
        (**self).events()
    }

    fn health(&self) -> Health {
        (**self).health()
    }

    fn counts(&self) -> LayerCounts {
        (**self).counts()
    }
}
