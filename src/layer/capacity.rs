//! Which channel names a setting is for: shell globs as Python's `fnmatch` reads them, and regular expressions matched
//! as Python's `re.match` does, so that a Django project's `channel_capacity` means the same here.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use crate::{Error, ErrorKind, Result};

/// A pattern of channel names. Text converts into a glob.
///
/// ```
/// use channel_layers::ChannelName;
/// use channel_layers::layer::Pattern;
///
/// let name = ChannelName::new("http.response!9f")?;
/// assert!(Pattern::glob("http.response!*").matches(&name));
/// assert!(!Pattern::glob("http.response").matches(&name));
/// assert!(Pattern::regex(r"http\.(request|response)")?.matches(&name));
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Glob(Glob),
    Regex(Regex),
}

impl Pattern {
    /// A shell glob that the whole name must match, case by case: `*` stands for any characters, `?` for one, `[seq]`
    /// for one of `seq` and `[!seq]` for one that is not, with ranges as `a-z`. A `[` without its `]` stands for itself,
    /// and nothing escapes: `[*]` is a star. Every text is a glob.
    pub fn glob(pattern: &str) -> Self {
        Self(Kind::Glob(Glob::new(pattern)))
    }

    /// A regular expression that the name's beginning must match: `^` need not stand in front, and what follows the
    /// match may be anything unless `$` ends the expression. The syntax is the `regex` crate's without Unicode classes,
    /// which has no look-around and no back-references.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], with the place, where it is no regular expression, or one that would take much memory.
    pub fn regex(pattern: &str) -> Result<Self> {
        let regex = RegexBuilder::new(pattern).unicode(false).build();
        regex.map(|regex| Self(Kind::Regex(regex))).map_err(|e| {
            Error::new(ErrorKind::Config, format!("{pattern:?} is no regular expression for channel names: {e}"))
                .with_source(e)
        })
    }

    /// Whether the pattern matches a channel's full name, with what stands behind its `!`, or a group's.
    pub fn matches(&self, name: &(impl AsRef<str> + ?Sized)) -> bool {
        let name = name.as_ref().as_bytes();
        match &self.0 {
            Kind::Glob(glob) => glob.matches(name),
            // The search finds the leftmost match, which is the one at the beginning if there is one.
            Kind::Regex(regex) => regex.find(name).is_some_and(|found| found.start() == 0),
        }
    }
}

impl From<&str> for Pattern {
    fn from(glob: &str) -> Self {
        Self::glob(glob)
    }
}

/// As it was written; a regular expression stands between slashes.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Glob(glob) => f.write_str(&glob.text),
            Kind::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

#[derive(Clone, Debug)]
struct Glob {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Char(char),
    /// One character in one of the ranges, or in none of them.
    Set {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

impl Glob {
    fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut tokens = Vec::new();
        let mut rest = chars.as_slice();
        while let [first, tail @ ..] = rest {
            rest = tail;
            let token = match first {
                '*' => Token::Any,
                '?' => Token::One,
                '[' => match set(tail) {
                    Some((token, behind)) => {
                        rest = behind;
                        token
                    }
                    None => Token::Char('['),
                },
                other => Token::Char(*other),
            };
            tokens.push(token);
        }
        // Several stars say what one does, and cost more.
        tokens.dedup_by(|a, b| *a == Token::Any && *b == Token::Any);
        Self { text: text.to_owned(), tokens }
    }

    /// Goes along the name once, and on a mismatch back to the last star, which then takes one character more. Earlier
    /// stars need no second try: what they would leave, the last one can leave too. So it takes at most the product of
    /// both lengths.
    fn matches(&self, name: &[u8]) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.tokens.get(token) {
                Some(Token::Any) => {
                    star = Some((token, at));
                    token += 1;
                }
                Some(one) if one.takes(name[at].into()) => {
                    token += 1;
                    at += 1;
                }
                _ => {
                    let Some((star_token, star_at)) = star else { return false };
                    star = Some((star_token, star_at + 1));
                    (token, at) = (star_token + 1, star_at + 1);
                }
            }
        }
        self.tokens[token..].iter().all(|token| *token == Token::Any)
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Token::Any => false,
            Token::One => true,
            Token::Char(own) => *own == c,
            Token::Set { ranges, negated } => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated,
        }
    }
}

/// Reads what stands behind a `[`: the set and what follows it, or nothing where no `]` ends it. A `]` in the first
/// place is one of the characters, as is a `-` in the first or last place; a range that runs backwards is empty.
fn set(text: &[char]) -> Option<(Token, &[char])> {
    let negated = text.first() == Some(&'!');
    let text = &text[usize::from(negated)..];
    let end = 1 + text.iter().skip(1).position(|c| *c == ']')?;
    let (mut rest, behind) = (&text[..end], &text[end + 1..]);
    let mut ranges = Vec::new();
    loop {
        rest = match rest {
            [from, '-', to, tail @ ..] => {
                ranges.push((*from, *to));
                tail
            }
            [one, tail @ ..] => {
                ranges.push((*one, *one));
                tail
            }
            [] => return Some((Token::Set { ranges, negated }, behind)),
        };
    }
}

#[cfg(test)]
mod tests;
