//! A message: a map with string keys, kept as the bytes it came in.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::event::Counts;
use super::json::Fault;
use super::raw::{MapWriter, Raw, Scalar};
use super::value::Builder;
use super::{Encoding, MAX_DEPTH, Map, Value, digits, json, msgpack};
use crate::{Error, ErrorKind, Result};

/// A message: a map with string keys; by convention `type` is a dotted string that says what kind it is.
///
/// A message keeps the bytes it was made of, and is rewritten in the other [`Encoding`] at most once, when somebody
/// first needs that. Cloning is a reference count, so a message to a thousand recipients exists once.
///
/// ```
/// use channel_layers::{Message, message};
///
/// let message = message! { "type": "chat.message", "text": "hello", "likes": [1, 2] };
/// assert_eq!(message.kind().as_deref(), Some("chat.message"));
/// assert_eq!(message.json(), br#"{"type":"chat.message","text":"hello","likes":[1,2]}"#.as_slice());
///
/// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// struct Chat { r#type: String, text: String, likes: Vec<u32> }
/// let chat: Chat = message.decode()?;
/// assert_eq!(Message::encode(&chat)?, message);
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone)]
pub struct Message(Arc<Inner>);

struct Inner {
    encoding: Encoding,
    bytes: Bytes,
    /// The same in the other encoding, once somebody has asked for it.
    other: OnceLock<Bytes>,
}

impl Message {
    /// Takes a message written as JSON: one map, byte strings as `{"$bytes": "<base64>"}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`], with the place, where the text is not one JSON map or nests too deep.
    pub fn from_json(text: impl Into<Bytes>) -> Result<Self> {
        Self::checked(Encoding::Json, text.into())
    }

    /// Takes a message written as MessagePack: one map.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`], with the place, where the bytes are not one MessagePack map with string keys,
    /// nest too deep, or hold an extension type.
    pub fn from_msgpack(bytes: impl Into<Bytes>) -> Result<Self> {
        Self::checked(Encoding::Msgpack, bytes.into())
    }

    /// Takes a message written in `encoding`; see [`from_json`](Self::from_json) and
    /// [`from_msgpack`](Self::from_msgpack).
    ///
    /// # Errors
    ///
    /// As those.
    pub fn from_bytes(encoding: Encoding, bytes: impl Into<Bytes>) -> Result<Self> {
        Self::checked(encoding, bytes.into())
    }

