//! What a token must say to be accepted (RFC 7519, section 4.1), once its signature is right.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value as Json;

use super::super::Identity;
use super::super::claims::{Claims, read_map};
use super::config::TokenConfig;
use super::{Jws, Refusal};

/// The claims that are looked at before anything is granted.
#[derive(Deserialize)]
#[serde(expecting = "a map")]
struct Registered {
    sub: Option<String>,
    jti: Option<String>,
    iss: Option<String>,
    #[serde(default)]
    aud: Audience,
    exp: Option<Date>,
    nbf: Option<Date>,
    iat: Option<Date>,
}

/// One or several.
#[derive(Default, Deserialize)]
#[serde(untagged, expecting = "\"aud\" must be text or a list of texts")]
enum Audience {
    #[default]
    Nobody,
    One(String),
    Several(Vec<String>),
}

/// Seconds since 1970, which may have a fraction.
#[derive(Clone, Copy, Deserialize)]
struct Date(f64);

impl Date {
    /// How much later than `now` it is, in seconds.
    fn after(self, now: SystemTime) -> f64 {
        self.0 - now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}

/// Checks the claims of a token whose signature is right, and returns who its bearer is.
pub(super) fn identity(jws: &Jws<'_>, config: &TokenConfig, now: SystemTime) -> Result<Identity, Refusal> {
    let wrong = |error: serde_json::Error| Refusal::Claims(error.to_string());
    let registered: Registered = read_map(&jws.payload).map_err(wrong)?;
    let expires = times(&registered, config, now)?;
    let named = |list: &[String], name: &String| list.contains(name);
    let for_us = match &registered.aud {
        Audience::Nobody => config.audience.is_empty(),
        Audience::One(name) => named(&config.audience, name),
        Audience::Several(names) => names.iter().any(|name| named(&config.audience, name)),
    };
    if !for_us {
        return Err(Refusal::Audience);
    }
    if !config.issuer.is_empty() && !registered.iss.is_some_and(|name| named(&config.issuer, &name)) {
        return Err(Refusal::Issuer);
    }
    let claims: Claims = match &config.claim {
        None => read_map(&jws.payload).map_err(wrong)?,
        Some(claim) => {
            let all: Json = serde_json::from_slice(&jws.payload).map_err(wrong)?;
            all.get(claim).map(Claims::deserialize).transpose().map_err(wrong)?.unwrap_or_default()
        }
    };
    let identity = claims.into_identity(registered.sub).map_err(Refusal::Claims)?;
    Ok(Identity { expires, token: registered.jti, ..identity })
}

/// How long the token lasts from now, where it ends.
fn times(claims: &Registered, config: &TokenConfig, now: SystemTime) -> Result<Option<Duration>, Refusal> {
    let leeway = config.leeway.as_secs_f64();
    for (name, date) in [("nbf", claims.nbf), ("iat", claims.iat)] {
        if date.is_some_and(|date| date.after(now) > leeway) {
            return Err(Refusal::NotYet(name));
        }
    }
    match claims.exp.map(|date| date.after(now)) {
        None if config.require_expiry => Err(Refusal::NoExpiry),
        None => Ok(None),
        Some(left) if left + leeway <= 0.0 => Err(Refusal::Expired),
        // In its last moments it lasts as long as the clocks may differ. Beyond what a clock can tell it is for ever.
        Some(left) if left <= 0.0 => Ok(Duration::try_from_secs_f64(left + leeway).ok()),
        Some(left) => Ok(Duration::try_from_secs_f64(left).ok()),
    }
}
