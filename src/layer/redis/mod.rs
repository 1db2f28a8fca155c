//! The layers that share a Redis with Django's `channels_redis`, byte by byte.
//!
//! - [`RedisLayer`] has the layout of `channels_redis.core.RedisChannelLayer`: messages wait in Redis for their receiver,
//!   general channels are work queues, and a channel at its capacity refuses.
//! - [`RedisPubSubLayer`] has that of `channels_redis.pubsub.RedisPubSubChannelLayer`: messages are published, and those
//!   that no process is subscribed to are lost.
//!
//! The two do not hear each other: take the one that Django uses. A process of Django and one of this crate that have the
//! same settings ([`RedisConfig`]) are equal parts of one layer, in both directions.
//!
//! # What is different from `channels_redis`
//!
//! Nothing that a process of Django could notice, but:
//!
//! - A mailbox's memberships are restored and renewed for as long as it is open, so nobody falls out of a group because a
//!   server was restarted or a day has passed. A mailbox that is dropped leaves its groups.
//! - A message of a general channel reaches one receiver and never two, if its receivers are of this crate; dropping a
//!   receive loses nothing. (With `channels_redis`' own receivers a worker that begins to receive delivers again what
//!   others have in hand.)
//! - With several hosts, messages that a Django process sends to the wrong one of them arrive: every host is listened on.
//! - The channels of a process are spread over several keys and emptied at once, so a burst of Django's is not refused.
//! - With pub/sub the queues are bounded; what finds no room is dropped and counted.
//! - `flush` looks for keys with `SCAN`, so the server goes on serving. As in `channels_redis` it removes every key that
//!   begins with the prefix.
//!
//! # On a Redis Cluster
//!
//! A cluster is one host ([`Host::cluster`]); `channels_redis` knows none, so only processes of this crate meet there. The
//! layer has a connection to each master, and one more to each with pub/sub, which is sharded and takes Redis 7.0. A
//! process receives over one connection for all its mailboxes, whose keys it puts in one slot, over one for each prefix
//! given to [`new_channel`](super::ChannelLayer::new_channel) that it receives on, and over one for each general channel.
//! Where a slot moves, `redis` loses nothing, and `redis-pubsub` what is published until the process has subscribed at the
//! new node. Where a replica takes over, what its master had not told it is lost with either, and a message that was
//! received at that very moment may come once more.
//!
//! # When something fails
//!
//! Verbs wait up to [`timeout`](RedisConfig::timeout) for a server. Then they fail with
//! [`Unavailable`](crate::ErrorKind::Unavailable) where nothing was done, or with
//! [`Disconnected`](crate::ErrorKind::Disconnected) or [`Timeout`](crate::ErrorKind::Timeout) where that is not known;
//! nothing that might have been done is done again. Over several hosts a `group_send` reaches the members of those that are
//! in reach, and fails all the same. Connections are made again for ever. What happened is told by the layer's
//! [`events`](super::ChannelLayer::events), whether messages pass right now by [`health`](super::ChannelLayer::health), and
//! what was dropped, by reason, by `stats`.

mod backoff;
mod cluster;
mod config;
mod connect;
mod core;
mod examine;
mod fault;
mod host;
mod link;
mod outage;
mod pubsub;
mod pulse;
mod script;
mod stats;
mod tasks;
mod topology;
mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::core::RedisLayer;
pub use config::{RedisConfig, Secret};
pub use examine::{Examined, RefusedCommand, ServerFacts};
pub use host::{Host, Tls, Verify};
pub use pubsub::RedisPubSubLayer;
pub use stats::RedisStats;
#[cfg(feature = "testing")]
pub use wire::Written;
pub use wire::{Serializer, register_serializer};

/// The time since 1970, by this machine's clock: what goes over the wire.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
