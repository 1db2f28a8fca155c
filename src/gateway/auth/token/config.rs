//! The settings of [`TokenAuthorizer`](super::TokenAuthorizer), each with its default and what moving it costs. Plain
//! data: nothing is read or checked here.

use std::path::PathBuf;
use std::time::Duration;

use super::{Algorithm, Key};

/// Where keys come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// A key of the program's own.
    Key(Key),
    /// A file that holds a secret for `HS256` and its like, 32 bytes or more. A newline at its end is no part of it.
    SecretFile(PathBuf),
    /// A file with a public key in PEM.
    PemFile(PathBuf),
    /// A file with a set of keys (JWKS). It may hold secrets.
    JwksFile(PathBuf),
    /// Where a set of public keys is published, `https://` or `http://`.
    JwksUrl(String),
}

/// Which tokens are accepted.
///
/// ```
/// use channel_layers::gateway::auth::token::{Algorithm, Key, TokenConfig};
///
/// let config = TokenConfig::default()
///     .with_key(Key::secret("a secret of at least thirty-two bytes")?)
///     .with_algorithms([Algorithm::Hs256])
///     .with_audience("chat");
/// assert!(config.require_expiry);
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenConfig {
    /// The keys, at least one. With several, a token may be signed by any that has its `kid`, or no name: that is how
    /// keys are changed, the new one first added here, then used, then the old one removed.
    pub keys: Vec<KeySource>,
    /// The algorithms that are allowed. Default: none named, which allows what the keys are for. A key takes the algorithms
    /// of its own kind only, whatever stands here.
    pub algorithms: Vec<Algorithm>,
    /// Who a token may be for: one of its `aud` must be one of these. Default: none, which accepts tokens without an
    /// `aud` and no others, as RFC 7519 demands: a token for somebody else is not for this gateway.
    pub audience: Vec<String>,
    /// Who may have issued a token (`iss`). Default: none named, which accepts anybody who has a key.
    pub issuer: Vec<String>,
    /// How far the clocks may differ of those who issue tokens and this machine. Default: 10 s. A token is accepted that
    /// much longer than it says, and that much earlier.
    pub leeway: Duration,
    /// Whether a token must end (`exp`). Default: true. One that does not end is good until its key is changed.
    pub require_expiry: bool,
    /// Under which claim `groups`, `channels`, `types`, `join` and `info` stand. Default: none, they stand beside `sub`.
    /// For identity providers that write something else under those names.
    pub claim: Option<String>,
    /// The longest token, in bytes. Default: 8 KiB.
    pub token_limit: usize,
    /// How long a set of keys from a URL counts as fresh. Default: 10 min. A key that is withdrawn is accepted for that
    /// long; shorter asks more often. A set that cannot be fetched again stays in use.
    pub jwks_ttl: Duration,
    /// How much time lies between two fetches of one URL. Default: 10 s. A new key can be unknown for that long; shorter
    /// lets made-up names of keys cause more requests.
    pub jwks_interval: Duration,
    /// How long a fetch may take. Default: 5 s. Clients whose token needs it wait that long.
    pub jwks_timeout: Duration,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            algorithms: Vec::new(),
            audience: Vec::new(),
            issuer: Vec::new(),
            leeway: Duration::from_secs(10),
            require_expiry: true,
            claim: None,
            token_limit: 8 * 1024,
            jwks_ttl: Duration::from_secs(600),
            jwks_interval: Duration::from_secs(10),
            jwks_timeout: Duration::from_secs(5),
        }
    }
}

impl TokenConfig {
    /// Adds a key.
    #[must_use]
    pub fn with_key(self, key: Key) -> Self {
        self.with_source(KeySource::Key(key))
    }

    /// Adds a place where keys come from.
    #[must_use]
    pub fn with_source(mut self, source: KeySource) -> Self {
        self.keys.push(source);
        self
    }

    /// Sets [`algorithms`](Self::algorithms).
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: impl Into<Vec<Algorithm>>) -> Self {
        self.algorithms = algorithms.into();
        self
    }

    /// Adds to [`audience`](Self::audience).
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.push(audience.into());
        self
    }

    /// Adds to [`issuer`](Self::issuer).
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer.push(issuer.into());
        self
    }

    /// Sets [`leeway`](Self::leeway).
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets [`require_expiry`](Self::require_expiry).
    #[must_use]
    pub fn with_require_expiry(mut self, require: bool) -> Self {
        self.require_expiry = require;
        self
    }

    /// Sets [`claim`](Self::claim).
    #[must_use]
    pub fn with_claim(mut self, claim: impl Into<String>) -> Self {
        self.claim = Some(claim.into());
        self
    }

    /// Sets [`token_limit`](Self::token_limit).
    #[must_use]
    pub fn with_token_limit(mut self, bytes: usize) -> Self {
        self.token_limit = bytes;
        self
    }

    /// Sets [`jwks_ttl`](Self::jwks_ttl).
    #[must_use]
    pub fn with_jwks_ttl(mut self, ttl: Duration) -> Self {
        self.jwks_ttl = ttl;
        self
    }

    /// Sets [`jwks_interval`](Self::jwks_interval).
    #[must_use]
    pub fn with_jwks_interval(mut self, interval: Duration) -> Self {
        self.jwks_interval = interval;
        self
    }

    /// Sets [`jwks_timeout`](Self::jwks_timeout).
    #[must_use]
    pub fn with_jwks_timeout(mut self, timeout: Duration) -> Self {
        self.jwks_timeout = timeout;
        self
    }
}
