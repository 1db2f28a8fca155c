//! Which names a capacity is for.

use regex::Regex;

use crate::{ChannelName, Error, ErrorKind, Result};

/// A pattern of channel names.
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Glob(String),
    Regex(Regex),
}

impl Pattern {
    /// A shell glob.
    pub fn glob(pattern: impl Into<String>) -> Self {
        Self(Kind::Glob(pattern.into()))
    }

    /// A regular expression matched at the start.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where it is no regular expression.
    pub fn regex(pattern: &str) -> Result<Self> {
        let regex = Regex::new(&format!("^(?:{pattern})"))
            .map_err(|e| Error::new(ErrorKind::Config, format!("bad pattern: {e}")).with_source(e))?;
        Ok(Self(Kind::Regex(regex)))
    }

    /// Whether the name matches.
    pub fn matches(&self, channel: &ChannelName) -> bool {
        match &self.0 {
            Kind::Glob(glob) => glob == channel.as_str(),
            Kind::Regex(regex) => regex.is_match(channel.as_str()),
        }
    }
}

impl From<&str> for Pattern {
    fn from(glob: &str) -> Self {
        Self::glob(glob)
    }
}
