//! Who a client is and what it may do, decided by somebody else over HTTP: the team's own backend, which knows the
//! cookies of the browser.
//!
//! What must stay true: what is not clearly a yes is a no; a backend that is slow, broken or away refuses everybody and
//! holds nobody up for longer than the time-out; the questions under way and what is kept of them are bounded; what a client
//! has shown is in no log.
//!
//! # What is asked
//!
//! A POST with JSON, and with those of the client's headers that the settings name:
//!
//! ```json
//! {"event": "connect", "token": "…", "client": "chat/1.2", "address": "203.0.113.7"}
//! {"event": "refresh", "token": "…", "user": "ann", "address": "203.0.113.7"}
//! {"event": "join", "group": "chat.lobby", "user": "ann", "token_id": "session 7", "address": "203.0.113.7"}
//! ```
//!
//! What is not known is left out. `join` is asked for groups that the answer to `connect` did not grant, where the settings
//! have an address for it.
//!
//! # What is answered
//!
//! 200 and a JSON map is a yes, 401 and 403 are a no, and so is 200 with `{"denied": "the reason, for the client"}`.
//! Everything else, a redirect to a login page among it, counts as no answer: the client is told to try again later.
//! The map may have `user`, [`groups`, `channels`, `types`](super::Grants), [`join`, `info`](super::Identity), `expires_in`
//! (seconds), `token` (a name for the session, by which it can be ended) and `cache` (for how many seconds the same
//! question need not be asked again). For `join` only `denied` and `cache` are looked at.

mod answer;
mod cache;
mod config;
mod stats;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::fetch::{self, Fetcher};
use super::{Authorizer, Credentials, Decision, Denied, Identity};
use crate::protocol::GroupName;
use crate::{Error, ErrorKind, Result};
use cache::{Asked, Cache, Decided};
use stats::Counters;

pub use config::CallbackConfig;
pub use stats::CallbackStats;

/// Asks a backend over HTTP who clients are; [what is asked and answered](self). Cloning gives another handle to the
/// same one.
///
/// ```
/// use channel_layers::gateway::auth::callback::{CallbackAuthorizer, CallbackConfig};
/// use channel_layers::gateway::{Gateway, GatewayConfig};
/// use channel_layers::layer::Layer;
///
/// let django = CallbackConfig::new("http://127.0.0.1:8001/channel-layers/connect");
/// let callback = CallbackAuthorizer::new(django)?;
/// let gateway = Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), callback);
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone)]
pub struct CallbackAuthorizer(Arc<Inner>);

struct Inner {
    config: CallbackConfig,
    connect: Uri,
    join: Option<Uri>,
    fetcher: Fetcher,
    places: Semaphore,
    cache: Cache,
    counters: Counters,
}

/// What the gateway knows of a client that the backend may want to know.
#[derive(Clone, Default)]
struct Shown {
    headers: HeaderMap,
    address: Option<String>,
}

/// A question, as it is written.
#[derive(Default, Serialize)]
struct Question<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
}

