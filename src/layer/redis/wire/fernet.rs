//! Encryption with Fernet tokens, under keys made of secrets, as Django does it.
//!
//! The times of tokens are checked here, because the `fernet` crate checks them without a time limit too, where Python
//! does not, and overflows on a time that nobody wrote. Hence the name of the crate's feature that this takes.

use std::fmt;
use std::time::Duration;

use fernet::Fernet;
use sha2::{Digest, Sha256};

use crate::layer::redis::Secret;
use crate::protocol::base64;
use crate::{Error, ErrorKind, Result};

/// How far ahead of ours the clock of a sender may be.
const SKEW: u64 = 60;

/// How many characters of a token say its version and its time.
const HEAD: usize = 12;

/// Encrypts with the first of its keys and decrypts with each of them.
pub(super) struct Crypter {
    keys: Vec<Fernet>,
    /// How many seconds a token lives.
    ttl: Option<u64>,
}

impl Crypter {
    /// Nothing where there are no secrets.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where a secret is empty.
    pub(super) fn new(secrets: &[Secret], ttl: Option<Duration>) -> Result<Option<Self>> {
        if secrets.iter().any(|secret| secret.reveal().is_empty()) {
            let text = "an entry of symmetric_encryption_keys is empty; give it a secret, or leave it out";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let keys: Vec<Fernet> = secrets.iter().map(key).collect();
        Ok((!keys.is_empty()).then(|| Self { keys, ttl: ttl.map(|ttl| ttl.as_secs()) }))
    }

    /// The token of some bytes, at a time since 1970.
    pub(super) fn encrypt(&self, bytes: &[u8], now: Duration) -> String {
        self.keys[0].encrypt_at_time(bytes, now.as_secs())
    }

    /// What a token holds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMessage`], saying which setting or clock to look at.
    pub(super) fn decrypt(&self, token: &[u8], now: Duration) -> Result<Vec<u8>> {
        let token = std::str::from_utf8(token).ok();
        let (token, time) = token.and_then(|token| Some((token, time(token)?))).ok_or_else(|| {
            let text = "a message is not encrypted, or its prefix is of another length: look at the \
                        symmetric_encryption_keys and the random_prefix_length of its sender";
            Error::new(ErrorKind::InvalidMessage, text)
        })?;
        if let Some(ttl) = self.ttl {
            check_time(time, ttl, now.as_secs())?;
        }
        // The end of time less what the crate adds to it, so that its own check passes every token.
        let decrypted = self.keys.iter().find_map(|key| key.decrypt_at_time(token, None, u64::MAX - SKEW).ok());
        decrypted.ok_or_else(|| {
            let text = format!(
                "none of {} symmetric_encryption_keys decrypts a message: its sender's first key must be among them",
                self.keys.len()
            );
            Error::new(ErrorKind::InvalidMessage, text)
        })
    }
}

fn key(secret: &Secret) -> Fernet {
    let mut encoded = Vec::new();
    base64::encode(&Sha256::digest(secret.reveal()), &mut encoded);
    let encoded = String::from_utf8_lossy(&encoded).replace('+', "-").replace('/', "_");
    Fernet::new(&encoded).expect("a digest has the length of a key")
}

/// The time in a token's first characters, unless they are no token's.
fn time(token: &str) -> Option<u64> {
    let head = token.as_bytes().get(..HEAD)?.iter().try_fold(0u128, |head, c| {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        Some(head << 6 | u128::from(digit))
    })?;
    // A byte of version and eight of time.
    u64::try_from(head & u128::from(u64::MAX)).ok().filter(|_| head >> 64 == 0x80)
}

fn check_time(time: u64, ttl: u64, now: u64) -> Result<()> {
    let text = if time.saturating_add(ttl) < now {
        format!(
            "a message was encrypted {} seconds ago, {ttl} are allowed: it is late, or a clock is wrong",
            now - time
        )
    } else if time > now.saturating_add(SKEW) {
        format!("a message was encrypted {} seconds in the future: a clock is wrong", time - now)
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidMessage, text))
}

/// Says how many keys there are, and none of them.
impl fmt::Debug for Crypter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crypter({} keys)", self.keys.len())
    }
}
