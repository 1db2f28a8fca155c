//! All keys that tokens are checked with: those given, those in files, those behind URLs.

use std::fs;
use std::path::Path;
use std::sync::{Arc, RwLock};

use super::config::{KeySource, TokenConfig};
use super::jwk::{self, Origin};
use super::remote::Remote;
use super::stats::Counters;
use super::{Algorithm, Jws, Key, Refusal};
use crate::{Error, ErrorKind, Result};

/// How large a file of keys may be, in bytes.
const FILE: u64 = 256 * 1024;

/// The keys, and where to look for more.
#[derive(Debug)]
pub(super) struct Keys {
    sources: Vec<KeySource>,
    local: RwLock<Arc<[Key]>>,
    remotes: Vec<Remote>,
}

impl Keys {
    /// Reads the files. What is behind URLs is fetched when the first token comes.
    pub(super) fn open(config: &TokenConfig, counters: &Arc<Counters>) -> Result<Self> {
        let sources = config.keys.clone();
        if sources.is_empty() {
            let text = "there is no key to check tokens with: name a secret, a public key or a JWKS";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let urls = sources.iter().filter_map(|source| match source {
            KeySource::JwksUrl(url) => Some(Remote::new(url, config, Arc::clone(counters))),
            _ => None,
        });
        Ok(Self { remotes: urls.collect::<Result<_>>()?, local: RwLock::new(read(&sources)?.into()), sources })
    }

    /// Reads the files again, and has the sets behind URLs fetched again. Where a file cannot be used all stays as it was.
    pub(super) fn reload(&self) -> Result<()> {
        let fresh = read(&self.sources)?.into();
        *self.local.write().expect("nobody panics with the lock in hand") = fresh;
        self.remotes.iter().for_each(Remote::forget_age);
        Ok(())
    }

    /// Whether the token is signed by one of the keys.
    pub(super) async fn verify(&self, jws: &Jws<'_>, algorithm: Algorithm) -> Result<(), Refusal> {
        let kid = jws.header.kid.as_deref();
        let local = Arc::clone(&self.local.read().expect("nobody panics with the lock in hand"));
        let (mut tried, mut missing) = (false, false);
        let mut verifies = |keys: &[Key]| {
            let mut candidates = candidates(keys, algorithm, kid).inspect(|_| tried = true);
            candidates.any(|key| key.verifies(algorithm, jws.signed, &jws.signature))
        };
        if verifies(&local) {
            return Ok(());
        }
        for remote in &self.remotes {
            match remote.keys(algorithm, kid).await {
                Some(keys) if verifies(&keys) => return Ok(()),
                Some(_) => {}
                None => missing = true,
            }
        }
        match (tried, missing) {
            (_, true) => Err(Refusal::KeysUnavailable),
            (true, false) => Err(Refusal::Signature),
            (false, false) => Err(Refusal::UnknownKey { algorithm: algorithm.name(), kid: jws.header.kid.clone() }),
        }
    }
}

/// The keys that may have signed a token: of the algorithm, and of the name if both have one.
pub(super) fn candidates<'a>(
    keys: &'a [Key],
    algorithm: Algorithm,
    kid: Option<&'a str>,
) -> impl Iterator<Item = &'a Key> {
    let named = move |key: &&Key| match (key.id(), kid) {
        (Some(id), Some(kid)) => id == kid,
        _ => true,
    };
    keys.iter().filter(move |key| key.takes(algorithm)).filter(named)
}

fn read(sources: &[KeySource]) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    for source in sources {
        match source {
            KeySource::Key(key) => keys.push(key.clone()),
            KeySource::SecretFile(path) => {
                let secret = file(path)?;
                keys.push(Key::secret(without_newline(&secret)).map_err(|e| about(path, &e))?);
            }
            KeySource::PemFile(path) => {
                let text = String::from_utf8(file(path)?).unwrap_or_default();
                keys.push(Key::pem(&text).map_err(|e| about(path, &e))?);
            }
            KeySource::JwksFile(path) => {
                keys.extend(jwk::read(&file(path)?, Origin::File, &path.display().to_string())?);
            }
            KeySource::JwksUrl(_) => {}
        }
    }
    match keys.len() {
        0..=jwk::KEYS => Ok(keys),
        length => {
            let text = format!("there are {length} keys to check tokens with, {} are allowed", jwk::KEYS);
            Err(Error::new(ErrorKind::Config, text))
        }
    }
}

fn file(path: &Path) -> Result<Vec<u8>> {
    let cannot =
        |why: String| Error::new(ErrorKind::Config, format!("cannot read keys from {}: {why}", path.display()));
    let size = fs::metadata(path).map_err(|e| cannot(e.to_string()))?.len();
    match size {
        0..=FILE => fs::read(path).map_err(|e| cannot(e.to_string())),
        size => Err(cannot(format!("it has {size} bytes, {FILE} are allowed"))),
    }
}

/// Editors end a file with a newline, which is no part of the secret.
fn without_newline(secret: &[u8]) -> &[u8] {
    let secret = secret.strip_suffix(b"\n").unwrap_or(secret);
    secret.strip_suffix(b"\r").unwrap_or(secret)
}

fn about(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}
