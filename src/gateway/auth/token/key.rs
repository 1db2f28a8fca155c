//! One key that checks signatures.
//!
//! The key decides which algorithms it takes: a secret is never compared with what an RSA key signed, nor the other way
//! round, whatever a token's header says.

use std::fmt;

use p521::ecdsa::signature::Verifier;
use p521::ecdsa::{Signature, VerifyingKey};
use ring::rsa::PublicKeyComponents;
use ring::signature::{self as asymmetric, UnparsedPublicKey};
use ring::{hmac, signature};

use super::Algorithm;
use crate::protocol::excerpt;
use crate::{Error, ErrorKind, Result};

/// A key that tokens are checked with: a secret or a public key.
///
/// It never shows itself; [`Debug`] writes its kind and name.
#[derive(Clone)]
pub struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, where whoever published it says so.
    only: Option<Algorithm>,
    material: Material,
}

/// What the key consists of. Points are uncompressed, numbers big-endian without leading zeros.
#[derive(Clone)]
pub(super) enum Material {
    Secret(Vec<u8>),
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    P521(Box<VerifyingKey>),
    Ed25519(Vec<u8>),
}

/// The smallest RSA modulus, in bits: what RFC 7518 asks for.
const RSA_BITS: usize = 2048;

/// The largest RSA modulus, in bits.
const RSA_BITS_MOST: usize = 8192;

impl Key {
    /// A secret, for `HS256` where it has at least 32 bytes, for `HS384` from 48 and for `HS512` from 64, as RFC 7518 asks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for one that is shorter than 32 bytes.
    pub fn secret(secret: impl Into<Vec<u8>>) -> Result<Self> {
        let secret = secret.into();
        match secret.len() {
            0..32 => Err(Error::new(
                ErrorKind::Config,
                format!(
                    "a secret for tokens has at least 32 bytes and this one has {}: \
                     make one with `openssl rand -base64 48`",
                    secret.len()
                ),
            )),
            _ => Ok(Self::of(Material::Secret(secret))),
        }
    }

    /// The name under which tokens refer to it, their `kid`. A key without a name is tried for any token.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Its name.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn with_only(mut self, algorithm: Algorithm) -> Self {
        self.only = Some(algorithm);
        self
    }

    pub(super) fn of(material: Material) -> Self {
        Self { id: None, only: None, material }
    }

    /// An RSA key of modulus and exponent.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, String> {
        let (n, e) = (stripped(n), stripped(e));
        let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !(RSA_BITS..=RSA_BITS_MOST).contains(&bits) {
            return Err(format!("an RSA key of {bits} bits; {RSA_BITS} to {RSA_BITS_MOST} are accepted"));
        }
        Ok(Self::of(Material::Rsa { n: n.into(), e: e.into() }))
    }

    /// A key of a point on the curve with this name.
    pub(super) fn point(curve: &str, point: &[u8]) -> Result<Self, String> {
        let uncompressed = |length| match point.first() {
            Some(4) if point.len() == length => Ok(point.to_vec()),
            _ => Err(format!("its point on {curve} is not an uncompressed one of {length} bytes")),
        };
        Ok(Self::of(match curve {
            "P-256" => Material::P256(uncompressed(65)?),
            "P-384" => Material::P384(uncompressed(97)?),
            "P-521" => {
                let key = VerifyingKey::from_sec1_bytes(&uncompressed(133)?);
                Material::P521(Box::new(key.map_err(|_| "its point is not on P-521")?))
            }
            _ => return Err(format!("the curve {:?} is not known here", excerpt(curve))),
        }))
    }

    /// An Ed25519 key.
    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, String> {
        match bytes.len() {
            32 => Ok(Self::of(Material::Ed25519(bytes.into()))),
            _ => Err("an Ed25519 key has 32 bytes".into()),
        }
    }

    /// Whether it checks signatures of this algorithm.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        let kind = match (&self.material, algorithm) {
            (Material::Secret(secret), Algorithm::Hs256) => secret.len() >= 32,
            (Material::Secret(secret), Algorithm::Hs384) => secret.len() >= 48,
            (Material::Secret(secret), Algorithm::Hs512) => secret.len() >= 64,
            (Material::Rsa { .. }, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512) => true,
            (Material::P256(_), Algorithm::Es256) => true,
            (Material::P384(_), Algorithm::Es384) => true,
            (Material::P521(_), Algorithm::Es512) => true,
            (Material::Ed25519(_), Algorithm::EdDsa) => true,
            _ => false,
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether the signature is this key's, by an algorithm that it takes.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        if !self.takes(algorithm) {
            return false;
        }
        let public = |kind: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(kind, key).verify(signed, signature).is_ok()
        };
        match &self.material {
            Material::Secret(secret) => match hash(algorithm) {
                Some(hash) => hmac::verify(&hmac::Key::new(hash, secret), signed, signature).is_ok(),
                None => false,
            },
            Material::Rsa { n, e } => {
                let kind = match algorithm {
                    Algorithm::Rs256 => &asymmetric::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &asymmetric::RSA_PKCS1_2048_8192_SHA384,
                    _ => &asymmetric::RSA_PKCS1_2048_8192_SHA512,
                };
                PublicKeyComponents { n, e }.verify(kind, signed, signature).is_ok()
            }
            Material::P256(point) => public(&asymmetric::ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => public(&asymmetric::ECDSA_P384_SHA384_FIXED, point),
            Material::P521(key) => {
                Signature::from_slice(signature).is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
            Material::Ed25519(key) => public(&asymmetric::ED25519, key),
        }
    }

    /// Its kind, for people.
    fn kind(&self) -> &'static str {
        match self.material {
            Material::Secret(_) => "secret",
            Material::Rsa { .. } => "RSA",
            Material::P256(_) => "P-256",
            Material::P384(_) => "P-384",
            Material::P521(_) => "P-521",
            Material::Ed25519(_) => "Ed25519",
        }
    }
}

/// The hash of an HMAC algorithm.
pub(super) fn hash(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kind", &self.kind()).field("id", &self.id).finish_non_exhaustive()
    }
}
