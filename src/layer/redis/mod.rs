//! The layers that share a Redis with Django's `channels_redis`, byte by byte.

mod config;
mod host;

pub use config::{RedisConfig, Secret};
pub use host::{Host, Tls, Verify};
