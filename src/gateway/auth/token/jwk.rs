//! Sets of keys as JSON (RFC 7517, 7518 and 8037), as identity providers publish them.
//!
//! A set may hold keys for other purposes and of kinds that are not known here: those are passed over. A key that should
//! be usable and is broken is passed over too, with a warning, so that it does not shut out those whom other keys let in.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

use super::{Algorithm, Key};
use crate::{Error, ErrorKind, Result};

/// How many keys a set may hold. A token without a `kid` is tried with each that takes its algorithm.
pub(super) const KEYS: usize = 32;

/// Who has published a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Origin {
    /// A file of ours, which may hold secrets.
    File,
    /// Somebody's server. A secret that it publishes is none.
    Url,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    k: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a set. `name` says whose it is.
pub(super) fn read(json: &[u8], origin: Origin, name: &str) -> Result<Vec<Key>> {
    let wrong = |what: String| Error::new(ErrorKind::Config, format!("{name} is no set of keys (JWKS): {what}"));
    let set: Set = serde_json::from_slice(json).map_err(|e| wrong(e.to_string()))?;
    if set.keys.len() > KEYS {
        return Err(wrong(format!("it has {} keys, {KEYS} are allowed", set.keys.len())));
    }
    let mut keys = Vec::new();
    for jwk in set.keys {
        let kid = jwk.kid.clone();
        match jwk.into_key(origin) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {}
            Err(what) => tracing::warn!(set = name, kid, "a key cannot be used: {what}"),
        }
    }
    match keys.is_empty() {
        true => Err(wrong("none of its keys can check a token".into())),
        false => Ok(keys),
    }
}

impl Jwk {
    /// The key; nothing where it is for something else.
    fn into_key(self, origin: Origin) -> Result<Option<Key>, String> {
        let signs = self.r#use.as_deref().is_none_or(|used| used == "sig");
        let checks = self.key_ops.iter().all(|may| may.iter().any(|what| what == "verify"));
        if !signs || !checks {
            return Ok(None);
        }
        let only = match &self.alg {
            None => None,
            Some(name) => match Algorithm::from_name(name) {
                Some(algorithm) => Some(algorithm),
                None => return Ok(None),
            },
        };
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("oct", _) if origin == Origin::Url => return Err("a secret that is published is none".into()),
            ("oct", _) => Key::secret(bytes("k", self.k.as_ref())?).map_err(|e| e.to_string())?,
            ("RSA", _) => Key::rsa(&bytes("n", self.n.as_ref())?, &bytes("e", self.e.as_ref())?)?,
            ("EC", Some(curve @ ("P-256" | "P-384" | "P-521"))) => {
                let point = [vec![4], bytes("x", self.x.as_ref())?, bytes("y", self.y.as_ref())?].concat();
                Key::point(curve, &point)?
            }
            ("OKP", Some("Ed25519")) => Key::ed25519(&bytes("x", self.x.as_ref())?)?,
            _ => return Ok(None),
        };
        let key = match only {
            Some(only) if !key.takes(only) => return Err(format!("its kind does not go with its \"alg\" {only}")),
            Some(only) => key.with_only(only),
            None => key,
        };
        Ok(Some(match self.kid {
            Some(kid) => key.with_id(kid),
            None => key,
        }))
    }
}

fn bytes(name: &str, value: Option<&String>) -> Result<Vec<u8>, String> {
    let value = value.ok_or_else(|| format!("it has no {name:?}"))?;
    Base64UrlUnpadded::decode_vec(value).map_err(|_| format!("its {name:?} is not base64url"))
}
