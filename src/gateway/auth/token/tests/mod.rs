//! Tokens that must be accepted and tokens that must not. Keys and tokens that openssl and Python have made are in
//! `tests/vectors/tokens.json`.

mod attacks;
mod claims;
mod files;
mod rfc;
mod vectors;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::*;
use crate::gateway::Denied;

/// One algorithm's key and token.
#[derive(Deserialize)]
struct Vector {
    alg: String,
    secret: Option<String>,
    private: Option<String>,
    public: Option<String>,
    token: String,
}

impl Vector {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../../../../../tests/vectors/tokens.json")).unwrap()
    }

    fn of(alg: &str) -> Self {
        Self::all().into_iter().find(|vector| vector.alg == alg).unwrap()
    }

    fn algorithm(&self) -> Algorithm {
        self.alg.parse().unwrap()
    }

    fn key(&self) -> Key {
        match (&self.secret, &self.public) {
            (Some(secret), _) => Key::secret(secret.as_str()).unwrap(),
            (None, public) => Key::pem(public.as_ref().unwrap()).unwrap(),
        }
    }

    fn signing(&self) -> SigningKey {
        let key = match (&self.secret, &self.private) {
            (Some(secret), _) => SigningKey::secret(secret.as_str()),
            (None, private) => SigningKey::pem(private.as_ref().unwrap()),
        };
        key.unwrap().with_algorithm(self.algorithm()).unwrap()
    }
}

fn authorizer(keys: impl IntoIterator<Item = Key>) -> TokenAuthorizer {
    TokenAuthorizer::new(keys.into_iter().fold(TokenConfig::default(), TokenConfig::with_key)).unwrap()
}

/// Who this token's bearer is.
async fn ask(authorizer: &TokenAuthorizer, token: &str) -> Result<Identity, Denied> {
    let credentials = Credentials { token: Some(token.into()), ..Credentials::default() };
    authorizer.connect(&credentials).await
}

/// The word under which this token's refusal is counted.
async fn refused(authorizer: &TokenAuthorizer, token: &str) -> &'static str {
    let before = authorizer.stats().refused;
    assert!(ask(authorizer, token).await.is_err(), "{token} must be refused");
    let after = authorizer.stats().refused;
    let (reason, _) = after.iter().find(|(reason, count)| before[*reason] != **count).expect("a refusal is counted");
    reason
}

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

/// A token that is good for a minute, with these claims beside.
fn token(key: &SigningKey, mut claims: Json) -> String {
    if claims.get("exp").is_none() {
        claims["exp"] = json!(seconds_from_now(60));
    }
    key.sign(&claims).unwrap()
}