    /// Makes a message of an application's own type, which must serialize as a map with string keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`] where it serializes as something else, or holds a value that has no place in a
    /// message, such as a map with integer keys or an integer of 128 bits.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let bytes = rmp_serde::to_vec_named(value).map_err(|e| {
            Error::new(ErrorKind::InvalidMessage, format!("cannot make a message of this value: {e}")).with_source(e)
        })?;
        Self::from_msgpack(bytes)
    }

    /// Reads the message as an application's own type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`] where the message has not that shape; the text says which field.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        rmp_serde::from_slice(self.msgpack()).map_err(|e| {
            Error::new(ErrorKind::InvalidMessage, format!("the message has not the expected shape: {e}")).with_source(e)
        })
    }

    /// The message in `encoding`. The first call for the encoding that it was not made of rewrites it.
    pub fn bytes(&self, encoding: Encoding) -> &Bytes {
        let inner = &*self.0;
        if inner.encoding.spoken() == encoding.spoken() {
            &inner.bytes
        } else {
            inner.other.get_or_init(|| match encoding {
                Encoding::Json => to_json(&inner.bytes),
                Encoding::Msgpack => to_msgpack(&inner.bytes),
            })
        }
    }

    /// The message as JSON text.
    pub fn json(&self) -> &Bytes {
        self.bytes(Encoding::Json)
    }

    /// The message as MessagePack.
    pub fn msgpack(&self) -> &Bytes {
        self.bytes(Encoding::Msgpack)
    }

    /// How many bytes the message takes in the encoding that it was made of. Limits are counted on this.
    pub fn size(&self) -> usize {
        self.0.bytes.len()
    }

    /// The value of one key, read in place.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.raw(key)?.value()
    }

    /// The message's `type`, where it is text. Keys are compared as a reader would see them: escapes resolved, and the
    /// last of two equal keys counts, so that a filter on it cannot be deceived.
    pub fn kind(&self) -> Option<String> {
        self.raw("type")?.str().map(std::borrow::Cow::into_owned)
    }

    /// The whole message as a tree.
    pub fn to_map(&self) -> Map {
        let mut builder = Builder::default();
        let read = match self.0.encoding.spoken() {
            Encoding::Json => json::read(self.text(), &mut builder),
            Encoding::Msgpack => msgpack::read(&self.0.bytes, &mut builder),
        };
        match (read, builder.into_value()) {
            (Ok(()), Value::Map(map)) => map,
            _ => unreachable!("a message's bytes were checked when it was made"),
        }
    }

    /// The message with `sender` set to a user's name, or without one: what the gateway makes of a client's message. All
    /// other entries stay byte for byte.
    pub fn with_sender(&self, user: Option<&str>) -> Self {
        let mut writer = MapWriter::new(self.0.encoding);
        let mut had_sender = false;
        self.entries(&mut |key, raw| match key {
            "sender" => had_sender = true,
            _ => writer.put(key, Scalar::Raw(raw.bytes())),
        });
        match user {
            None if !had_sender => return self.clone(),
            None => {}
            Some(user) => writer.put("sender", Scalar::Str(user)),
        }
        Self::trusted(self.0.encoding, writer.finish())
    }

    fn checked(encoding: Encoding, bytes: Bytes) -> Result<Self> {
        Raw::whole(encoding, &bytes)
            .entries(MAX_DEPTH - 1, &mut |_, _| {})
            .map_err(|fault| invalid(encoding, fault))?;
        Ok(Self::trusted(encoding, bytes))
    }

    /// A message of bytes that are known to be one map.
    pub(super) fn trusted(encoding: Encoding, bytes: Bytes) -> Self {
        Self(Arc::new(Inner { encoding, bytes, other: OnceLock::new() }))
    }

    fn raw(&self, key: &str) -> Option<Raw<'_>> {
        let mut found = None;
        self.entries(&mut |k, raw| {
            if k == key {
                found = Some(raw);
            }
        });
        found
    }

    /// The map under a key, as a message in memory of its own: it does not keep this one's.
    pub(crate) fn nested(&self, key: &str) -> Option<Self> {
        let part = self.raw(key)?.message()?;
        Some(Self::trusted(part.0.encoding, Bytes::copy_from_slice(&part.0.bytes)))
    }

    /// What is in the list under a key, each entry a part of this message where it is a map.
    pub(crate) fn list(&self, key: &str) -> Option<Vec<Option<Self>>> {
        Some(self.raw(key)?.items()?.iter().map(Raw::message).collect())
    }

    /// The encoding that the message was made of.
    pub(crate) fn encoding(&self) -> Encoding {
        self.0.encoding
    }

    /// Visits the entries in place.
    pub(super) fn entries<'a>(&'a self, entry: &mut dyn FnMut(&str, Raw<'a>)) {
        Raw::whole(self.0.encoding, &self.0.bytes)
            .entries(MAX_DEPTH - 1, entry)
            .expect("a message's bytes were checked when it was made");
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.0.bytes).expect("JSON was checked to be UTF-8 when the message was made")
    }
}

pub(super) fn invalid(encoding: Encoding, (what, at): Fault) -> Error {
    let name = match encoding.spoken() {
        Encoding::Json => "JSON",
        Encoding::Msgpack => "MessagePack",
    };
    Error::new(ErrorKind::InvalidMessage, ["not a message in ", name, ": ", what, " at byte ", &digits(at)].concat())
}

fn to_json(bytes: &[u8]) -> Bytes {
    let mut writer = json::Writer::default();
    msgpack::read(bytes, &mut writer).expect("a message's bytes were checked when it was made");
    writer.into_bytes().into()
}

fn to_msgpack(bytes: &[u8]) -> Bytes {
    msgpack::from_json(std::str::from_utf8(bytes).expect("JSON was checked to be UTF-8 when the message was made"))
        .into()
}

/// Makes a message of a tree.
///
/// # Errors
///
/// [`ErrorKind::InvalidMessage`] where the tree nests deeper than [`MAX_DEPTH`].
impl TryFrom<Map> for Message {
    type Error = Error;

    fn try_from(map: Map) -> Result<Self> {
        if map.depth() > MAX_DEPTH {
            let text = format!("the message nests {} levels deep, {MAX_DEPTH} are allowed", map.depth());
            return Err(Error::new(ErrorKind::InvalidMessage, text));
        }
        let mut counts = Counts::default();
        map.visit(&mut counts);
        let mut writer = msgpack::Writer::new(counts.into_vec());
        map.visit(&mut writer);
        Ok(Self::trusted(Encoding::Msgpack, writer.into_bytes().into()))
    }
}

/// Equal when the content is, whatever the encodings and the order of keys.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.encoding == other.0.encoding && self.0.bytes == other.0.bytes)
            || self.to_map() == other.to_map()
    }
}

/// As JSON, which people read.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.json()))
    }
}

/// As JSON.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
