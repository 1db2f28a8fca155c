//! What a token and a backend's answer say alike, in JSON: what the client may do, the groups it is in from the start,
//! and what others are shown of it.
//!
//! ```json
//! {"groups": [{"pattern": "chat.*", "can": ["join", "send"]}], "channels": [{"pattern": "thumbnails-*", "can": ["send"]}],
//!  "types": ["chat.*"], "join": ["news"], "info": {"name": "Ann"}}
//! ```
//!
//! Each is bounded, whoever has written it, because a connection keeps it. A word that is not known is refused and not
//! passed over, so that a slip shows when it is made.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _};

use super::{Grant, Grants, Identity, Right};
use crate::layer::Pattern;
use crate::protocol::{GroupName, Value, excerpt};

/// How many patterns there may be, in all lists together.
const PATTERNS: usize = 256;

/// The longest pattern in bytes. Names have at most 99 characters.
const PATTERN: usize = 128;

/// How many groups a client may be in from the start.
const JOIN: usize = 128;

/// How large `info` may be, in bytes of JSON.
const INFO: usize = 4096;

/// How long a user's name may be, in bytes: it goes with every message.
const USER: usize = 256;

/// The claims as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a map")]
pub(super) struct Claims {
    groups: Vec<Granted>,
    channels: Vec<Granted>,
    types: Vec<String>,
    join: Vec<GroupName>,
    info: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map like {\"pattern\": \"chat.*\", \"can\": [\"join\", \"send\"]}")]
struct Granted {
    pattern: String,
    can: Vec<String>,
}

/// Reads a JSON map. By itself serde takes a list for one, its items for the fields in their order.
pub(super) fn read_map<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    match json.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(json),
        _ => Err(serde_json::Error::custom("they are no JSON map")),
    }
}

impl Claims {
    /// The identity of a user with these claims, or which of them cannot be.
    pub(super) fn into_identity(self, user: Option<String>) -> Result<Identity, String> {
        let Self { groups, channels, types, join, info } = self;
        if user.as_ref().is_some_and(|user| user.is_empty() || user.len() > USER) {
            return Err(format!("a user's name has 1 to {USER} bytes"));
        }
        let patterns = groups.len() + channels.len() + types.len();
        if patterns > PATTERNS {
            return Err(format!("there are {patterns} patterns, {PATTERNS} are allowed"));
        }
        if join.len() > JOIN {
            return Err(format!("\"join\" has {} groups, {JOIN} are allowed", join.len()));
        }
        let grants = Grants {
            groups: grants("groups", groups, &Right::ALL)?,
            channels: grants("channels", channels, &[Right::Send])?,
            types: types.iter().map(|kind| pattern("types", kind)).collect::<Result<_, _>>()?,
        };
        if let Some(info) = &info {
            let size = serde_json::to_vec(info).map_or(usize::MAX, |json| json.len());
            if size > INFO {
                return Err(format!("\"info\" has {size} bytes, {INFO} are allowed"));
            }
        }
        let identity = Identity { user, info, join, ..Identity::anonymous() };
        Ok(identity.with_grants(grants))
    }
}

fn grants(list: &str, granted: Vec<Granted>, known: &[Right]) -> Result<Vec<Grant>, String> {
    let one = |Granted { pattern: name, can }: Granted| {
        let pattern = pattern(list, &name)?;
        let right = |word: &String| {
            Right::from_word(word).filter(|right| known.contains(right)).ok_or_else(|| {
                let known = known.iter().map(|right| right.word()).collect::<Vec<_>>().join(" and ");
                format!("{:?} in \"can\" of \"{list}\" is not known; there is {known}", excerpt(word))
            })
        };
        let can: Vec<Right> = can.iter().map(right).collect::<Result<_, _>>()?;
        Ok(Grant::new(pattern, can))
    };
    granted.into_iter().map(one).collect()
}

fn pattern(list: &str, glob: &str) -> Result<Pattern, String> {
    match glob.len() {
        0..=PATTERN => Ok(Pattern::glob(glob)),
        length => Err(format!("a pattern in \"{list}\" has {length} bytes, {PATTERN} are allowed")),
    }
}

#[cfg(test)]
mod tests;
