//! Why a token is not accepted: what the client is told, and under which word it is counted.

use std::fmt;

use super::super::Denied;
use crate::protocol::excerpt;

/// Why a token is not accepted. The text names nothing that its bearer did not say himself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    Missing,
    TooLarge {
        limit: usize,
    },
    Malformed(&'static str),
    /// The algorithm that the header names.
    Algorithm(String),
    /// No key of this name, or none at all for the algorithm.
    UnknownKey {
        algorithm: &'static str,
        kid: Option<String>,
    },
    Signature,
    Expired,
    NoExpiry,
    NotYet(&'static str),
    Audience,
    Issuer,
    /// A claim is missing or not what it must be.
    Claims(String),
    /// The keys could not be fetched.
    KeysUnavailable,
}

impl Refusal {
    /// The words that refusals are counted under, in the order of the counters.
    pub(super) const REASONS: [&'static str; 12] = [
        "missing",
        "too_large",
        "malformed",
        "algorithm",
        "unknown_key",
        "signature",
        "expired",
        "not_yet_valid",
        "audience",
        "issuer",
        "claims",
        "keys_unavailable",
    ];

    pub(super) fn reason(&self) -> &'static str {
        match self {
            Refusal::Missing => "missing",
            Refusal::TooLarge { .. } => "too_large",
            Refusal::Malformed(_) => "malformed",
            Refusal::Algorithm(_) => "algorithm",
            Refusal::UnknownKey { .. } => "unknown_key",
            Refusal::Signature => "signature",
            Refusal::Expired => "expired",
            Refusal::NotYet(_) => "not_yet_valid",
            Refusal::Audience => "audience",
            Refusal::Issuer => "issuer",
            Refusal::Claims(_) | Refusal::NoExpiry => "claims",
            Refusal::KeysUnavailable => "keys_unavailable",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Missing => f.write_str("a token is needed to connect here"),
            Refusal::TooLarge { limit } => write!(f, "the token has more than {limit} bytes"),
            Refusal::Malformed(what) => write!(f, "the token cannot be read: {what}"),
            Refusal::Algorithm(name) => write!(f, "the token's algorithm {:?} is not allowed here", excerpt(name)),
            Refusal::UnknownKey { algorithm, kid: Some(kid) } => {
                write!(f, "there is no key {:?} for {algorithm} here", excerpt(kid))
            }
            Refusal::UnknownKey { algorithm, kid: None } => write!(f, "there is no key for {algorithm} here"),
            Refusal::Signature => f.write_str("the token's signature is not right"),
            Refusal::Expired => f.write_str("the token's time is over"),
            Refusal::NoExpiry => f.write_str("the token has no \"exp\", and tokens without an end are not accepted"),
            Refusal::NotYet(claim) => write!(f, "the token's {claim:?} is in the future"),
            Refusal::Audience => f.write_str("the token is meant for somebody else: its \"aud\" is not this gateway's"),
            Refusal::Issuer => f.write_str("the token's \"iss\" is not one that is trusted here"),
            Refusal::Claims(what) => write!(f, "the token's claims: {what}"),
            Refusal::KeysUnavailable => f.write_str("the keys that tokens are checked with are out of reach"),
        }
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Expired => Denied::Expired(text),
            Refusal::KeysUnavailable => Denied::Unavailable(text),
            _ => Denied::Unauthorized(text),
        }
    }
}
