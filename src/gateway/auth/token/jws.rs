//! The compact form of a signed token (RFC 7515, section 7.1): taken apart strictly, and nothing believed.
//!
//! Of the header only `alg` and `kid` are looked at. Keys that a token brings along or points to (`jwk`, `jku`, `x5c`,
//! `x5u`) are never used, and a header with `crit` is refused, as there are no extensions here.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

use super::super::claims::read_map;
use super::Refusal;

/// A token in its parts.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    pub(super) header: Header,
    /// The whole header as JSON.
    header_json: Vec<u8>,
    /// The claims as JSON, unless somebody lied.
    pub(super) payload: Vec<u8>,
    /// The part that is signed.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
}

/// What is read of a header.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// Whatever it is: that it is there counts, null included.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(value).map(|_| true)
}

impl<'a> Jws<'a> {
    /// Takes a token of at most `limit` bytes apart.
    pub(super) fn parse(token: &'a str, limit: usize) -> Result<Self, Refusal> {
        if token.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        let malformed = |what| Refusal::Malformed(what);
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed(NOT_COMPACT))?;
        let (header, payload) = signed.split_once('.').ok_or(malformed(NOT_COMPACT))?;
        if payload.contains('.') {
            return Err(malformed(NOT_COMPACT));
        }
        let header_json = decode(header).ok_or(malformed("its header is not base64url"))?;
        let header: Header = read_map(&header_json)
            .map_err(|_| malformed("its header is not a JSON map with \"alg\", in which every key stands once"))?;
        if header.crit {
            return Err(malformed("its header has \"crit\", and no extension is known here"));
        }
        let payload = decode(payload).ok_or(malformed("its claims are not base64url"))?;
        let signature = decode(signature).ok_or(malformed("its signature is not base64url"))?;
        Ok(Self { header, header_json, payload, signed: signed.as_bytes(), signature })
    }

    /// Everything that the header says, for people.
    pub(super) fn whole_header(&self) -> serde_json::Value {
        serde_json::from_slice(&self.header_json).unwrap_or_default()
    }
}

const NOT_COMPACT: &str = "it is not HEADER.CLAIMS.SIGNATURE";

/// Strict: no padding, no other characters, no stray bits at the end.
fn decode(part: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(part).ok()
}

/// The base64url of these bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