impl CallbackAuthorizer {
    /// Nobody is asked yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where an address cannot be asked, a header cannot be forwarded, or `https` is asked for on a
    /// machine without certificates.
    pub fn new(config: CallbackConfig) -> Result<Self> {
        if let Some(header) = config.headers.iter().find(|header| framing(header)) {
            let text = format!("the header {header} belongs to one connection and cannot be forwarded");
            return Err(Error::new(ErrorKind::Config, text));
        }
        let connect = fetch::address(&config.connect_url)?;
        let join = config.join_url.as_deref().map(fetch::address).transpose()?;
        let addresses: Vec<&Uri> = [&connect].into_iter().chain(&join).collect();
        Ok(Self(Arc::new(Inner {
            fetcher: Fetcher::new(&addresses, config.timeout, config.answer_limit)?,
            places: Semaphore::new(config.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            cache: Cache::new(config.cache_size),
            counters: Counters::default(),
            connect,
            join,
            config,
        })))
    }

    /// What it has done since it was made.
    pub fn stats(&self) -> CallbackStats {
        self.0.counters.snapshot()
    }
}

/// Whether a header is about the connection that it came on.
fn framing(header: &HeaderName) -> bool {
    let name = header.as_str();
    let own = ["host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer"];
    own.contains(&name) || name.starts_with("sec-websocket-") || name.starts_with("proxy-")
}

impl Inner {
    fn shown(&self, credentials: &Credentials) -> Shown {
        let mut headers = HeaderMap::new();
        for name in &self.config.headers {
            for value in credentials.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        Shown { headers, address: credentials.peer.map(|peer| peer.ip().to_canonical().to_string()) }
    }

    /// Asks, unless it is known what the answer would be.
    async fn ask(&self, url: &Uri, shown: &Shown, question: Question<'_>) -> Decided {
        let question = Question { address: shown.address.as_deref(), ..question };
        let body = serde_json::to_vec(&question).expect("texts can be written as JSON");
        let asked = digest(url, &shown.headers, &body);
        if let Some(decided) = self.cache.get(&asked, Instant::now()) {
            self.counters.cached.add(1);
            return decided;
        }
        match self.post(url, &shown.headers, body).await {
            Ok(answer) => {
                let count = if answer.decided.is_ok() { &self.counters.allowed } else { &self.counters.denied };
                count.add(1);
                self.cache.put(asked, &answer.decided, answer.cache.unwrap_or(self.config.cache), Instant::now());
                answer.decided
            }
            Err(what) => {
                self.counters.failed.add(1);
                tracing::warn!(%url, event = question.event, "nobody is let in: {what}");
                Err(Denied::Unavailable("it cannot be decided at this time who you are; try again later".into()))
            }
        }
    }

    async fn post(&self, url: &Uri, headers: &HeaderMap, body: Vec<u8>) -> Result<answer::Answer, String> {
        let asking = async {
            let _place = self.places.acquire().await.expect("it is never closed");
            let mut request = Request::post(url).body(Full::new(Bytes::from(body))).expect("the address was checked");
            *request.headers_mut() = headers.clone();
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
            self.fetcher.ask(request).await.map_err(|fault| fault.to_string())
        };
        let answered = timeout(self.config.timeout, asking).await;
        answer::read(&answered.map_err(|_| format!("no answer within {:?}", self.config.timeout))??)
    }

    /// The identity with what later questions about it need.
    fn known(&self, decided: Decided, shown: Shown) -> Decided {
        decided.map(|identity| identity.with_context(Arc::new(shown)))
    }
}

fn digest(url: &Uri, headers: &HeaderMap, body: &[u8]) -> Asked {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // Lengths go first, so that no two questions look alike.
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    };
    part(url.to_string().as_bytes());
    part(body);
    for (name, value) in headers {
        part(name.as_str().as_bytes());
        part(value.as_bytes());
    }
    hash.finalize().into()
}

impl Authorizer for CallbackAuthorizer {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        Box::pin(async {
            let (token, client) = (credentials.token.as_deref(), credentials.client.as_deref());
            let shown = self.0.shown(credentials);
            let question = Question { event: "connect", token, client, ..Question::default() };
            let decided = self.0.ask(&self.0.connect, &shown, question).await;
            self.0.known(decided, shown)
        })
    }

    /// With the headers of the connection's beginning: a cookie that was good then is looked at again.
    fn refresh<'a>(&'a self, identity: &'a Identity, credentials: &'a Credentials) -> Decision<'a, Identity> {
        Box::pin(async {
            let shown = shown(identity);
            let (token, user) = (credentials.token.as_deref(), identity.user.as_deref());
            let question = Question { event: "refresh", token, user, ..Question::default() };
            let decided = self.0.ask(&self.0.connect, &shown, question).await;
            self.0.known(decided, shown)
        })
    }

    fn join<'a>(&'a self, identity: &'a Identity, group: &'a GroupName) -> Decision<'a, ()> {
        Box::pin(async {
            let granted = identity.may_join(group);
            match &self.0.join {
                Some(url) if granted.is_err() => {
                    let (user, token_id) = (identity.user.as_deref(), identity.token.as_deref());
                    let group = Some(group.as_str());
                    let question = Question { event: "join", user, token_id, group, ..Question::default() };
                    self.0.ask(url, &shown(identity), question).await.map(drop)
                }
                _ => granted,
            }
        })
    }

    fn failures(&self) -> BTreeMap<&'static str, u64> {
        let stats = self.stats();
        [("denied", stats.denied), ("failed", stats.failed)].into()
    }
}

/// What the client showed when it connected.
fn shown(identity: &Identity) -> Shown {
    let context = identity.context.as_ref().and_then(|context| context.downcast_ref::<Shown>());
    context.cloned().unwrap_or_default()
}

impl fmt::Debug for CallbackAuthorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackAuthorizer").field("config", &self.0.config).finish_non_exhaustive()
    }
}
