//! A set of keys that somebody publishes at a URL: fetched when it is needed, kept, and fetched again when it is old or
//! when a token names a key that is not in it, since keys are changed without notice.
//!
//! However many clients ask, one fetch runs at a time, and a new one starts at most once per interval: unknown names
//! are free to make up. A fetch is nobody's: when the client that began it is gone, the next one carries it on. A
//! fetch that fails leaves the set that is there.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::header::ACCEPT;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::time::Instant;

use super::super::fetch::{self, Fetcher};
use super::config::TokenConfig;
use super::jwk::{self, Origin};
use super::stats::Counters;
use super::{Algorithm, Key};
use crate::Result;

/// How large a published set may be, in bytes. Sets with chains of certificates have some ten kilobytes.
const LIMIT: usize = 256 * 1024;

type Flight = Shared<BoxFuture<'static, ()>>;

/// The keys behind one URL.
pub(super) struct Remote(Arc<Inner>);

struct Inner {
    url: Uri,
    fetcher: Fetcher,
    /// How long a set counts as fresh.
    ttl: Duration,
    /// How much time lies between the beginnings of two fetches.
    interval: Duration,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<[Key]>>,
    /// When those came.
    fetched: Option<Instant>,
    /// When the last fetch began.
    began: Option<Instant>,
    flight: Option<Flight>,
}

/// What is to be done for one look-up.
enum Look {
    Use(Arc<[Key]>),
    /// The set is old, but has what is asked for: whoever comes first fetches, the others use it.
    Renew(Flight),
    /// Without the fetch there is no answer.
    Wait(Flight),
    /// There are no keys, and none can be had now.
    Nothing,
}

impl Remote {
    pub(super) fn new(url: &str, config: &TokenConfig, counters: Arc<Counters>) -> Result<Self> {
        let url = fetch::address(url)?;
        let fetcher = Fetcher::new(&[&url], config.jwks_timeout, LIMIT)?;
        let (ttl, interval) = (config.jwks_ttl, config.jwks_interval);
        Ok(Self(Arc::new(Inner { url, fetcher, ttl, interval, counters, state: Mutex::default() })))
    }

    /// The keys, the named one among them if it can be found; nothing where they are out of reach.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves its fetch to the next one who asks.
    pub(super) async fn keys(&self, algorithm: Algorithm, kid: Option<&str>) -> Option<Arc<[Key]>> {
        match self.0.look(algorithm, kid) {
            Look::Use(keys) => return Some(keys),
            Look::Nothing => return None,
            Look::Renew(flight) | Look::Wait(flight) => flight.await,
        }
        self.0.state().keys.clone()
    }

    /// Fetches anew when the next token comes, whatever the age of the set.
    pub(super) fn forget_age(&self) {
        let mut state = self.0.state();
        (state.fetched, state.began) = (None, None);
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the lock in hand")
    }

    fn look(self: &Arc<Self>, algorithm: Algorithm, kid: Option<&str>) -> Look {
        let mut state = self.state();
        let keys = state.keys.clone().filter(|keys| super::keys::candidates(keys, algorithm, kid).next().is_some());
        let fresh = state.fetched.is_some_and(|at| at.elapsed() < self.ttl);
        // One that somebody waits for: the state itself holds one handle.
        let flying = state.flight.as_ref().and_then(Shared::strong_count).is_some_and(|handles| handles > 1);
        let flight = match (&keys, fresh) {
            (Some(keys), true) => return Look::Use(Arc::clone(keys)),
            _ => self.flight(&mut state),
        };
        match (keys, flight) {
            (Some(keys), Some(_)) if flying => Look::Use(keys),
            (Some(_), Some(flight)) => Look::Renew(flight),
            (Some(keys), None) => Look::Use(keys),
            (None, Some(flight)) => Look::Wait(flight),
            (None, None) => state.keys.clone().map_or(Look::Nothing, Look::Use),
        }
    }

    /// The fetch that runs, or a new one where enough time has passed.
    fn flight(self: &Arc<Self>, state: &mut State) -> Option<Flight> {
        if state.flight.is_none() && state.began.is_none_or(|at| at.elapsed() >= self.interval) {
            state.began = Some(Instant::now());
            state.flight = Some(Arc::clone(self).fetch().boxed().shared());
        }
        state.flight.clone()
    }

    async fn fetch(self: Arc<Self>) {
        let fetched = self.read().await;
        self.counters.fetched(fetched.is_ok());
        let mut state = self.state();
        state.flight = None;
        match fetched {
            Ok(keys) => {
                tracing::debug!(url = %self.url, keys = keys.len(), "fetched the keys of tokens");
                (state.keys, state.fetched) = (Some(keys.into()), Some(Instant::now()));
            }
            Err(error) => {
                let kept = state.keys.as_ref().map_or(0, |keys| keys.len());
                tracing::warn!(url = %self.url, error, kept, "cannot fetch the keys of tokens; keeping those that are here");
            }
        }
    }

    async fn read(&self) -> Result<Vec<Key>, String> {
        let request = Request::get(&self.url).header(ACCEPT, "application/jwk-set+json, application/json");
        let request = request.body(Full::<Bytes>::default()).expect("the address was checked");
        let answer = self.fetcher.ask(request).await.map_err(|fault| fault.to_string())?;
        match answer.status() {
            StatusCode::OK => {
                jwk::read(answer.body(), Origin::Url, &self.url.to_string()).map_err(|error| error.to_string())
            }
            status => Err(format!("the answer is {status}")),
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.0.url).finish()
    }
}
