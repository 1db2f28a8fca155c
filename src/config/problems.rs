//! What is wrong with settings, all of it at once: each problem with the path of the setting, none with its value.

use super::value::{Map, Value};
use crate::{Error, ErrorKind, Result};

/// The problems found so far.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, path: &str, what: impl std::fmt::Display) {
        self.0.push(format!("{path}: {what}"));
    }

    /// The value if nothing was wrong.
    pub(super) fn settle<T>(self, value: T) -> Result<T> {
        match self.0.as_slice() {
            [] => Ok(value),
            [one] => Err(Error::new(ErrorKind::Config, one.clone())),
            many => {
                Err(Error::new(ErrorKind::Config, format!("{} settings are wrong: {}", many.len(), many.join("; "))))
            }
        }
    }

    /// What `read` made of a value, or its error as a problem.
    pub(super) fn take<T>(&mut self, path: &str, read: Result<T>) -> Option<T> {
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
