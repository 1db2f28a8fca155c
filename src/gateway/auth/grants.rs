//! What a client may do, by patterns of names: joining a group, sending to a group and sending to a channel apart, and
//! which types its messages may have.
//!
//! What is not granted is refused; an empty [`Grants`] grants nothing. A refusal says which grant is missing.

use crate::layer::Pattern;
use crate::protocol::{ChannelName, GroupName, excerpt};

use super::Denied;

/// What a grant allows on the names that its pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Right {
    /// To be a member of a group, and to hear what is sent to it.
    Join,
    /// To send to a group, member or not, or to a channel.
    Send,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Join, Self::Send];

    /// The word for it in a token.
    pub const fn word(self) -> &'static str {
        match self {
            Right::Join => "join",
            Right::Send => "send",
        }
    }

    /// The right of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.word() == word)
    }
}

/// Rights on all names that a pattern matches.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// The names.
    pub pattern: Pattern,
    /// What is allowed on them.
    pub can: Vec<Right>,
}

impl Grant {
    /// These rights on the names that the pattern matches.
    pub fn new(pattern: impl Into<Pattern>, can: impl Into<Vec<Right>>) -> Self {
        Self { pattern: pattern.into(), can: can.into() }
    }

    fn allows(&self, right: Right, name: &str) -> bool {
        self.can.contains(&right) && self.pattern.matches(name)
    }
}

/// What a client may do. Everything else is refused.
///
/// Patterns are globs over the whole name: `chat.*` is for `chat.lobby` and for `chat.lobby.staff`, as `*` stands for any
/// characters, dots among them, and not for `chat`. `chat.?` is for one character more, `chat.[a-c]` for one of three.
///
/// ```
/// use channel_layers::gateway::{Grants, Right};
///
/// let grants = Grants::default()
///     .with_group("chat.*", [Right::Join, Right::Send])
///     .with_group("news", [Right::Join])
///     .with_channel("thumbnails-*")
///     .with_type("chat.*");
/// let news = "news".parse()?;
/// assert!(grants.may_join(&news).is_ok());
/// assert!(grants.may_group_send(&news, Some("chat.message")).is_err());
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Grants {
    /// On groups. Joining and sending are apart: who may send need not be allowed to listen.
    pub groups: Vec<Grant>,
    /// On channels, where [`Right::Send`] is the only one. A connection's own channel is one too: who may send to
    /// `gateway.*` may send to every client.
    pub channels: Vec<Grant>,
    /// Which types the client's messages may have, wherever they go. A message without a type counts as one whose type
    /// is empty, so `*` is for it and `chat.*` is not. None: nothing can be sent. Types that are reserved for the server
    /// are refused whatever stands here.
    pub types: Vec<Pattern>,
}

impl Grants {
    /// Every group, every channel and every type.
    pub fn everything() -> Self {
        Self::default().with_group("*", Right::ALL).with_channel("*").with_type("*")
    }

    /// Adds rights on groups.
    #[must_use]
    pub fn with_group(mut self, pattern: impl Into<Pattern>, can: impl Into<Vec<Right>>) -> Self {
        self.groups.push(Grant::new(pattern, can));
        self
    }

    /// Adds the right to send to channels.
    #[must_use]
    pub fn with_channel(mut self, pattern: impl Into<Pattern>) -> Self {
        self.channels.push(Grant::new(pattern, [Right::Send]));
        self
    }

    /// Adds types that the client's messages may have.
    #[must_use]
    pub fn with_type(mut self, pattern: impl Into<Pattern>) -> Self {
        self.types.push(pattern.into());
        self
    }

    /// Whether the client may join the group.
    ///
    /// # Errors
    ///
    /// [`Denied::Forbidden`] that says which grant is missing.
    pub fn may_join(&self, group: &GroupName) -> Result<(), Denied> {
        check(&self.groups, Right::Join, "group", group.as_str())
    }

    /// Whether the client may send a message of this type to the group.
    ///
    /// # Errors
    ///
    /// [`Denied::Forbidden`] that says which grant is missing.
    pub fn may_group_send(&self, group: &GroupName, kind: Option<&str>) -> Result<(), Denied> {
        check(&self.groups, Right::Send, "group", group.as_str())?;
        self.check_type(kind)
    }

    /// Whether the client may send a message of this type to the channel.
    ///
    /// # Errors
    ///
    /// [`Denied::Forbidden`] that says which grant is missing.
    pub fn may_send(&self, channel: &ChannelName, kind: Option<&str>) -> Result<(), Denied> {
        check(&self.channels, Right::Send, "channel", channel.as_str())?;
        self.check_type(kind)
    }

    fn check_type(&self, kind: Option<&str>) -> Result<(), Denied> {
        if self.types.iter().any(|pattern| pattern.matches(kind.unwrap_or_default())) {
            return Ok(());
        }
        Err(Denied::Forbidden(match kind {
            Some(kind) => format!("the type {:?} is not granted: no pattern in \"types\" matches it", excerpt(kind)),
            None => "a message without a \"type\" is not granted: only the pattern \"*\" in \"types\" is for it".into(),
        }))
    }
}

fn check(grants: &[Grant], right: Right, kind: &str, name: &str) -> Result<(), Denied> {
    if grants.iter().any(|grant| grant.allows(right, name)) {
        return Ok(());
    }
    let word = right.word();
    Err(Denied::Forbidden(format!(
        "the {kind} {name:?} is not granted: no pattern in \"{kind}s\" that can \"{word}\" matches it"
    )))
}

#[cfg(test)]
mod tests;
