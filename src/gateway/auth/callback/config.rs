//! The settings of [`CallbackAuthorizer`](super::CallbackAuthorizer), each with its default and what moving it costs.
//! Plain data: nothing is asked or checked here.

use std::time::Duration;

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, ORIGIN, USER_AGENT};

/// Whom to ask, and how.
///
/// ```
/// use channel_layers::gateway::auth::callback::CallbackConfig;
///
/// let config = CallbackConfig::new("http://127.0.0.1:8001/channel-layers/connect");
/// assert!(config.join_url.is_none());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallbackConfig {
    /// Where is asked who a client is, `http://` or `https://`.
    pub connect_url: String,
    /// Where is asked whether it may join a group that the answer to `connect` did not grant. Default: none, the grants
    /// decide alone.
    pub join_url: Option<String>,
    /// Which headers of the client's HTTP request go along. Default: `cookie`, `authorization`, `origin` and
    /// `user-agent`. Each connection keeps them where there is a [`join_url`](Self::join_url), and for `refresh`.
    pub headers: Vec<HeaderName>,
    /// How long an answer may take, the wait for a free place among [`concurrency`](Self::concurrency) included.
    /// Default: 1 s. Longer lets clients wait when the backend is slow, shorter refuses them.
    pub timeout: Duration,
    /// How many questions are under way at a time. Default: 64. More can overrun a backend when all clients come back
    /// at once; fewer make them wait.
    pub concurrency: usize,
    /// How long a decision counts where its answer has no `cache`. Default: nothing, each question is asked. Longer spares
    /// the backend when clients come back, and lets somebody in who has logged out meanwhile.
    pub cache: Duration,
    /// How many decisions are kept. Default: 10,000. Each takes some hundred bytes, and what it grants.
    pub cache_size: usize,
    /// The largest answer, in bytes. Default: 64 KiB.
    pub answer_limit: usize,
}

impl CallbackConfig {
    /// Asks at this address who a client is.
    pub fn new(connect_url: impl Into<String>) -> Self {
        Self {
            connect_url: connect_url.into(),
            join_url: None,
            headers: vec![COOKIE, AUTHORIZATION, ORIGIN, USER_AGENT],
            timeout: Duration::from_secs(1),
            concurrency: 64,
            cache: Duration::ZERO,
            cache_size: 10_000,
            answer_limit: 64 * 1024,
        }
    }

    /// Sets [`join_url`](Self::join_url).
    #[must_use]
    pub fn with_join_url(mut self, url: impl Into<String>) -> Self {
        self.join_url = Some(url.into());
        self
    }

    /// Sets [`headers`](Self::headers).
    #[must_use]
    pub fn with_headers(mut self, headers: impl Into<Vec<HeaderName>>) -> Self {
        self.headers = headers.into();
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`concurrency`](Self::concurrency).
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets [`cache`](Self::cache).
    #[must_use]
    pub fn with_cache(mut self, cache: Duration) -> Self {
        self.cache = cache;
        self
    }

    /// Sets [`cache_size`](Self::cache_size).
    #[must_use]
    pub fn with_cache_size(mut self, decisions: usize) -> Self {
        self.cache_size = decisions;
        self
    }

    /// Sets [`answer_limit`](Self::answer_limit).
    #[must_use]
    pub fn with_answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }
}
