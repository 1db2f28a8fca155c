//! What `channels_redis` 4.3 reads and writes, byte by byte: names of keys, the ring of hosts, messages.
//!
//! Pure functions: no I/O, and the time is an argument. The vectors in `tests/vectors/redis.json`, which
//! `channels_redis` itself has made, fix every byte.

pub(super) mod codec;
pub(super) mod envelope;
mod fernet;
mod json;
pub(super) mod keys;
pub(super) mod ring;
pub(super) mod score;
mod serializer;
pub(super) mod slot;
#[cfg(test)]
mod tests;
#[cfg(feature = "testing")]
mod written;

pub(super) use envelope::{Recipients, To};
pub use serializer::{Serializer, register_serializer};
#[cfg(feature = "testing")]
pub use written::Written;
