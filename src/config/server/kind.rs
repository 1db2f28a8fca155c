//! The kinds of settings: how a value of each is read from what was written, and written again.
//!
//! Wherever it stands, a value may be written as a text, because variables and flags have nothing else. An error says
//! what the value must be, and never quotes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::ServerConfig;
use super::units::{format_size, format_time, parse_size, parse_time};
use crate::config::env::truth;
use crate::config::value::Value;
use crate::layer::Pattern;
use crate::layer::redis::Secret;

/// Where a setting's value is kept.
pub(super) type Lens<T> = fn(&mut ServerConfig) -> &mut T;

/// One setting's place in the configuration, whatever its type.
pub(super) trait Place: Send + Sync {
    fn set(&self, config: &mut ServerConfig, value: &Value) -> Result<(), String>;

    /// The value, as it could stand in a file.
    fn get(&self, config: &mut ServerConfig) -> Value;
}

/// A place, and the kind of what is in it.
pub(super) struct Field<T: 'static> {
    pub(super) lens: Lens<T>,
    pub(super) kind: Kind<T>,
}

impl<T> Place for Field<T> {
    fn set(&self, config: &mut ServerConfig, value: &Value) -> Result<(), String> {
        *(self.lens)(config) = (self.kind.read)(value)?;
        Ok(())
    }

    fn get(&self, config: &mut ServerConfig) -> Value {
        (self.kind.write)((self.lens)(config))
    }
}

/// How a flag is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// By itself it means true; with `=false` false.
    Switch,
    /// With one value.
    One,
    /// With one value, as often as there are values. The environment has them between commas.
    Many,
}

/// How values are read and written.
pub(super) struct Kind<T> {
    /// What stands for a value in the help.
    pub(super) placeholder: &'static str,
    pub(super) shape: Shape,
    read: Read<T>,
    write: Write<T>,
}

/// Makes a value of what was written, or says what it must be.
type Read<T> = Box<dyn Fn(&Value) -> Result<T, String> + Send + Sync>;

type Write<T> = Box<dyn Fn(&T) -> Value + Send + Sync>;

/// A kind with one value, of which `read` makes nothing where it is not what it `must` be.
fn kind<T>(
    placeholder: &'static str,
    must: impl Into<String>,
    read: impl Fn(&Value) -> Option<T> + Send + Sync + 'static,
    write: impl Fn(&T) -> Value + Send + Sync + 'static,
) -> Kind<T> {
    let must = must.into();
    let read: Read<T> = Box::new(move |value| read(value).ok_or_else(|| format!("must be {must}")));
    Kind { placeholder, shape: Shape::One, read, write: Box::new(write) }
}

/// True or false, as python-decouple reads a flag.
pub(super) fn switch() -> Kind<bool> {
    let read = |value: &Value| match value {
        Value::Flag(flag) => Some(*flag),
        Value::Text(text) => truth(text),
        _ => None,
    };
    Kind { shape: Shape::Switch, ..kind("BOOL", "true or false", read, |flag| Value::Flag(*flag)) }
}

/// A whole number.
pub(super) fn count<T>(least: u32) -> Kind<T>
where
    T: Copy + TryFrom<i64> + TryInto<i64>,
{
    let read = move |value: &Value| {
        let number = match value {
            Value::Integer(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        T::try_from(number.filter(|number| *number >= i64::from(least))?).ok()
    };
    let write = |number: &T| Value::Integer((*number).try_into().unwrap_or(i64::MAX));
    kind("NUMBER", format!("a whole number from {least} on"), read, write)
}

/// A number of bytes.
pub(super) fn size() -> Kind<usize> {
    let read = |value: &Value| {
        let size = match value {
            Value::Integer(number) => usize::try_from(*number).ok(),
            Value::Text(text) => parse_size(text),
            _ => None,
        };
        size.filter(|size| *size > 0)
    };
    kind("BYTES", "a size above 0, such as 65536, 64KiB or 1MiB", read, |size| Value::Text(format_size(*size)))
}

/// A time.
pub(super) fn time() -> Kind<Duration> {
    let read = |value: &Value| read_time(value).filter(|time| !time.is_zero());
    kind("TIME", "a time above 0, such as 10 (seconds), 10s, 500ms or 1m", read, write_time)
}

/// A time that may be nothing.
pub(super) fn time_or_zero() -> Kind<Duration> {
    kind("TIME", "a time, such as 0, 10 (seconds), 10s, 500ms or 1m", read_time, write_time)
}

fn read_time(value: &Value) -> Option<Duration> {
    match value {
        Value::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Value::Number(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        Value::Text(text) => parse_time(text),
        _ => None,
    }
}

fn write_time(time: &Duration) -> Value {
    Value::Text(format_time(*time))
}

/// A text that is not empty.
pub(super) fn text() -> Kind<String> {
    kind("TEXT", "a text", |value| given(value).map(str::to_owned), |text| Value::Text(text.clone()))
}

/// A text that is not shown.
pub(super) fn secret() -> Kind<Secret> {
    kind("SECRET", "a text", |value| given(value).map(Secret::new), |_| Value::Text("<secret>".to_owned()))
}

/// What can be made of a text, and is written as one.
pub(super) fn parsed<T: FromStr + fmt::Display>(placeholder: &'static str, must: &'static str) -> Kind<T> {
    kind(placeholder, must, |value| given(value)?.parse().ok(), |value: &T| Value::Text(value.to_string()))
}

/// A file's path.
pub(super) fn path() -> Kind<PathBuf> {
    let write = |path: &PathBuf| Value::Text(path.display().to_string());
    kind("FILE", "the path of a file", |value| given(value).map(PathBuf::from), write)
}

/// A glob over names.
pub(super) fn glob() -> Kind<Pattern> {
    kind("GLOB", "a glob", |value| given(value).map(Pattern::glob), |glob| Value::Text(glob.to_string()))
}

/// One of some words.
pub(super) fn word<T: Copy + PartialEq + Sync>(
    placeholder: &'static str,
    words: &'static [(&'static str, T)],
) -> Kind<T> {
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let read = |value: &Value| {
        let text = given(value)?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
    };
    let write = |meaning: &T| {
        let (word, _) = words.iter().find(|(_, known)| known == meaning).expect("every meaning has a word");
        Value::Text((*word).to_owned())
    };
    kind(placeholder, known.join(" or "), read, write)
}

/// What may be left out: an empty text is the same.
pub(super) fn optional<T: 'static>(kind: Kind<T>) -> Kind<Option<T>> {
    let Kind { placeholder, shape, read, write } = kind;
    Kind {
        placeholder,
        shape,
        read: Box::new(move |value| match value {
            Value::Text(text) if text.is_empty() => Ok(None),
            value => read(value).map(Some),
        }),
        write: Box::new(move |value| value.as_ref().map_or(Value::Text(String::new()), &write)),
    }
}

/// Several values of a kind.
pub(super) fn list<T: 'static>(kind: Kind<T>) -> Kind<Vec<T>> {
    let Kind { placeholder, read, write, .. } = kind;
    Kind {
        placeholder,
        shape: Shape::Many,
        read: Box::new(move |value| match value {
            Value::List(list) => list.iter().map(&read).collect(),
            other => Err(format!("must be a list, not {}", other.kind())),
        }),
        write: Box::new(move |values| Value::List(values.iter().map(&write).collect())),
    }
}

fn given(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}
