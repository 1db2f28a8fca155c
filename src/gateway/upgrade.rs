//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    CONNECTION, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::auth::Credentials;
use super::connection::Opening;
use super::connections::{Crowded, Permit};
use super::control::Control;
use super::delivery::Form;
use super::forwarded;
use super::origin;
use super::patience::Patient;
use super::shard::{Command, Shard};
use super::shared::Shared;
use super::socket::{Socket, Stream};
use super::tls::TlsStream;
use super::websocket::{self, Decoder};
use crate::layer::ChannelLayer;
use crate::protocol::{CloseCode, Encoding};

/// What a page of another site is told.
const FOREIGN: &str = "pages of this origin may not connect here: the gateway's setting `origins` names those that may";

/// What a client's subprotocols ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice {
    /// It offers none.
    Default,
    /// The first one that is known here.
    Chosen(Encoding),
    /// It offers only others.
    Unknown,
}

/// Answers a request for a WebSocket and starts its connection.
pub(crate) async fn upgrade<L: ChannelLayer>(State(shared): State<Arc<Shared<L>>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let accept = match check(&parts.method, &parts.headers) {
        Ok(accept) => accept,
        Err(refusal) => return refusal.into_response(),
    };
    let trusted = &shared.config.trusted_proxies;
    if !origin::allowed(&parts.headers, forwarded::host(&parts, trusted), &shared.config.origins) {
        shared.counters.refused.add(1);
        if shared.refusals.may() {
            let origin = parts.headers.get(ORIGIN);
            tracing::info!(
                ?origin,
                "a page may not connect: the setting `origins` names pages of other hosts that may"
            );
        }
        return (StatusCode::FORBIDDEN, FOREIGN).into_response();
    }
    let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
        return (StatusCode::UPGRADE_REQUIRED, "this HTTP connection cannot become a WebSocket").into_response();
    };
    let peer = forwarded::client(&parts, trusted);
    let choice = choose(&parts.headers);
    let extension = shared.config.compression.then(|| negotiate(&parts.headers)).flatten();
    let credentials = Box::new(Credentials { peer, headers: copied(&parts.headers), ..Credentials::default() });
    if let Err(crowded) = start(&shared, upgrade, choice, extension.is_some(), credentials) {
        shared.counters.refused.add(1);
        return refuse(crowded);
    }
    shared.counters.accepted.add(1);
    switching(&accept, choice, extension)
}

/// The headers in memory of their own. Those of a request are slices of all that was read for it, 8 KB, which they would keep
/// until the client has connected.
fn copied(headers: &HeaderMap) -> HeaderMap {
    let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).expect("it was a header's value");
    headers.iter().map(|(name, value)| (name.clone(), copy(value))).collect()
}

/// Checks the handshake and returns the key that accepts it.
fn check(method: &Method, headers: &HeaderMap) -> Result<String, impl IntoResponse + use<>> {
    let refused = |status, text: &'static str| (status, [(SEC_WEBSOCKET_VERSION, "13")], text);
    if method != Method::GET {
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket begins with GET"));
    }
    if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
        return Err(refused(StatusCode::UPGRADE_REQUIRED, "connect here with a WebSocket"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(refused(StatusCode::UPGRADE_REQUIRED, "this gateway speaks WebSocket version 13"));
    }
    match headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes) {
        // The base64 of 16 bytes.
        Some(key) if key.len() == 24 && key.ends_with(b"==") => Ok(derive_accept_key(key)),
        _ => Err(refused(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key must be the base64 of 16 bytes")),
    }
}

/// Whether one of the comma-separated values of a header is `token`, in any case of letters.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    values(headers, name).any(|value| value.eq_ignore_ascii_case(token))
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn negotiate(headers: &HeaderMap) -> Option<&'static str> {
    let offers = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter();
    websocket::negotiate(offers.filter_map(|value| value.to_str().ok()))
}

fn choose(headers: &HeaderMap) -> Choice {
    let mut offered = values(headers, &SEC_WEBSOCKET_PROTOCOL).filter(|name| !name.is_empty()).peekable();
    if offered.peek().is_none() {
        return Choice::Default;
    }
    offered.find_map(Encoding::from_subprotocol).map_or(Choice::Unknown, Choice::Chosen)
}

fn start<L: ChannelLayer>(
    shared: &Arc<Shared<L>>,
    upgrade: OnUpgrade,
    choice: Choice,
    deflated: bool,
    credentials: Box<Credentials>,
) -> Result<(), Crowded> {
    Control::start(shared);
    let permit = shared.connections.admit(credentials.peer.map(|peer| peer.ip()))?;
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let upgraded = tokio::select! {
            upgraded = upgrade => upgraded,
            () = shared.connections.aborted() => return,
        };
        if let Ok(upgraded) = upgraded {
            open(shared, upgraded, choice, deflated, credentials, permit);
        }
    });
    Ok(())
}

fn refuse(crowded: Crowded) -> Response {
    let (status, body) = match crowded {
        Crowded::Gateway => (StatusCode::SERVICE_UNAVAILABLE, "the gateway takes no more connections at this time"),
        Crowded::Address => (StatusCode::TOO_MANY_REQUESTS, "the gateway takes no more connections from this address"),
    };
    (status, [(RETRY_AFTER, "2")], body).into_response()
}

/// Hands a connection to its shard.
fn open<L: ChannelLayer>(
    shared: Arc<Shared<L>>,
    upgraded: Upgraded,
    choice: Choice,
    deflated: bool,
    credentials: Box<Credentials>,
    permit: Permit,
) {
    let (stream, read) = unwrap(upgraded);
    let (encoding, refusal) = match choice {
        Choice::Chosen(encoding) => (encoding, None),
        Choice::Default => (Encoding::Json, None),
        Choice::Unknown => {
            (Encoding::Json, Some((CloseCode::UNSUPPORTED_PROTOCOL, "none of the offered subprotocols is known")))
        }
    };
    let shard = permit.shard();
    let socket = Socket::new(stream, read, Decoder::new(shared.config.frame_limit).with_inflate(deflated));
    let opening = Opening { socket, form: Form { encoding, deflated }, credentials, refusal, permit };
    if shared.connections.inboxes()[shard].open(Command::Open(Box::new(opening))) {
        tokio::spawn(Shard::new(shard, shared).run());
    }
}

/// Gets the stream back from the HTTP server where it is one of ours, which saves a call through a table per read and
/// write, and the patience that is measured there: a WebSocket has bounds of its own for a peer that reads nothing.
fn unwrap(upgraded: Upgraded) -> (Stream, Vec<u8>) {
    // What was read is copied, mostly nothing: taken over it would keep the HTTP server's whole buffer for the connection's
    // life.
    let upgraded = match upgraded.downcast::<TokioIo<Patient<TcpStream>>>() {
        Ok(parts) => return (Stream::Tcp(parts.io.into_inner().into_inner()), parts.read_buf.to_vec()),
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast::<TokioIo<Patient<TlsStream>>>() {
        Ok(parts) => (Stream::Tls(Box::new(parts.io.into_inner().into_inner())), parts.read_buf.to_vec()),
        Err(upgraded) => (Stream::Other(TokioIo::new(upgraded)), Vec::new()),
    }
}

fn switching(accept: &str, choice: Choice, extension: Option<&'static str>) -> Response {
    let headers = [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_ACCEPT, accept)];
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Choice::Chosen(encoding) = choice {
        let chosen = HeaderValue::from_static(encoding.subprotocol());
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    if let Some(extension) = extension {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(extension));
    }
    response
}
