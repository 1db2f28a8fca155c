//! What is wrong with settings, all of it at once: each problem with the path of the setting, none with its value.

use std::fmt;

use super::value::{Map, Value};
use crate::{Error, ErrorKind};

/// What is wrong with settings: sentences that name the flag, the variable or the place in a file, and quote no value.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// The problems, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn one(path: &str, what: impl fmt::Display) -> Self {
        let mut problems = Self::default();
        problems.add(path, what);
        problems
    }

    pub(super) fn add(&mut self, path: &str, what: impl fmt::Display) {
        self.push(format!("{path}: {what}"));
    }

    pub(super) fn push(&mut self, problem: String) {
        self.0.push(problem);
    }

    /// Adds those that were found elsewhere.
    pub(super) fn append(&mut self, others: Problems) {
        self.0.extend(others.0);
    }

    /// The value if nothing was wrong.
    pub(super) fn settle<T>(self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// What `read` made of a value, or its error as a problem.
    pub(super) fn take<T>(&mut self, path: &str, read: crate::Result<T>) -> Option<T> {
        read.map_err(|e| self.add(path, e)).ok()
    }

    pub(super) fn map<'a>(&mut self, path: &str, value: &'a Value) -> Option<&'a Map> {
        let Value::Map(map) = value else {
            return self.expected(path, "a map", value);
        };
        for (at, (key, _)) in map.iter().enumerate() {
            if map[..at].iter().any(|(earlier, _)| earlier == key) {
                self.add(&format!("{path}.{key}"), "stands there twice");
            }
        }
        Some(map)
    }

    pub(super) fn list<'a>(&mut self, path: &str, value: &'a Value) -> Option<&'a [Value]> {
        match value {
            Value::List(list) => Some(list),
            _ => self.expected(path, "a list", value),
        }
    }

    pub(super) fn text<'a>(&mut self, path: &str, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::Text(text) => Some(text),
            _ => self.expected(path, "a text", value),
        }
    }

    /// A whole number from `least` on.
    pub(super) fn count(&mut self, path: &str, value: &Value, least: usize) -> Option<usize> {
        let number = match value {
            Value::Integer(number) => usize::try_from(*number).ok().filter(|number| *number >= least),
            _ => return self.expected(path, "a whole number", value),
        };
        if number.is_none() {
            self.add(path, format!("must be a whole number from {least} on"));
        }
        number
    }

    pub(super) fn expected<T>(&mut self, path: &str, what: &str, value: &Value) -> Option<T> {
        self.add(path, format!("must be {what}, not {}", value.kind()));
        None
    }
}

/// All of them in one line.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 1 {
            write!(f, "{} settings are wrong: ", self.0.len())?;
        }
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::new(ErrorKind::Config, problems.to_string())
    }
}
