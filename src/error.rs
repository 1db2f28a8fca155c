//! The one error type of the crate, the same on both targets.
//!
//! An [`Error`] is opaque: a [`ErrorKind`] to match on, a text that names the thing and the remedy, and the error of
//! the library below as its source. No dependency's type is part of it, so theirs can change without ours.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// What the crate's operations return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate: what kind it is, in words what happened and what to do, and what caused it.
pub struct Error {
    kind: ErrorKind,
    text: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, to match on. New kinds may come in minor releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A channel or group name breaks the rules of [`ChannelName`](crate::ChannelName) or
    /// [`GroupName`](crate::GroupName).
    InvalidName,
    /// Bytes are not a message or a frame, or a value has no place in one.
    InvalidMessage,
    /// A channel is at its capacity; the message was not sent. Sending again later can succeed.
    ChannelFull,
    /// A message is larger than the layer or the gateway takes.
    MessageTooLarge,
    /// A receiver fell behind and messages were dropped; the text says how many.
    Lagged,
    /// The layer, the client or the mailbox was closed.
    Closed,
    /// No answer within the time that the caller set.
    Timeout,
    /// The connection was lost before the answer came, so the outcome is not known.
    Disconnected,
    /// The layer's server is out of reach; nothing was done. Doing it again later can succeed.
    Unavailable,
    /// A bounded queue of the client is full; the request was not queued.
    QueueFull,
    /// The gateway answered with an error frame of this code.
    Refused(crate::protocol::ErrorCode),
    /// The gateway closed the connection for good, or removed a group for good, with this code.
    Terminated(u16),
    /// A setting is wrong or two settings contradict each other.
    Config,
    /// The operating system or the network refused something.
    Io,
}

impl Error {
    /// Makes an error of `kind` with a text for people. For authors of other channel layers.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What `Display` writes, for code that a browser loads without formatting.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether doing the same again later can succeed.
    pub fn is_temporary(&self) -> bool {
        match self.kind {
            ErrorKind::ChannelFull
            | ErrorKind::Timeout
            | ErrorKind::Disconnected
            | ErrorKind::Unavailable
            | ErrorKind::QueueFull => true,
            ErrorKind::Refused(code) => code.is_temporary(),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut s = f.debug_struct("Error");
        s.field("kind", &self.kind).field("text", &self.text);
        if let Some(source) = &self.source {
            s.field("source", source);
        }
        s.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}
