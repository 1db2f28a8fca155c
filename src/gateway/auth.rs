//! Who may do what: the seam for authentication.
//!
//! Connecting, joining, sending to a group and sending to a channel are four separate permissions, and an
//! [`Authorizer`] has to answer all four: none is granted by leaving it out. Reserved message types and limits are the
//! session's; they hold whatever an authorizer allows.

use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderMap;

use crate::protocol::{ChannelName, CloseCode, ErrorCode, GroupName, Message};

/// What an [`Authorizer`]'s methods return: a future that borrows its arguments.
pub type Decision<'a, T> = Pin<Box<dyn Future<Output = Result<T, Denied>> + Send + 'a>>;

/// Decides who a client is and what it may do.
///
/// The gateway asks before it acts, and one request of a connection at a time; further frames of that connection wait.
/// A decision may be dropped half-way when the connection ends.
pub trait Authorizer: Send + Sync + 'static {
    /// Who the client is. Asked once per connection, and again with the fresh token of a `refresh`.
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity>;

    /// Whether the client may join the group and hear what is sent to it.
    fn join<'a>(&'a self, identity: &'a Identity, group: &'a GroupName) -> Decision<'a, ()>;

    /// Whether the client may send this message to the group.
    fn group_send<'a>(&'a self, identity: &'a Identity, group: &'a GroupName, message: &'a Message)
    -> Decision<'a, ()>;

    /// Whether the client may send this message to the channel: another connection, or a worker.
    fn send<'a>(&'a self, identity: &'a Identity, channel: &'a ChannelName, message: &'a Message) -> Decision<'a, ()>;

    /// Whether this authorizer serves clients without knowing who they are. The gateway then listens on loopback only,
    /// unless [`allow_anonymous`](super::GatewayConfig::allow_anonymous) is set.
    fn is_anonymous(&self) -> bool {
        false
    }
}

/// What a client shows of itself.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Credentials {
    /// The token of its `connect` or `refresh` frame.
    pub token: Option<String>,
    /// Name and version of its software, as it says.
    pub client: Option<String>,
    /// Where it connects from: the last proxy, where there is one. Unknown when the gateway is mounted in an
    /// application that does not pass it on.
    pub peer: Option<SocketAddr>,
    /// The headers of its HTTP request.
    pub headers: HeaderMap,
}

/// Who a client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The user's name, written into the `sender` of every message that the client sends. Nothing for an anonymous
    /// client, whose messages have no sender.
    pub user: Option<String>,
    /// How long its token lasts from now. The connection is closed with 4002 when it ends. Nothing: for ever.
    pub expires: Option<Duration>,
}

impl Identity {
    /// A client that nobody knows.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A known user.
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), expires: None }
    }

    /// Limits it to a time from now.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires = Some(time);
        self
    }
}

/// Why something is not allowed. The text reaches the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// Nobody is known, or the token is not valid: close code 4502, error code 101.
    Unauthorized(String),
    /// The user is known and may not: close code 4503, error code 103.
    Forbidden(String),
    /// The token was valid once: close code 4002, error code 107.
    Expired(String),
    /// It cannot be decided now; the client may try again: close code 4001, error code 113.
    Unavailable(String),
}

impl Denied {
    /// The code of the error frame, and the text.
    pub(crate) fn into_error(self) -> (ErrorCode, String) {
        match self {
            Denied::Unauthorized(reason) => (ErrorCode::UNAUTHORIZED, reason),
            Denied::Forbidden(reason) => (ErrorCode::PERMISSION_DENIED, reason),
            Denied::Expired(reason) => (ErrorCode::TOKEN_EXPIRED, reason),
            Denied::Unavailable(reason) => (ErrorCode::NOT_AVAILABLE, reason),
        }
    }

    /// The close code of a connection that may not be, and the text.
    pub(crate) fn into_close(self) -> (CloseCode, String) {
        match self {
            Denied::Unauthorized(reason) => (CloseCode::INVALID_TOKEN, reason),
            Denied::Forbidden(reason) => (CloseCode::PERMISSION_DENIED, reason),
            Denied::Expired(reason) => (CloseCode::TOKEN_EXPIRED, reason),
            Denied::Unavailable(reason) => (CloseCode::INTERNAL, reason),
        }
    }
}

/// Lets everybody do everything, as nobody in particular: no client has a user, and no message a sender. The default;
/// for development and for trusted networks.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn connect<'a>(&'a self, _: &'a Credentials) -> Decision<'a, Identity> {
        Box::pin(ready(Ok(Identity::anonymous())))
    }

    fn join<'a>(&'a self, _: &'a Identity, _: &'a GroupName) -> Decision<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn group_send<'a>(&'a self, _: &'a Identity, _: &'a GroupName, _: &'a Message) -> Decision<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn send<'a>(&'a self, _: &'a Identity, _: &'a ChannelName, _: &'a Message) -> Decision<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn is_anonymous(&self) -> bool {
        true
    }
}
