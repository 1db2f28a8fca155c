//! Who may do what: the seam for authentication.
//!
//! Connecting, joining, sending to a group and sending to a channel are four separate permissions. An [`Authorizer`] says
//! who a client is; what it does not decide itself is decided by the [`Grants`] that it gave the client, and refused where
//! it gave none, so nothing is granted by leaving it out. Reserved message types and limits are the session's; they hold
//! whatever an authorizer allows.

pub mod callback;
pub mod token;

mod claims;
mod denied;
mod fetch;
mod grants;
mod identity;

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;

use http::HeaderMap;

use crate::protocol::{ChannelName, GroupName, Message};

pub use denied::Denied;
pub use grants::{Grant, Grants, Right};
pub use identity::Identity;

/// What an [`Authorizer`]'s methods return: a future that borrows its arguments.
pub type Decision<'a, T> = Pin<Box<dyn Future<Output = Result<T, Denied>> + Send + 'a>>;

/// Decides who a client is and what it may do.
///
/// [`connect`](Self::connect) has to be written, and may be all: the other questions are then answered by the
/// [`Grants`] of the identity that it returned. The gateway asks before it acts, and one request of a connection at a time; further frames of that connection wait.
/// A decision may be dropped half-way when the connection ends.
pub trait Authorizer: Send + Sync + 'static {
    /// Who the client is. Asked once per connection.
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity>;

    /// Who the client is by the fresh token of a `refresh`; another user than before is refused by the gateway. Unless
    /// written, [`connect`](Self::connect) decides.
    fn refresh<'a>(&'a self, _identity: &'a Identity, credentials: &'a Credentials) -> Decision<'a, Identity> {
        self.connect(credentials)
    }

    /// Whether the client may join the group and hear what is sent to it. Unless written, its grants decide
    /// ([`Identity::may_join`]).
    fn join<'a>(&'a self, identity: &'a Identity, group: &'a GroupName) -> Decision<'a, ()> {
        Box::pin(ready(identity.may_join(group)))
    }

    /// Whether the client may send this message to the group. Unless written, its grants decide
    /// ([`Identity::may_group_send`]).
    fn group_send<'a>(
        &'a self,
        identity: &'a Identity,
        group: &'a GroupName,
        message: &'a Message,
    ) -> Decision<'a, ()> {
        Box::pin(ready(identity.may_group_send(group, message)))
    }

    /// Whether the client may send this message to the channel: another connection, or a worker. Unless written, its
    /// grants decide ([`Identity::may_send`]).
    fn send<'a>(&'a self, identity: &'a Identity, channel: &'a ChannelName, message: &'a Message) -> Decision<'a, ()> {
        Box::pin(ready(identity.may_send(channel, message)))
    }

    /// Whether this authorizer serves clients without knowing who they are. The gateway then listens on loopback only,
    /// unless [`allow_anonymous`](super::GatewayConfig::allow_anonymous) is set.
    fn is_anonymous(&self) -> bool {
        false
    }

    /// How often what clients showed was refused since this authorizer was made, by reason: for metrics. Unless written,
    /// nothing is counted.
    fn failures(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}

/// What a client shows of itself.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Credentials {
    /// The token of its `connect` or `refresh` frame.
    pub token: Option<String>,
    /// Name and version of its software, as it says.
    pub client: Option<String>,
    /// Where it connects from, as far as [`trusted_proxies`](super::GatewayConfig::trusted_proxies) tell; the port is 0 where
    /// they do not. Unknown when the gateway is mounted in an application that does not pass it on.
    pub peer: Option<SocketAddr>,
    /// The headers of its HTTP request.
    pub headers: HeaderMap,
}

impl Credentials {
    /// The token of the frame, or else that of the header `Authorization: Bearer TOKEN` (RFC 6750).
    pub fn bearer(&self) -> Option<&str> {
        self.token.as_deref().or_else(|| {
            let (scheme, token) = self.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        })
    }
}

/// Without the token and what the headers say, cookies among them.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, client, peer, headers } = self;
        let headers: Vec<_> = headers.keys().collect();
        let mut s = f.debug_struct("Credentials");
        s.field("token", &token.as_ref().map(|_| "…")).field("client", client).field("peer", peer);
        s.field("headers", &headers).finish()
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
