//! How messages are written in Redis: the trait, and the registry of the formats by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::json::PythonJson;
use crate::{Error, ErrorKind, Message, Result};

/// Writes messages as bytes and reads them back: a format for
/// [`RedisConfig::serializer_format`](crate::layer::redis::RedisConfig::serializer_format). Encryption and the random
/// prefix are the layer's.
///
/// A layer in Django's core layout adds an entry `__asgi_channel__` to what it hands to a serializer, text or a list of
/// texts, which the format must carry like any other.
pub trait Serializer: Send + Sync + fmt::Debug {
    /// Writes a message.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`], saying what in the message has no place in the format.
    fn serialize(&self, message: &Message) -> Result<Vec<u8>>;

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`], saying what is wrong with the bytes but not what they hold. The message is lost.
    fn deserialize(&self, bytes: Bytes) -> Result<Message>;
}

/// Makes a serializer known to the whole process under a name for
/// [`RedisConfig::serializer_format`](crate::layer::redis::RedisConfig::serializer_format); `msgpack` and `json` are
/// known already. A name that is known gets the new serializer. Layers that exist keep theirs, so register first.
pub fn register_serializer(name: impl Into<String>, serializer: Arc<dyn Serializer>) {
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    registered.insert(name.into(), Format::Other(serializer));
}

/// What was registered, and so may hide what is built in.
static REGISTERED: RwLock<BTreeMap<String, Format>> = RwLock::new(BTreeMap::new());

/// The format of a layer's messages.
#[derive(Clone, Debug)]
pub(super) enum Format {
    /// The one whose bytes are a message's own, so that nothing is rewritten.
    Msgpack,
    Other(Arc<dyn Serializer>),
}

impl Format {
    /// The format of a name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming those that are known.
    pub(super) fn named(name: &str) -> Result<Self> {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        match (registered.get(name), name) {
            (Some(format), _) => Ok(format.clone()),
            (None, "msgpack") => Ok(Self::Msgpack),
            (None, "json") => Ok(Self::Other(Arc::new(PythonJson))),
            (None, _) => {
                let known: Vec<&str> = registered.keys().map(String::as_str).chain(["json", "msgpack"]).collect();
                let known = known.join(", ");
                let text = format!("no serializer_format {name:?} is registered; known are {known}");
                Err(Error::new(ErrorKind::Config, text))
            }
        }
    }
}
