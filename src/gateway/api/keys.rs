//! API keys: what a backend shows to be let in.
//!
//! What must stay true: a key itself is kept nowhere, only its SHA-256, so neither `Debug` nor a log can show it; and a
//! comparison looks at every byte of every key, so its time tells nothing about how much of one was right.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Error, ErrorKind, Result};

/// The fewest characters of a key. With guesses slowed to some thousands a day for an address, 16 random ones are far
/// out of reach.
const SHORTEST: usize = 16;

/// A set of API keys under names: several, so that one can be replaced without a moment in which neither works.
///
/// Cloning gives another handle to the same set, and [`replace`](Self::replace) changes it for all of them while the
/// gateway runs. It shows the names of its keys and never the keys.
///
/// ```
/// use channel_layers::gateway::{ApiKeys, GatewayConfig};
///
/// let keys = ApiKeys::parse(["django:5f0c2b6e9a7d4c31", "cron:c81d4e2e6b1f4a55"])?;
/// let config = GatewayConfig::default().with_api_keys(keys.clone());
/// keys.replace(["django:0a9d3c77e1f24b86"])?;     // from here on neither of the old ones works
/// assert_eq!(keys.names(), ["django"]);
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct ApiKeys(Arc<RwLock<Vec<Key>>>);

struct Key {
    name: Arc<str>,
    digest: [u8; 32],
}

impl ApiKeys {
    /// Keys from texts, each either `NAME:KEY` or only `KEY`, which is then named by its place, `key1` for the first.
    /// Names are for logs and metrics. Everything after the first colon is the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where a key has fewer than 16 characters, a name is empty or is there twice. The text names
    /// the key by its name or its place.
    pub fn parse<T: AsRef<str>>(keys: impl IntoIterator<Item = T>) -> Result<Self> {
        let set = Self::default();
        set.replace(keys)?;
        Ok(set)
    }

    /// Takes these keys in place of those it has, for every handle: a request that comes from now on is held to these.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse). The old ones then stay.
    pub fn replace<T: AsRef<str>>(&self, keys: impl IntoIterator<Item = T>) -> Result<()> {
        let mut fresh: Vec<Key> = Vec::new();
        for (place, text) in (1..).zip(keys) {
            let key = Key::parse(place, text.as_ref())?;
            if fresh.iter().any(|other| other.name == key.name) {
                return Err(Error::new(ErrorKind::Config, format!("two API keys are named {:?}", key.name)));
            }
            fresh.push(key);
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The names of the keys, in their order.
    pub fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().map(|key| key.name.to_string()).collect()
    }

    /// Whether there is no key, so that nobody is let in by one.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The name of the key that this is.
    pub(super) fn find(&self, shown: &str) -> Option<Arc<str>> {
        let digest = digest(shown);
        let mut found = None;
        for key in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if bool::from(key.digest.ct_eq(&digest)) {
                found = Some(Arc::clone(&key.name));
            }
        }
        found
    }
}

impl Key {
    fn parse(place: usize, text: &str) -> Result<Self> {
        let text = text.trim();
        let (name, key) = match text.split_once(':') {
            Some((name, key)) => (name.trim().to_owned(), key.trim()),
            None => (format!("key{place}"), text),
        };
        if name.is_empty() {
            return Err(Error::new(ErrorKind::Config, format!("API key {place} has an empty name before its colon")));
        }
        if key.chars().count() < SHORTEST {
            let text =
                format!("the API key {name:?} is too short to be safe: take {SHORTEST} random characters or more");
            return Err(Error::new(ErrorKind::Config, text));
        }
        Ok(Self { name: name.into(), digest: digest(key) })
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiKeys").field(&self.names()).finish()
    }
}

#[cfg(test)]
mod tests;
