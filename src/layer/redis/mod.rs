//! The layers that share a Redis with Django's `channels_redis`, byte by byte.

mod config;
mod host;
mod wire;

pub use config::{RedisConfig, Secret};
pub use host::Host;
pub use wire::{Serializer, register_serializer};
