//! RFC 6455 framing, the server's side, without I/O: bytes of a client in, events out, and frames for it.
//!
//! A [`Decoder`] is one connection's incoming side. It takes what was read, in pieces of any size, and says what they
//! completed. [`frame`], [`ping`], [`pong`] and [`close`] make what goes out: whole frames, each in one allocation, so
//! a frame that goes to many sockets is made once and shared.
//!
//! ```
//! use bytes::Bytes;
//! use channel_layers::gateway::session::FrameKind;
//! use channel_layers::gateway::websocket::{Decoder, Event};
//!
//! // "Hello", as RFC 6455 masks it in section 5.7, with the first byte of what comes next.
//! let read = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58, 0x89];
//! let mut decoder = Decoder::new(64 * 1024);
//!
//! let (taken, event) = decoder.decode(&read)?;
//! assert_eq!((taken, event), (11, Some(Event::Message(FrameKind::Text, Bytes::from_static(b"Hello")))));
//! assert_eq!(decoder.decode(&read[taken..])?, (1, None));
//! # Ok::<(), channel_layers::gateway::websocket::Violation>(())
//! ```
//!
//! With permessage-deflate (RFC 7692), which [`negotiate`] settles in the handshake, a decoder
//! [inflates](Decoder::with_inflate), and a [`Deflater`] makes compressed frames.
//!
//! What must stay true: what comes out depends on the bytes alone and not on where reads cut them; nothing is allocated
//! for a length that is only declared; a connection between two messages owns no memory beside its [`Decoder`].

mod decode;
mod deflate;
mod encode;
mod extension;
mod header;
mod mask;
mod partial;
mod text;

use std::error::Error;
use std::fmt;

use bytes::Bytes;

use super::session::FrameKind;

pub use decode::Decoder;
pub use deflate::Deflater;
pub use encode::{begin, close, close_without_code, frame, ping, pong};
pub use extension::negotiate;

/// What a client's bytes completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message, its fragments put together. Text is UTF-8.
    Message(FrameKind, Bytes),
    /// A ping, to be answered by a [`pong`] with the same payload (RFC 6455, section 5.5.3).
    Ping(Bytes),
    /// A pong, asked for or not.
    Pong(Bytes),
    /// The client closes, with its status code if it gave one. The last event of a connection.
    Close(Option<u16>),
}

/// What a client broke. Nothing that comes after it can be read: the connection is to be closed with
/// [`status`](Self::status).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The status code that RFC 6455 has for it (section 7.4.1): 1002 for its rules, 1007 for text that is not UTF-8 and
    /// data that does not inflate, 1008 for a message in too many fragments, 1009 for one above the limit.
    pub status: u16,
    /// What it was, in a few words that fit a close frame.
    pub reason: &'static str,
}

impl Violation {
    const fn protocol(reason: &'static str) -> Self {
        Self { status: 1002, reason }
    }

    const fn payload(reason: &'static str) -> Self {
        Self { status: 1007, reason }
    }

    const TOO_LARGE: Self = Self { status: 1009, reason: "the message is larger than the limit" };

    const SHREDDED: Self = Self { status: 1008, reason: "a message in too many fragments" };
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.status)
    }
}

impl Error for Violation {}
