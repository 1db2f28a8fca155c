//! The settings of one layer: Django's, under Django's names, and ours.

use std::time::Duration;

use super::LayerConfig;
use super::hosts::hosts;
use super::problems::Problems;
use super::value::Value;
use crate::layer::redis::{RedisConfig, Secret};
use crate::layer::{MemoryConfig, Pattern};
use crate::nearest::suggestion;
use crate::{Error, ErrorKind, Result};

/// Which layer, under its own names and Django's.
const BACKENDS: [(&str, Backend); 6] = [
    ("memory", Backend::Memory),
    ("redis", Backend::Redis),
    ("redis-pubsub", Backend::RedisPubSub),
    ("channels.layers.InMemoryChannelLayer", Backend::Memory),
    ("channels_redis.core.RedisChannelLayer", Backend::Redis),
    ("channels_redis.pubsub.RedisPubSubChannelLayer", Backend::RedisPubSub),
];

/// The settings of every layer.
const COMMON: [&str; 7] =
    ["capacity", "channel_bytes", "channel_capacity", "expiry", "group_expiry", "max_message_size", "max_unowned"];

/// The settings that only layers on a Redis have.
const REDIS: [&str; 8] = [
    "hosts",
    "on_disconnect",
    "on_reconnect",
    "prefix",
    "random_prefix_length",
    "serializer_format",
    "symmetric_encryption_keys",
    "timeout",
];

/// Which layer.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Backend {
    Memory,
    Redis,
    RedisPubSub,
}

impl Backend {
    pub(super) fn of_name(name: &str) -> Result<Self> {
        let found = BACKENDS.iter().find(|(known, _)| *known == name);
        found.map(|(_, backend)| *backend).ok_or_else(|| {
            let known = BACKENDS.map(|(known, _)| known);
            Error::new(ErrorKind::Config, format!("no layer is called {name:?}; {}", suggestion(name, &known)))
        })
    }
}

/// Reads the settings of a layer. What is wrong keeps its default; the problems say so.
pub(super) fn layer<'a>(
    backend: Backend,
    settings: impl IntoIterator<Item = &'a (String, Value)>,
    path: &str,
    problems: &mut Problems,
) -> LayerConfig {
    // A Redis layer has every setting of the memory layer.
    let mut config = RedisConfig::default();
    for (key, value) in settings {
        let path = format!("{path}.{key}");
        match (key.as_str(), backend) {
            (key, _) if !COMMON.contains(&key) && !REDIS.contains(&key) => {
                let known: Vec<&str> = match backend {
                    Backend::Memory => COMMON.into(),
                    _ => COMMON.into_iter().chain(REDIS).collect(),
                };
                problems.add(&path, format!("there is no such setting; {}", suggestion(key, &known)));
            }
            (key, Backend::Memory) if REDIS.contains(&key) => {
                problems.add(&path, "is a setting of layers on a Redis, and this one is in memory");
            }
            // As in Python, `None` is the default.
            _ if matches!(value, Value::Null) => {}
            (key, _) => set(&mut config, key, value, &path, problems),
        }
    }
    match backend {
        Backend::Memory => LayerConfig::Memory(in_memory(&config)),
        Backend::Redis => LayerConfig::Redis(config),
        Backend::RedisPubSub => LayerConfig::RedisPubSub(config),
    }
}

fn in_memory(config: &RedisConfig) -> MemoryConfig {
    let memory = MemoryConfig::default()
        .with_capacity(config.capacity)
        .with_channel_bytes(config.channel_bytes)
        .with_expiry(config.expiry)
        .with_group_expiry(config.group_expiry)
        .with_max_message_size(config.max_message_size)
        .with_max_unowned(config.max_unowned);
    let patterns = config.channel_capacity.iter();
    patterns.fold(memory, |memory, (pattern, capacity)| memory.with_channel_capacity(pattern.clone(), *capacity))
}

fn set(config: &mut RedisConfig, key: &str, value: &Value, path: &str, problems: &mut Problems) {
    fn put<T>(place: &mut T, read: Option<T>) {
        if let Some(value) = read {
            *place = value;
        }
    }
    match key {
        "capacity" => put(&mut config.capacity, problems.count(path, value, 1)),
        "channel_bytes" => put(&mut config.channel_bytes, problems.count(path, value, 1)),
        "channel_capacity" => put(&mut config.channel_capacity, capacities(path, value, problems)),
        "expiry" => put(&mut config.expiry, seconds(path, value, problems)),
        "group_expiry" => put(&mut config.group_expiry, seconds(path, value, problems)),
        "hosts" => put(&mut config.hosts, hosts(path, value, problems)),
        "max_message_size" => put(&mut config.max_message_size, problems.count(path, value, 1)),
        "max_unowned" => put(&mut config.max_unowned, problems.count(path, value, 0)),
        "prefix" => put(&mut config.prefix, problems.text(path, value).map(str::to_owned)),
        "random_prefix_length" => put(&mut config.random_prefix_length, problems.count(path, value, 0)),
        "serializer_format" => put(&mut config.serializer_format, problems.text(path, value).map(str::to_owned)),
        "symmetric_encryption_keys" => put(&mut config.symmetric_encryption_keys, keys(path, value, problems)),
        "timeout" => put(&mut config.timeout, seconds(path, value, problems)),
        // What is left are the names of Python functions to call.
        _ => tracing::info!("{path} has no effect here: the layer's events tell of connections lost and made again"),
    }
}

fn seconds(path: &str, value: &Value, problems: &mut Problems) -> Option<Duration> {
    let seconds = match value {
        // No setting is so large that it would lose digits.
        Value::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Value::Number(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => return problems.expected(path, "a number of seconds", value),
    };
    let seconds = seconds.filter(|seconds| !seconds.is_zero());
    if seconds.is_none() {
        problems.add(path, "must be a number of seconds above 0");
    }
    seconds
}

/// Globs and their capacities. A slash is in no channel name, so a pattern between two is free to be a regular
/// expression, which Django's settings hold as an object that JSON does not have.
fn capacities(path: &str, value: &Value, problems: &mut Problems) -> Option<Vec<(Pattern, usize)>> {
    let mut capacities = Vec::new();
    for (pattern, capacity) in problems.map(path, value)? {
        let path = format!("{path}.{pattern}");
        let between = pattern.strip_prefix('/').and_then(|pattern| pattern.strip_suffix('/'));
        let pattern = match between {
            Some(regex) => problems.take(&path, Pattern::regex(regex)),
            None => Some(Pattern::glob(pattern)),
        };
        capacities.extend(pattern.zip(problems.count(&path, capacity, 1)));
    }
    Some(capacities)
}

fn keys(path: &str, value: &Value, problems: &mut Problems) -> Option<Vec<Secret>> {
    let list = problems.list(path, value)?.iter().enumerate();
    Some(list.filter_map(|(at, key)| problems.text(&format!("{path}[{at}]"), key).map(Secret::new)).collect())
}
