//! Messages as they stand in Redis, without a server: what tests and fuzzers outside of the crate look at.

use std::time::Duration;

use bytes::Bytes;

use super::To;
use super::codec::{Codec, Layout};
use crate::layer::redis::RedisConfig;
use crate::{Message, Result};

/// Writes and reads messages as a layer with the same settings does: serialized, with whom they are for, encrypted,
/// behind their random bytes.
#[derive(Debug)]
pub struct Written(Codec);

impl Written {
    /// As [`RedisLayer`](crate::layer::redis::RedisLayer).
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config), naming the setting that is wrong.
    pub fn core(config: &RedisConfig) -> Result<Self> {
        Codec::new(config, Layout::Core).map(Self)
    }

    /// As [`RedisPubSubLayer`](crate::layer::redis::RedisPubSubLayer), whose messages do not say whom they are for.
    ///
    /// # Errors
    ///
    /// As [`core`](Self::core).
    pub fn pubsub(config: &RedisConfig) -> Result<Self> {
        Codec::new(config, Layout::PubSub).map(Self)
    }

    /// Writes a message for these channels at a time since 1970; without any, it is for whoever reads it.
    ///
    /// # Errors
    ///
    /// [`InvalidMessage`](crate::ErrorKind::InvalidMessage): it holds what the format cannot carry.
    pub fn write(&self, message: &Message, to: &[&str], now: Duration) -> Result<Bytes> {
        let to = (!to.is_empty()).then_some(To::Members(to));
        self.0.encode(message, to, now).map(Bytes::from)
    }

    /// Reads a message at a time since 1970, and for whom it is: names that nobody has checked.
    ///
    /// # Errors
    ///
    /// [`InvalidMessage`](crate::ErrorKind::InvalidMessage): it is none, or too old.
    pub fn read(&self, bytes: Bytes, now: Duration) -> Result<(Message, Vec<String>)> {
        let (message, to) = self.0.decode(bytes, now)?;
        Ok((message, to.iter().map(str::to_owned).collect()))
    }
}
