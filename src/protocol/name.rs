//! Channel and group names, validated once and cheap to clone.
//!
//! The rules are those of the channel layer specification: shorter than 100 characters, of ASCII letters, digits,
//! `-`, `_` and `.`; a channel name may hold one `!`, behind which stands what is local to one process. Django's own
//! check lets some non-ASCII digits and a trailing newline pass; this one does not.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::digits;
use crate::{Error, ErrorKind, Result};

/// The longest name, in characters.
const MAX_LEN: usize = 99;

/// The name of a channel, such as `thumbnails-generate` or `specific.9f…!77…`.
///
/// A name that holds a `!` belongs to one process: the part up to and including the `!` names that process's queue
/// ([`non_local`](Self::non_local)), the rest one channel in it. Cloning is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

/// The name of a group, such as `chat.lobby`. Cloning is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(Arc<str>);

impl ChannelName {
    /// Validates a channel name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] that names the first offending character and its place.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        check(Kind::Channel, name)?;
        Ok(Self(name.into()))
    }

    /// The part up to and including the `!`, or the whole name where there is none. Layers that keep
    /// one queue per process count capacity on it.
    pub fn non_local(&self) -> &str {
        match self.0.find('!') {
            Some(at) => &self.0[..=at],
            None => &self.0,
        }
    }

    /// Whether the channel belongs to one process, that is, whether the name holds a `!`.
    pub fn is_local(&self) -> bool {
        self.0.contains('!')
    }
}

impl GroupName {
    /// Validates a group name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] that names the first offending character and its place.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        check(Kind::Group, name)?;
        Ok(Self(name.into()))
    }
}

/// What a kind of name allows beyond the common characters.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Channel,
    Group,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Kind::Channel => "channel",
            Kind::Group => "group",
        }
    }
}

fn check(kind: Kind, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(invalid(kind, name, "it is empty"));
    }
    let mut bang_seen = false;
    for (at, c) in name.chars().enumerate() {
        let allowed = match c {
            '-' | '_' | '.' => continue,
            '!' if kind == Kind::Channel && at > 0 && !bang_seen => {
                bang_seen = true;
                continue;
            }
            '!' if kind == Kind::Channel => "one is allowed, behind at least one character",
            _ if c.is_ascii_alphanumeric() => continue,
            _ => "only ASCII letters, digits, '-', '_' and '.' are allowed",
        };
        let c = String::from(printable(c));
        return Err(invalid(kind, name, &["'", &c, "' at place ", &digits(at), ": ", allowed].concat()));
    }
    // Every character is ASCII by now, so bytes are characters.
    if name.len() > MAX_LEN {
        let (length, allowed) = (digits(name.len()), digits(MAX_LEN));
        return Err(invalid(kind, name, &["it has ", &length, " characters, ", &allowed, " are allowed"].concat()));
    }
    Ok(())
}

fn invalid(kind: Kind, name: &str, why: &str) -> Error {
    let shown: String = name.chars().take(MAX_LEN).map(printable).collect();
    Error::new(ErrorKind::InvalidName, ["invalid ", kind.word(), " name \"", &shown, "\": ", why].concat())
}

/// Texts of errors end up on terminals, so they hold no control character.
fn printable(c: char) -> char {
    if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }
}

macro_rules! name_impls {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self> {
                Self::new(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(name: &str) -> Result<Self> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(name: String) -> Result<Self> {
                Self::new(name)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(name).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_impls!(ChannelName);
name_impls!(GroupName);
