//! Connections by signed tokens (JSON Web Tokens, RFC 7519): who has a key says who a client is and what it may do.
//!
//! What must stay true: nothing of a token is believed before its signature is right; the key and not the token decides how
//! it is checked; a token without what the settings ask for is refused, with the reason; tokens and keys are in no log.
//!
//! Claims: `sub` is the user, `exp`, `nbf`, `iat`, `aud` and `iss` are checked, `jti` names the token.
//! [`groups`, `channels` and `types`](super::Grants), [`join` and `info`](super::Identity) say what is granted.

mod algorithm;
mod config;
mod jwk;
mod jws;
mod key;
mod keys;
mod pem;
mod refusal;
mod remote;
mod sign;
mod stats;
mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value as Json;

use super::{Authorizer, Credentials, Decision, Identity};
use crate::{Error, ErrorKind, Result};
use jws::Jws;
use keys::Keys;
use refusal::Refusal;
use stats::Counters;

pub use algorithm::Algorithm;
pub use config::{KeySource, TokenConfig};
pub use key::Key;
pub use sign::SigningKey;
pub use stats::TokenStats;

/// Lets in who has a token that is signed by a known key, and grants what the token says. Cloning gives another handle to
/// the same one.
///
/// The token comes in the `connect` frame, or in the header `Authorization: Bearer TOKEN` of the WebSocket's HTTP request;
/// never in the URL, which ends up in logs.
///
/// ```
/// use channel_layers::gateway::auth::token::{Key, TokenAuthorizer, TokenConfig};
/// use channel_layers::gateway::{Gateway, GatewayConfig};
/// use channel_layers::layer::Layer;
///
/// let secret = Key::secret("a secret of at least thirty-two bytes")?;
/// let tokens = TokenAuthorizer::new(TokenConfig::default().with_key(secret))?;
/// let gateway = Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), tokens.clone());
/// assert_eq!(tokens.stats().accepted, 0);
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone)]
pub struct TokenAuthorizer(Arc<Inner>);

struct Inner {
    config: TokenConfig,
    keys: Keys,
    counters: Arc<Counters>,
}

impl TokenAuthorizer {
    /// Reads the files with keys. Sets behind URLs are fetched when the first token comes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where there is no key, or one cannot be used; the text names the file.
    pub fn new(config: TokenConfig) -> Result<Self> {
        let counters = Arc::default();
        let keys = Keys::open(&config, &counters)?;
        Ok(Self(Arc::new(Inner { config, keys, counters })))
    }

    /// Reads the files with keys again, and has sets behind URLs fetched anew with the next token. Connections that are
    /// open stay.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); the keys then stay as they were.
    pub fn reload(&self) -> Result<()> {
        self.0.keys.reload()
    }

    /// What it has done since it was made.
    pub fn stats(&self) -> TokenStats {
        self.0.counters.snapshot()
    }
}

impl Inner {
    async fn check(&self, token: Option<&str>) -> Result<Identity, Refusal> {
        let jws = Jws::parse(token.ok_or(Refusal::Missing)?, self.config.token_limit)?;
        let allowed =
            |algorithm: &Algorithm| self.config.algorithms.is_empty() || self.config.algorithms.contains(algorithm);
        let algorithm = Algorithm::from_name(&jws.header.alg).filter(allowed);
        let algorithm = algorithm.ok_or_else(|| Refusal::Algorithm(jws.header.alg.clone()))?;
        self.keys.verify(&jws, algorithm).await?;
        verify::identity(&jws, &self.config, SystemTime::now())
    }
}

impl Authorizer for TokenAuthorizer {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        Box::pin(async {
            let checked = self.0.check(credentials.bearer()).await;
            self.0.counters.checked(&checked);
            if let Err(refusal) = &checked {
                tracing::debug!(reason = refusal.reason(), "a token was refused");
            }
            Ok(checked?)
        })
    }

    fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.stats().refused
    }
}

impl fmt::Debug for TokenAuthorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAuthorizer").field("keys", &self.0.keys).finish_non_exhaustive()
    }
}

/// What a token says: its header and its claims. **Nothing of it is checked**, so it is for showing to people only.
///
/// # Errors
///
/// [`ErrorKind::InvalidMessage`] for what is no signed token of at most 64 KiB.
pub fn read_unverified(token: &str) -> Result<(Json, Json)> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidMessage, what);
    let jws = Jws::parse(token, 64 * 1024).map_err(|refusal| invalid(refusal.to_string()))?;
    let claims = serde_json::from_slice(&jws.payload).map_err(|e| invalid(format!("its claims are no JSON: {e}")))?;
    Ok((jws.whole_header(), claims))
}

#[cfg(test)]
mod tests;
