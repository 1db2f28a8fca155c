//! Whom a message in the core layout is for: an entry of its own in the message, because all channels of a process
//! share one key. `send` writes a text there and `group_send` a list; a reader takes both.

use std::ops::Range;

use bytes::Bytes;

use super::serializer::Format;
use crate::protocol::{Texts, Value, texts};
use crate::{Error, ErrorKind, Message, Result};

/// The key of the entry. It stands last.
const KEY: &str = "__asgi_channel__";

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub(in crate::layer::redis) enum To<'a> {
    /// The one channel that `send` names, by its full name.
    Channel(&'a str),
    /// The members of a group that share a key, by their full names.
    Members(&'a [&'a str]),
}

/// The full names of the channels that a message is for, as its sender wrote them: nobody has checked them.
#[derive(Clone, Debug, Default)]
pub(in crate::layer::redis) struct Recipients {
    text: Bytes,
    places: Vec<Range<usize>>,
}

impl Recipients {
    /// Whether the message says nothing of recipients, as one that `send` sent to a general channel.
    pub(in crate::layer::redis) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(in crate::layer::redis) fn iter(&self) -> impl Iterator<Item = &str> {
        self.places.iter().filter_map(|place| std::str::from_utf8(self.text.get(place.clone())?).ok())
    }

    fn of_value(value: &Value) -> Option<Self> {
        let names: Option<Vec<&str>> = match value {
            Value::Str(name) => Some(vec![name]),
            Value::List(names) => names.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let names = names?;
        let mut places = Vec::with_capacity(names.len());
        let mut end = 0;
        for name in &names {
            places.push(end..end + name.len());
            end += name.len();
        }
        Some(Self { text: names.concat().into(), places })
    }
}

/// Checks that a message that is sent as it stands says nothing of recipients.
pub(super) fn check(message: &Message) -> Result<()> {
    if message.get(KEY).is_some() { Err(reserved()) } else { Ok(()) }
}

/// Writes a message with its recipients, behind `front`. A message that names recipients itself is refused by a `send`;
/// those of a group take their place, as in Django.
pub(super) fn write(format: &Format, message: &Message, to: To<'_>, front: &[u8]) -> Result<Vec<u8>> {
    let (texts, send) = match to {
        To::Channel(name) => (Texts::One(name), true),
        To::Members(names) => (Texts::Many(names), false),
    };
    match format {
        Format::Msgpack => {
            let (bytes, had) = message.msgpack_with(front, KEY, texts);
            if had && send { Err(reserved()) } else { Ok(bytes) }
        }
        Format::Other(serializer) => {
            let mut map = message.to_map();
            if map.remove(KEY).is_some() && send {
                return Err(reserved());
            }
            let value = match texts {
                Texts::One(name) => name.into(),
                Texts::Many(names) => Value::List(names.iter().map(|&name| name.into()).collect()),
            };
            map.insert(KEY, value);
            Ok([front, &serializer.serialize(&Message::try_from(map)?)?].concat())
        }
    }
}

/// Reads a message, and takes its recipients out of it.
pub(super) fn read(format: &Format, bytes: Bytes) -> Result<(Message, Recipients)> {
    let (message, recipients) = match format {
        Format::Msgpack => {
            let (message, value) = Message::from_msgpack_without(bytes, KEY)?;
            (message, value.map(|text| texts(&text).map(|places| Recipients { text, places })))
        }
        Format::Other(serializer) => {
            let (message, value) = serializer.deserialize(bytes)?.without(KEY);
            (message, value.map(|value| Recipients::of_value(&value)))
        }
    };
    let recipients = recipients.unwrap_or(Some(Recipients::default())).ok_or_else(|| {
        let text =
            format!("a message's {KEY:?} is neither text nor a list of texts: its sender is not a channel layer");
        Error::new(ErrorKind::InvalidMessage, text)
    })?;
    Ok((message, recipients))
}

fn reserved() -> Error {
    let text = format!("a message may not hold the key {KEY:?}, in which the layer says whom it is for; rename it");
    Error::new(ErrorKind::InvalidMessage, text)
}
