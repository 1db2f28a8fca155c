//! What travels between a client and the gateway, and between processes: names, messages, frames and codes.
//!
//! Values and bytes only: no I/O, no clock, no runtime, no JavaScript. Both targets compile these files, so the
//! browser and the server cannot disagree. `PROTOCOL.md` documents the same for other languages.
//!
//! - [`ChannelName`], [`GroupName`]: validated names.
//! - [`Message`], [`Value`], [`Map`]: what applications send; [`message!`](crate::message) writes one.
//! - [`ClientFrame`], [`ServerFrame`]: what the two ends say to each other, in either [`Encoding`].
//! - [`ErrorCode`], [`CloseCode`], [`GroupCode`], [`LocalCode`]: the codes, and [`action`], what each asks of a client.

pub(crate) mod base64;
mod close;
mod code;
mod digits;
mod event;
mod frame;
mod json;
mod macros;
mod message;
mod msgpack;
mod name;
mod raw;
mod serde_impls;
mod splice;
mod value;

pub use close::CloseReason;
pub(crate) use digits::digits;
pub(crate) use frame::excerpt;
pub(crate) use msgpack::texts;
pub(crate) use splice::Texts;

pub use code::{Action, CloseCode, ErrorCode, GroupCode, LocalCode, action};
pub use frame::{ClientFrame, FrameError, Joined, Recover, ServerFrame, Target, Welcome};
pub use message::Message;
pub use name::{ChannelName, GroupName};
pub use value::{Map, Value};

/// The version of the protocol that this crate speaks, as the gateway states it in `welcome`.
pub const VERSION: u32 = 1;

/// How deep lists and maps may nest in a message, the message itself included. Deeper input is refused, so that no
/// reader can be made to overflow its stack. It lies below the 127 levels at which serde_json gives up, so that a backend
/// can read every message with it.
pub const MAX_DEPTH: usize = 100;

/// How frames and messages are written as bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON in text frames; byte strings as `{"$bytes": "<base64>"}`.
    #[default]
    Json,
    /// MessagePack in binary frames.
    Msgpack,
}

impl Encoding {
    /// Every encoding, in the order in which the gateway prefers them when a client offers several.
    pub const ALL: [Encoding; 2] = [Encoding::Msgpack, Encoding::Json];

    /// This encoding, where the build speaks both. Every choice between the two codecs asks here, so that a build for
    /// JSON alone holds neither the other codec nor the reading and writing of floats, which only translation needs.
    pub(crate) const fn spoken(self) -> Self {
        if crate::SPEAKS_MSGPACK { self } else { Encoding::Json }
    }

    /// The WebSocket subprotocol (RFC 6455, section 1.9) that asks for this encoding.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Encoding::Json => "channel-layers.v1.json",
            Encoding::Msgpack => "channel-layers.v1.msgpack",
        }
    }

    /// The encoding that a subprotocol name asks for.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.subprotocol() == name)
    }
}
