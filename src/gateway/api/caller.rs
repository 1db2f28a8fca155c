//! Who asks over HTTP: a backend by its API key, or a client as the authorizer knows it.
//!
//! A backend is a part of the application, as trusted as one that uses the layer itself: it may send to every group and
//! channel and says itself who the `sender` is. A client may over HTTP what it may over its WebSocket.
//!
//! Every key that is shown goes through [`compare`], and every one that turns out wrong through [`Verdict::refuse`], so
//! guessing is slowed wherever it is tried.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, FORWARDED};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::{ApiKeys, Failure};
use crate::gateway::auth::{Credentials, Identity};
use crate::gateway::forwarded;
use crate::gateway::shared::Shared;
use crate::protocol::{ErrorCode, Message, Target, base64};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// A backend, by the name of its key.
    Backend(Arc<str>),
    /// A client, and where it is.
    Client(Box<Identity>, Option<IpAddr>),
}

impl Caller {
    /// Finds out who asks.
    pub(super) async fn identify<L>(shared: &Shared<L>, parts: &Parts) -> Result<Self, Failure> {
        let peer = forwarded::client(parts, &shared.config.trusted_proxies);
        let address = peer.map(|peer| peer.ip());
        let verdict = match shown(&parts.headers) {
            None => None,
            Some(Shown { key, is_token }) => match compare(shared, &[&shared.config.api_keys], key, address) {
                Verdict::Right(name) => return Ok(Self::Backend(name)),
                verdict if !is_token || knows_no_tokens(shared) => return Err(verdict.refuse(shared, address)),
                verdict => Some(verdict),
            },
        };
        let credentials = Credentials {
            token: bearer(&parts.headers).map(str::to_owned),
            peer,
            headers: parts.headers.clone(),
            ..Credentials::default()
        };
        match (shared.authorizer.connect(&credentials).await.map_err(Failure::from), verdict) {
            (Ok(identity), _) => Ok(Self::Client(Box::new(identity), address)),
            // Neither a token nor a key: it may have been meant for either.
            (Err(failure), Some(verdict)) if failure.code() == ErrorCode::UNAUTHORIZED => {
                let refused = verdict.refuse(shared, address);
                Err(if refused.code() == ErrorCode::UNAUTHORIZED { failure } else { refused })
            }
            (Err(failure), _) => Err(failure),
        }
    }

    /// The message as it goes out: a client is named as its sender, and by nobody but the gateway.
    pub(super) fn sign(&self, message: Message) -> Message {
        match self {
            Self::Backend(_) => message,
            Self::Client(identity, _) => message.with_sender(identity.user.as_deref()),
        }
    }

    /// Refuses what a client may not send.
    pub(super) async fn may_send<L>(&self, shared: &Shared<L>, to: &Target, message: &Message) -> Result<(), Failure> {
        let Self::Client(identity, _) = self else { return Ok(()) };
        match to {
            Target::Group(group) => shared.authorizer.group_send(identity, group, message).await?,
            Target::Channel(channel) => shared.authorizer.send(identity, channel, message).await?,
        }
        Ok(())
    }
}

/// Refuses whoever may not look at what is connected here, or end it: with keys set up, everybody who shows none of them.
/// Without any, a gateway that lets in everybody on this machine and nobody else also lets them manage it.
pub(crate) fn check_manager<L>(shared: &Shared<L>, parts: &Parts) -> Result<(), Failure> {
    check_key(shared, parts, &[&shared.config.api_keys, &shared.config.admin_keys], "api_keys")
}

/// Refuses whoever may not look at the gateway in a browser: as [`check_manager`], but with admin keys alone, which a
/// browser shows as a password.
pub(crate) fn check_admin<L>(shared: &Shared<L>, parts: &Parts) -> Result<(), Failure> {
    check_key(shared, parts, &[&shared.config.admin_keys], "admin_keys")
}

fn check_key<L>(shared: &Shared<L>, parts: &Parts, sets: &[&ApiKeys], setting: &str) -> Result<(), Failure> {
    let address = forwarded::client(parts, &shared.config.trusted_proxies).map(|client| client.ip());
    let password = password(&parts.headers);
    let shown = shown(&parts.headers).map(|shown| shown.key).or(password.as_deref());
    if let Some(key) = shown {
        return match compare(shared, sets, key, address) {
            Verdict::Right(_) => Ok(()),
            verdict => Err(verdict.refuse(shared, address)),
        };
    }
    if sets.iter().any(|keys| !keys.is_empty()) {
        let reason = "show a key of this gateway, as \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"";
        return Err(Failure::new(ErrorCode::UNAUTHORIZED, reason));
    }
    if shared.authorizer.is_anonymous() && !shared.config.allow_anonymous && is_local(parts) {
        return Ok(());
    }
    let reason = format!(
        "no key is set up at this gateway, so nobody may do this: give it one by its setting `{setting}`, and show that \
         as \"Authorization: Bearer KEY\""
    );
    Err(Failure::new(ErrorCode::PERMISSION_DENIED, reason))
}

/// Whether a request comes from this machine, and no proxy says that it passes it on for somebody else.
pub(super) fn is_local(parts: &Parts) -> bool {
    let proxied = [FORWARDED, X_FORWARDED_FOR].iter().any(|name| parts.headers.contains_key(name));
    forwarded::connected(parts).is_some_and(|peer| peer.ip().to_canonical().is_loopback()) && !proxied
}

/// What may be a key.
struct Shown<'a> {
    key: &'a str,
    /// It may as well be a client's token.
    is_token: bool,
}

fn shown(headers: &HeaderMap) -> Option<Shown<'_>> {
    match headers.get(X_API_KEY) {
        // One that is no text is no key either.
        Some(key) => Some(Shown { key: key.to_str().unwrap_or_default(), is_token: false }),
        None => bearer(headers).map(|key| Shown { key, is_token: true }),
    }
}

/// The token of an `authorization: Bearer …` header (RFC 6750).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The password of an `authorization: Basic …` header (RFC 7617).
fn password(headers: &HeaderMap) -> Option<String> {
    let (scheme, coded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(base64::decode(coded.trim())?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// Whether whatever is shown must be meant for a key: there are some, and nobody is known by a token.
fn knows_no_tokens<L>(shared: &Shared<L>) -> bool {
    shared.authorizer.is_anonymous() && !shared.config.api_keys.is_empty()
}

/// What a key turned out to be.
enum Verdict {
    Right(Arc<str>),
    Wrong,
    /// Not looked at: too many from there were wrong.
    HeldUp(Duration),
}

fn compare<L>(shared: &Shared<L>, sets: &[&ApiKeys], key: &str, address: Option<IpAddr>) -> Verdict {
    match shared.api.guesses.held_up(address, Instant::now()) {
        Some(wait) => Verdict::HeldUp(wait),
        None => sets.iter().find_map(|keys| keys.find(key)).map_or(Verdict::Wrong, Verdict::Right),
    }
}

impl Verdict {
    fn refuse<L>(self, shared: &Shared<L>, address: Option<IpAddr>) -> Failure {
        if let Self::HeldUp(wait) = self {
            shared.counters.keys_held_up.add(1);
            let reason = "too many keys from this address were wrong";
            return Failure::new(ErrorCode::TOO_MANY_REQUESTS, reason).with_retry_after(wait);
        }
        shared.counters.keys_wrong.add(1);
        shared.api.guesses.wrong(address, Instant::now());
        tracing::debug!(?address, "an API key was wrong");
        Failure::new(ErrorCode::UNAUTHORIZED, "the key is none of this gateway's")
    }
}
