//! The layers that share a Redis with Django's `channels_redis`, byte by byte.

mod backoff;
mod cluster;
mod config;
mod connect;
mod core;
mod fault;
mod host;
mod link;
mod pubsub;
mod pulse;
mod script;
mod stats;
mod topology;
mod wire;

pub use self::core::RedisLayer;
pub use config::{RedisConfig, Secret};
pub use host::{Host, Tls, Verify};
pub use pubsub::RedisPubSubLayer;
pub use stats::RedisStats;
pub use wire::{Serializer, register_serializer};
