//! The settings of the memory layer.

use std::time::Duration;

use crate::layer::Pattern;
use crate::layer::local::{Settings, setters};

/// The settings of a [`MemoryLayer`](super::MemoryLayer), named as Django's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// The most messages that wait in a channel that no entry of `channel_capacity` is for. Default: 100. A higher
    /// number rides out longer pauses of receivers and costs memory while they last.
    pub capacity: usize,
    /// Capacities by pattern of the full channel name; the first that matches counts. Default: none.
    pub channel_capacity: Vec<(Pattern, usize)>,
    /// The most bytes of messages that wait in a channel; one message is always taken. Default: 16 MiB.
    pub channel_bytes: usize,
    /// After how long a message that nobody received is dropped. Default: 60 seconds.
    pub expiry: Duration,
    /// After how long the membership of a channel that no mailbox owns ends unless it is added again. Default: 86,400
    /// seconds, a day. A shorter time forgets members sooner that never left, and asks those that stay to be added more
    /// often. A mailbox stays a member as long as it is open.
    pub group_expiry: Duration,
    /// The largest message, in bytes of the encoding that it was made of. Default: 1 MiB.
    pub max_message_size: usize,
    /// The most names kept for channels that no mailbox owns: a name counts once while messages wait under it or
    /// somebody receives on it, and once for each of its memberships. At the bound, `send` and `group_add` fail with
    /// [`ErrorKind::ChannelFull`](crate::ErrorKind::ChannelFull) for names that would be new. Default: 100,000.
    pub max_unowned: usize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            capacity: 100,
            channel_capacity: Vec::new(),
            channel_bytes: 16 << 20,
            expiry: Duration::from_secs(60),
            group_expiry: Duration::from_secs(86_400),
            max_message_size: 1 << 20,
            max_unowned: 100_000,
        }
    }
}

impl MemoryConfig {
    setters!();
}

impl From<MemoryConfig> for Settings {
    fn from(config: MemoryConfig) -> Self {
        Self {
            capacity: config.capacity,
            channel_capacity: config.channel_capacity,
            channel_bytes: config.channel_bytes,
            expiry: config.expiry,
            group_expiry: config.group_expiry,
            max_message_size: config.max_message_size,
            max_unowned: config.max_unowned,
        }
    }
}
