//! The settings of the Redis layers, named as those of `channels_redis`.

use std::fmt;
use std::time::Duration;

use super::host::Host;
use crate::layer::Pattern;
use crate::layer::local::{Settings, setters};

/// The settings of a [`RedisLayer`](super::RedisLayer) or a [`RedisPubSubLayer`](super::RedisPubSubLayer). Every process
/// that shares a Redis needs the same `hosts` in the same order, `prefix`, `serializer_format`,
/// `symmetric_encryption_keys` and `random_prefix_length`; Django's processes too.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisConfig {
    /// The Redis servers; several share the work, each channel and group having its place on one of them. Default:
    /// `redis://localhost:6379`.
    pub hosts: Vec<Host>,
    /// What the names of all keys and Redis channels begin with. Two applications on one Redis need two prefixes. With
    /// pub/sub Django puts it in front of the names of its processes' channels, too: with characters that no
    /// [`ChannelName`](crate::ChannelName) holds, such as a colon, only Django can send to those; groups work with any.
    /// Default: `asgi`.
    pub prefix: String,
    /// The most messages that wait under a key in Redis where no entry of `channel_capacity` is for the channel.
    /// Default: 100. Not a setting of pub/sub, where nothing waits in Redis.
    pub capacity: usize,
    /// Capacities by pattern of the full channel name; the first that matches counts. Default: none.
    pub channel_capacity: Vec<(Pattern, usize)>,
    /// The most bytes of messages that wait in this process for one channel; one message is always taken. Default:
    /// 16 MiB.
    pub channel_bytes: usize,
    /// After how long a message that nobody received is dropped. Default: 60 seconds.
    pub expiry: Duration,
    /// After how long a membership ends that no mailbox owns and nobody renews. Default: 86,400 seconds, a day.
    pub group_expiry: Duration,
    /// The largest message that is sent, in bytes of the encoding that it was made of. Default: 1 MiB. What arrives may be
    /// larger, since `channels_redis` has no such bound: it is Redis' `proto-max-bulk-len`, and the bytes of a queue.
    pub max_message_size: usize,
    /// The most names kept in this process for channels that no mailbox owns. Default: 100,000.
    pub max_unowned: usize,
    /// How messages are written in Redis: `msgpack`, `json`, or a name given to
    /// [`register_serializer`](super::register_serializer). Default: `msgpack`.
    pub serializer_format: String,
    /// Keys to encrypt messages with: the first encrypts, all of them decrypt, so a new key goes in front and an old
    /// one is taken away once nothing encrypted with it can be left. Names are never encrypted. Default: none, messages
    /// are readable in Redis.
    pub symmetric_encryption_keys: Vec<Secret>,
    /// How many random bytes stand in front of each message, which keep two equal messages apart; 255 at most. Default:
    /// 12. Not a setting of pub/sub, which has none.
    pub random_prefix_length: usize,
    /// How long a verb waits for a server that is out of reach or does not answer, before it fails. Default: 5 seconds.
    /// A shorter time fails sooner in a short outage, a longer one rides it out.
    pub timeout: Duration,
}

/// A text that must not be shown: `Debug` says only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            hosts: vec![Host::default()],
            prefix: "asgi".to_owned(),
            capacity: 100,
            channel_capacity: Vec::new(),
            channel_bytes: 16 << 20,
            expiry: Duration::from_secs(60),
            group_expiry: Duration::from_secs(86_400),
            max_message_size: 1 << 20,
            max_unowned: 100_000,
            serializer_format: "msgpack".to_owned(),
            symmetric_encryption_keys: Vec::new(),
            random_prefix_length: 12,
            timeout: Duration::from_secs(5),
        }
    }
}

impl RedisConfig {
    setters!();

    /// The default settings with these servers.
    pub fn new(hosts: impl IntoIterator<Item = Host>) -> Self {
        Self { hosts: hosts.into_iter().collect(), ..Self::default() }
    }

    /// Sets [`prefix`](Self::prefix).
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets [`serializer_format`](Self::serializer_format).
    #[must_use]
    pub fn with_serializer_format(mut self, format: impl Into<String>) -> Self {
        self.serializer_format = format.into();
        self
    }

    /// Sets [`symmetric_encryption_keys`](Self::symmetric_encryption_keys).
    #[must_use]
    pub fn with_symmetric_encryption_keys(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.symmetric_encryption_keys = keys.into_iter().map(Secret::new).collect();
        self
    }

    /// Sets [`random_prefix_length`](Self::random_prefix_length).
    #[must_use]
    pub fn with_random_prefix_length(mut self, bytes: usize) -> Self {
        self.random_prefix_length = bytes;
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What of it concerns the channels of this process.
    pub(super) fn into_local(self) -> Settings {
        Settings {
            capacity: self.capacity,
            channel_capacity: self.channel_capacity,
            channel_bytes: self.channel_bytes,
            expiry: self.expiry,
            group_expiry: self.group_expiry,
            max_message_size: self.max_message_size,
            max_unowned: self.max_unowned,
        }
    }
}
