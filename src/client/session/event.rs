//! What goes out of a session: effects for whoever carries it, events for whoever uses it.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use super::link::retries;
use crate::protocol::{ErrorCode, GroupCode};
use crate::{Error, ErrorKind, Message};

/// What the carrier of a [`Session`](super::Session) must do, in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Open a WebSocket in place of the one that there was, and feed what happens to it.
    Open,
    /// Send a frame over the open WebSocket: text for JSON, binary for MessagePack.
    Send(Bytes),
    /// Close the WebSocket with this code and text, and feed nothing of it any more.
    Close {
        /// A code that browsers let programs send: 1000, or 3000 and above.
        code: u16,
        /// Why, at most 123 bytes.
        reason: &'static str,
    },
    /// Ask the application for a token, in place of an earlier question, and feed the answer.
    FetchToken,
    /// Tell the application.
    Event(Event),
}

/// What an application gets to know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The connection's state changed.
    State(State),
    /// A request has its answer. Each request that is not cancelled gets exactly one.
    Reply {
        /// The request.
        id: RequestId,
        /// Nothing, or why it failed.
        result: Result<(), Failure>,
    },
    /// A group's state changed.
    Group {
        /// The group.
        group: GroupId,
        /// Its state now.
        state: GroupState,
    },
    /// A message arrived.
    Message {
        /// The group that it was sent to, or nothing for the connection's own channel.
        group: Option<GroupId>,
        /// The message.
        message: Message,
    },
}

/// The state of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Not connected, and working on it. There is no attempt limit.
    Connecting {
        /// Which attempt since the last connection, from 1.
        attempt: u32,
        /// How long until it begins; zero while it runs.
        retry_in: Duration,
        /// The code that ended the last connection or attempt; zero before the first.
        code: u16,
        /// The same for people.
        reason: String,
    },
    /// Connected: the gateway said `welcome`.
    Connected,
    /// Ended for good, by `close` (code 1000) or by the gateway with a terminal code.
    Closed {
        /// The close code.
        code: u16,
        /// The same for people.
        reason: String,
    },
}

/// The state of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupState {
    /// Not a member, and working on it.
    Joining {
        /// Why the last membership or attempt ended (a group, error, close or local code); zero where there was none.
        code: u16,
        /// The same for people.
        reason: String,
    },
    /// A member.
    Joined {
        /// Whether nothing was missed since the group was last joined. False on the first join, and always false for a
        /// group without history: load the state that messages build on.
        recovered: bool,
    },
    /// Given up. Joining again is the application's decision.
    Discarded {
        /// Why: a group code below 2500 or an error code.
        code: u16,
        /// The same for people.
        reason: String,
    },
}

/// A group of a session, from [`open_group`](super::Session::open_group) until it is left. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// A request of a session, also its `id` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// Why a request failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// For people.
    pub reason: Cow<'static, str>,
    /// Whether trying again can succeed.
    pub temporary: bool,
    /// How long the gateway asks to wait before that.
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        let temporary = matches!(kind, ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::QueueFull);
        Self { kind, reason: reason.into(), temporary, retry_after: None }
    }

    /// What an error frame says.
    pub(super) fn refused(code: ErrorCode, reason: String, temporary: bool, retry_after: Option<Duration>) -> Self {
        let temporary = retries(code, temporary);
        Self { kind: ErrorKind::Refused(code), reason: reason.into(), temporary, retry_after }
    }

    /// What became of a request for a group that the gateway removed for good.
    pub(super) fn discarded(code: GroupCode, reason: &str) -> Self {
        Self::new(ErrorKind::Terminated(code.0), reason.to_owned())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::new(failure.kind, failure.reason)
    }
}
