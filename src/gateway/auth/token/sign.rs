//! Signing tokens: for programs that issue them, the `token` command and tests.

use std::fmt;

use p521::ecdsa::signature::Signer;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
};
use serde::Serialize;

use super::pem::{self, Kind};
use super::{Algorithm, Key, jws, key};
use crate::{Error, ErrorKind, Result};

/// A key that signs tokens: a secret or a private key. It never shows itself.
///
/// ```
/// use channel_layers::gateway::auth::token::SigningKey;
/// use serde_json::json;
///
/// let key = SigningKey::secret("a secret of at least thirty-two bytes")?;
/// let token = key.sign(&json!({
///     "sub": "ann",
///     "exp": 4102444800u64,
///     "groups": [{"pattern": "chat.*", "can": ["join", "send"]}],
///     "types": ["chat.*"],
/// }))?;
/// assert!(token.starts_with("eyJ"));
/// # Ok::<(), channel_layers::Error>(())
/// ```
pub struct SigningKey {
    id: Option<String>,
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Secret(Vec<u8>),
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    P521(Box<p521::ecdsa::SigningKey>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// A secret of at least 32 bytes, which signs with `HS256`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a shorter one.
    pub fn secret(secret: impl Into<Vec<u8>>) -> Result<Self> {
        let secret = secret.into();
        Key::secret(secret.clone())?;
        Ok(Self { id: None, algorithm: Algorithm::Hs256, pair: Pair::Secret(secret) })
    }

    /// A private key as `-----BEGIN PRIVATE KEY-----`: RSA, which signs with `RS256`, P-256, P-384 or P-521, each with its
    /// own, or Ed25519.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for anything else.
    pub fn pem(text: &str) -> Result<Self> {
        let (kind, document) = pem::private(text)?;
        let der = document.as_bytes();
        let refused =
            |what: &dyn fmt::Display| Error::new(ErrorKind::Config, format!("not a private key for tokens: {what}"));
        let random = SystemRandom::new();
        let ec = |curve| EcdsaKeyPair::from_pkcs8(curve, der, &random).map_err(|e| refused(&e));
        let (algorithm, pair) = match kind {
            Kind::Rsa => (Algorithm::Rs256, Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).map_err(|e| refused(&e))?))),
            Kind::Ec("P-256") => (Algorithm::Es256, Pair::Ec(Box::new(ec(&ECDSA_P256_SHA256_FIXED_SIGNING)?))),
            Kind::Ec("P-384") => (Algorithm::Es384, Pair::Ec(Box::new(ec(&ECDSA_P384_SHA384_FIXED_SIGNING)?))),
            Kind::Ec(_) => {
                let number = pem::scalar(der).map_err(|e| refused(&e))?;
                let key = p521::ecdsa::SigningKey::from_slice(&number).map_err(|e| refused(&e))?;
                (Algorithm::Es512, Pair::P521(Box::new(key)))
            }
            Kind::Ed25519 => {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|e| refused(&e))?;
                (Algorithm::EdDsa, Pair::Ed25519(Box::new(key)))
            }
        };
        Ok(Self { id: None, algorithm, pair })
    }

    /// Writes this name into the header of its tokens, as `kid`.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Signs with another algorithm than the usual one of its kind.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where the key is not for it; a secret needs as many bytes as the algorithm's hash has.
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Result<Self> {
        let fits = match &self.pair {
            Pair::Secret(secret) => Key::secret(secret.clone())?.takes(algorithm),
            Pair::Rsa(_) => matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512),
            _ => algorithm == self.algorithm,
        };
        if !fits {
            let text = format!("this key cannot sign with {algorithm}; it can with {}", self.algorithm);
            return Err(Error::new(ErrorKind::Config, text));
        }
        self.algorithm = algorithm;
        Ok(self)
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Makes a token of claims.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`] where the claims are no map that JSON can carry, [`ErrorKind::Io`] where the
    /// operating system gives no random numbers.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let unusable = |e: serde_json::Error| {
            Error::new(ErrorKind::InvalidMessage, format!("these are no claims for a token: {e}")).with_source(e)
        };
        let claims = serde_json::to_vec(claims).map_err(unusable)?;
        let header = Header { alg: self.algorithm.name(), typ: "JWT", kid: self.id.as_deref() };
        let header = serde_json::to_vec(&header).map_err(unusable)?;
        let signed = format!("{}.{}", jws::encode(&header), jws::encode(&claims));
        let signature = self.signature(signed.as_bytes()).ok_or_else(|| {
            Error::new(ErrorKind::Io, "the token could not be signed: there are no random numbers at this time")
        })?;
        Ok(format!("{signed}.{}", jws::encode(&signature)))
    }

    fn signature(&self, signed: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Secret(secret) => {
                let key = hmac::Key::new(key::hash(self.algorithm)?, secret);
                Some(hmac::sign(&key, signed).as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let kind = match self.algorithm {
                    Algorithm::Rs384 => &RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(kind, &random, signed, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(pair) => Some(pair.sign(&random, signed).ok()?.as_ref().to_vec()),
            Pair::P521(key) => {
                let signature: p521::ecdsa::Signature = key.try_sign(signed).ok()?;
                Some(signature.to_bytes().to_vec())
            }
            Pair::Ed25519(pair) => Some(pair.sign(signed).as_ref().to_vec()),
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut s = f.debug_struct("SigningKey");
        s.field("algorithm", &self.algorithm).field("id", &self.id).finish_non_exhaustive()
    }
}
