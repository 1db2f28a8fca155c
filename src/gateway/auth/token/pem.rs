//! Keys in PEM files: public ones to check tokens with, private ones to sign them.

use pkcs8::der::asn1::UintRef;
use pkcs8::der::{Decode, Document, Reader, SecretDocument, SliceReader};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfo};

use super::Key;
use crate::{Error, ErrorKind, Result};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The curves, by their names in JWKs.
const CURVES: [(&str, ObjectIdentifier); 3] = [
    ("P-256", ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7")),
    ("P-384", ObjectIdentifier::new_unwrap("1.3.132.0.34")),
    ("P-521", ObjectIdentifier::new_unwrap("1.3.132.0.35")),
];

/// What a key is for, by its algorithm identifier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Rsa,
    /// With the curve's name.
    Ec(&'static str),
    Ed25519,
}

impl Key {
    /// A public key as `-----BEGIN PUBLIC KEY-----`: RSA of 2,048 to 8,192 bits, P-256, P-384, P-521 or Ed25519.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for anything else. A private key is refused too: who checks tokens need not have it.
    pub fn pem(text: &str) -> Result<Self> {
        let (label, document) = Document::from_pem(text.trim()).map_err(|e| {
            config(format!("not a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----: {e}"))
        })?;
        if label != "PUBLIC KEY" {
            return Err(config(format!(
                "a {label} and not a PUBLIC KEY: make one of a private key with `openssl pkey -in KEY.pem -pubout`, or \
                 of a certificate with `openssl x509 -in CERTIFICATE.pem -noout -pubkey`"
            )));
        }
        public(document.as_bytes()).map_err(|what| config(format!("not a public key for tokens: {what}")))
    }
}

fn public(der: &[u8]) -> Result<Key, String> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|e| e.to_string())?;
    let bytes = info.subject_public_key.as_bytes().ok_or("its bits do not fill bytes")?;
    let curve = info.algorithm.parameters.and_then(|parameters| parameters.decode_as().ok());
    match kind(info.algorithm.oid, curve)? {
        Kind::Rsa => {
            let (n, e) = rsa(bytes).map_err(|e| e.to_string())?;
            Key::rsa(&n, &e)
        }
        Kind::Ec(curve) => Key::point(curve, bytes),
        Kind::Ed25519 => Key::ed25519(bytes),
    }
}

fn kind(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>) -> Result<Kind, String> {
    match algorithm {
        RSA => Ok(Kind::Rsa),
        ED25519 => Ok(Kind::Ed25519),
        EC => match CURVES.iter().find(|(_, oid)| Some(*oid) == curve) {
            Some((name, _)) => Ok(Kind::Ec(name)),
            None => Err("of the curves P-256, P-384 and P-521 are known".into()),
        },
        other => Err(format!("the kind {other} is not known; RSA, EC and Ed25519 are")),
    }
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017, appendix A.1.1).
fn rsa(der: &[u8]) -> pkcs8::der::Result<(Vec<u8>, Vec<u8>)> {
    let mut reader = SliceReader::new(der)?;
    let numbers = reader.sequence(|inner| Ok((number(inner)?, number(inner)?)))?;
    reader.finish(numbers)
}

fn number<'a>(reader: &mut impl Reader<'a>) -> pkcs8::der::Result<Vec<u8>> {
    Ok(UintRef::decode(reader)?.as_bytes().to_vec())
}

/// A private key as PKCS#8 in PEM: what it is, and its DER.
pub(super) fn private(text: &str) -> Result<(Kind, SecretDocument)> {
    let (label, document) = SecretDocument::from_pem(text.trim())
        .map_err(|e| config(format!("not a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----: {e}")))?;
    if label != "PRIVATE KEY" {
        return Err(config(format!(
            "a {label} and not a PRIVATE KEY: make one of it with `openssl pkcs8 -topk8 -nocrypt -in KEY.pem`"
        )));
    }
    let unusable = |what: String| config(format!("not a private key for tokens: {what}"));
    let info = PrivateKeyInfo::from_der(document.as_bytes()).map_err(|e| unusable(e.to_string()))?;
    let curve = info.algorithm.parameters.and_then(|parameters| parameters.decode_as().ok());
    let kind = kind(info.algorithm.oid, curve).map_err(unusable)?;
    Ok((kind, document))
}

/// The number of an EC private key (RFC 5915) that stands in this PKCS#8.
pub(super) fn scalar(der: &[u8]) -> pkcs8::der::Result<Vec<u8>> {
    let info = PrivateKeyInfo::from_der(der)?;
    let mut reader = SliceReader::new(info.private_key)?;
    reader.sequence(|inner| {
        u8::decode(inner)?;
        let number = pkcs8::der::asn1::OctetStringRef::decode(inner)?.as_bytes().to_vec();
        inner.read_slice(inner.remaining_len())?;
        Ok(number)
    })
}

fn config(text: String) -> Error {
    Error::new(ErrorKind::Config, text)
}
