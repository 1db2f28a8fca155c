//! Layers from settings: Django's `CHANNEL_LAYERS` as it is, a TOML file, or the environment; and the settings of a
//! gateway, from the same file, the environment and flags ([`Sources`]).
//!
//! Settings are read as a whole and checked before anything is opened: an error tells of everything that is wrong, each
//! with its path, as `CHANNEL_LAYERS.default.CONFIG.hsots`, and quotes no value, as it may be a secret.
//!
//! # In Django's shape
//!
//! JSON in the shape of Django's setting can be read with [`LayersConfig::from_json`] and stands in the environment
//! variable `CHANNEL_LAYERS`:
//!
//! ```
//! use channel_layers::config::LayersConfig;
//!
//! let layers = LayersConfig::from_json(
//!     r#"{
//!         "default": {
//!             "BACKEND": "channels_redis.core.RedisChannelLayer",
//!             "CONFIG": {
//!                 "hosts": [["127.0.0.1", 6379]],
//!                 "prefix": "chat",
//!                 "channel_capacity": {"http.request": 200, "http.response!*": 10}
//!             }
//!         }
//!     }"#,
//! )?;
//! assert_eq!(layers.get("default").map(|layer| layer.name()), Some("redis"));
//! # Ok::<(), channel_layers::Error>(())
//! ```
//!
//! # In TOML
//!
//! The same settings with each layer in a table of its own, read with [`LayersConfig::from_toml`]:
//!
//! ```toml
//! [layers.default]
//! backend = "redis"
//! hosts = ["redis://localhost:6379/1", { host = "cache", port = 6380, password = "…" }]
//! prefix = "chat"
//!
//! [layers.background]
//! backend = "memory"
//! capacity = 10_000
//! ```
//!
//! # Settings
//!
//! `BACKEND` is `memory`, `redis` or `redis-pubsub`, or one of Django's: `channels.layers.InMemoryChannelLayer`,
//! `channels_redis.core.RedisChannelLayer`, `channels_redis.pubsub.RedisPubSubChannelLayer`. The settings are the fields
//! of [`MemoryConfig`] and [`RedisConfig`] under their names; times are in seconds and may be fractions. `on_disconnect`
//! and `on_reconnect`, which name Python functions, are accepted without an effect:
//! [`ChannelLayer::events`](crate::layer::ChannelLayer::events) stands for them. In `channel_capacity` the first pattern
//! that matches counts; one between slashes, as `/http\..+/`, is a regular expression. `null` is the default.
//!
//! An entry of `hosts` is one of these:
//!
//! | form | what it is |
//! |---|---|
//! | `"redis://…"` | a URL, see [`Host::url`](crate::layer::redis::Host::url) |
//! | `["cache", 6379]` | host and port |
//! | `{"address": "rediss://…", "ssl_cert_reqs": null}` | a URL and options that it does not give itself |
//! | `{"host": "cache", "port": 6379, "password": "…"}` | a server by its options |
//! | `{"sentinels": [["s1", 26379]], "master_name": "m", "sentinel_kwargs": {"password": "…"}, "password": "…"}` | the master that sentinels know; `sentinel_kwargs` are for the sentinels, all other options for the master |
//! | `{"cluster": ["redis://n1:7000", "redis://n2:7000"], "password": "…"}` | a Redis Cluster by some of its nodes |
//!
//! The options are those of [`Host::with_options`](crate::layer::redis::Host::with_options).

mod env;
mod hosts;
mod problems;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod value;

use std::path::Path;

use crate::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer};
use crate::layer::{Layer, Layers, MemoryConfig};
use crate::nearest::suggestion;
use crate::{Error, ErrorKind, Result};

use settings::Backend;
use value::{Map, Value};

pub use problems::Problems;
pub use server::{LogFormat, Origin, Resolved, ServerConfig, Setting, Shape, Sources, default_toml, parse_time};

/// A layer that can be opened: which one, and its settings. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LayerConfig {
    /// The layer of one process.
    Memory(MemoryConfig),
    /// The layer that keeps messages in Redis, as `channels_redis.core`.
    Redis(RedisConfig),
    /// The layer that publishes messages through Redis, as `channels_redis.pubsub`.
    RedisPubSub(RedisConfig),
}

/// Layers that can be opened, by alias.
#[derive(Clone, Debug)]
pub struct LayersConfig {
    by_alias: Vec<(String, LayerConfig)>,
}

/// How the settings of a layer are written.
#[derive(Clone, Copy)]
struct Form {
    root: &'static str,
    backend: &'static str,
    /// The map that holds the settings; without one they stand beside the backend.
    config: Option<&'static str>,
}

const DJANGO: Form = Form { root: "CHANNEL_LAYERS", backend: "BACKEND", config: Some("CONFIG") };
const TOML: Form = Form { root: "layers", backend: "backend", config: None };

impl LayerConfig {
    /// The name of its backend: `memory`, `redis` or `redis-pubsub`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Redis(_) => "redis",
            Self::RedisPubSub(_) => "redis-pubsub",
        }
    }

    /// The servers that it connects to; none where it is in memory.
    fn hosts(&self) -> &[Host] {
        match self {
            Self::Memory(_) => &[],
            Self::Redis(config) | Self::RedisPubSub(config) => &config.hosts,
        }
    }
}

impl LayersConfig {
    /// One layer under [`Layers::DEFAULT`].
    pub fn new(default: LayerConfig) -> Self {
        Self { by_alias: vec![(Layers::DEFAULT.to_owned(), default)] }
    }

    /// Reads JSON in the shape of Django's `CHANNEL_LAYERS`; see the [module](self).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], with everything that is wrong.
    pub fn from_json(json: &str) -> Result<Self> {
        Ok(Self::read_json(json)?)
    }

    fn read_json(json: &str) -> Result<Self, Problems> {
        // The library's text tells the place and quotes nothing.
        let value = serde_json::from_str(json).map_err(|e| Problems::one(DJANGO.root, format!("is not JSON: {e}")))?;
        read(&value, DJANGO)
    }

    /// Reads TOML with a table `[layers.ALIAS]` for each layer; see the [module](self).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], with everything that is wrong.
    pub fn from_toml(toml: &str) -> Result<Self> {
        let tables = parse_toml(toml).map_err(|what| Error::new(ErrorKind::Config, what))?;
        let mut problems = Problems::default();
        for (table, _) in tables.iter().filter(|(table, _)| ![TOML.root, "gateway"].contains(&table.as_str())) {
            problems.add(table, format!("there is no such table; {}", suggestion(table, &["layers", "gateway"])));
        }
        problems.settle(())?;
        let layers = tables.into_iter().find(|(table, _)| table == TOML.root);
        Ok(read(&layers.map_or(Value::Map(Map::new()), |(_, layers)| layers), TOML)?)
    }

    /// Reads a TOML file as [`from_toml`](Self::from_toml) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming the file: it cannot be read, or with everything that is wrong.
    pub fn from_toml_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let in_file =
            |what: &dyn std::fmt::Display| Error::new(ErrorKind::Config, format!("{}: {what}", path.display()));
        let toml =
            std::fs::read_to_string(path).map_err(|e| in_file(&format!("cannot be read: {e}")).with_source(e))?;
        Self::from_toml(&toml).map_err(|e| in_file(&e))
    }

    /// The settings of an alias.
    pub fn get(&self, alias: &str) -> Option<&LayerConfig> {
        self.by_alias.iter().find(|(own, _)| own == alias).map(|(_, layer)| layer)
    }

    /// The aliases and their settings, as they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &LayerConfig)> {
        self.by_alias.iter().map(|(alias, layer)| (alias.as_str(), layer))
    }

    /// Opens every layer. Layers on a Redis connect in the background and need a tokio runtime to be called in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: a layer refuses its settings.
    pub fn open(self) -> Result<Layers> {
        self.by_alias.into_iter().try_fold(Layers::default(), |layers, (alias, config)| {
            let layer =
                Layer::open(config).map_err(|e| Error::new(e.kind(), format!("channel layer {alias:?}: {e}")))?;
            Ok(layers.with(alias, layer))
        })
    }
}

/// The tables of a TOML file.
fn parse_toml(toml: &str) -> Result<Map, String> {
    match toml::from_str(toml) {
        Ok(Value::Map(tables)) => Ok(tables),
        Ok(_) => Err("is not TOML".to_owned()),
        Err(e) => {
            // The library's own text quotes the line.
            let line = e.span().map_or(1, |span| toml[..span.start].matches('\n').count() + 1);
            Err(format!("line {line} is not TOML: {}", e.message()))
        }
    }
}

/// Reads settings in either shape.
fn read(value: &Value, shape: Form) -> Result<LayersConfig, Problems> {
    let mut problems = Problems::default();
    let mut by_alias = Vec::new();
    for (alias, value) in problems.map(shape.root, value).into_iter().flatten() {
        let path = format!("{}.{alias}", shape.root);
        by_alias.extend(read_layer(value, &path, shape, &mut problems).map(|layer| (alias.clone(), layer)));
    }
    if matches!(value, Value::Map(map) if map.is_empty()) {
        problems.add(shape.root, format!("is empty: it needs an entry {:?}", Layers::DEFAULT));
    }
    problems.settle(LayersConfig { by_alias })
}

fn read_layer(value: &Value, path: &str, shape: Form, problems: &mut Problems) -> Option<LayerConfig> {
    let map = problems.map(path, value)?;
    let name = match map.iter().find(|(key, _)| key == shape.backend) {
        Some((_, name)) => problems.text(&format!("{path}.{}", shape.backend), name),
        None => {
            problems.add(&format!("{path}.{}", shape.backend), "is missing: memory, redis or redis-pubsub");
            None
        }
    };
    let backend = name.and_then(|name| problems.take(&format!("{path}.{}", shape.backend), Backend::of_name(name)));
    // With settings to check, a layer that does not exist is taken for one that has them all.
    let checked = backend.unwrap_or(Backend::Redis);
    let Some(config) = shape.config else {
        let settings = map.iter().filter(|(key, _)| key != shape.backend);
        let layer = settings::layer(checked, settings, path, problems);
        return backend.map(|_| layer);
    };
    for (key, _) in map.iter().filter(|(key, _)| ![shape.backend, config, "TEST_CONFIG"].contains(&key.as_str())) {
        let known = [shape.backend, config, "TEST_CONFIG"];
        problems.add(&format!("{path}.{key}"), format!("there is no such setting; {}", suggestion(key, &known)));
    }
    let config_path = format!("{path}.{config}");
    let settings = match map.iter().find(|(key, _)| key == config) {
        None | Some((_, Value::Null)) => &Map::new(),
        Some((_, settings)) => problems.map(&config_path, settings)?,
    };
    let layer = settings::layer(checked, settings, &config_path, problems);
    backend.map(|_| layer)
}

impl Layer {
    /// Opens a layer with these settings. One on a Redis connects in the background and needs a tokio runtime to be
    /// called in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: the layer refuses its settings, or there is no runtime.
    pub fn open(config: LayerConfig) -> Result<Self> {
        match config {
            LayerConfig::Memory(config) => Ok(Self::memory(config)),
            LayerConfig::Redis(config) => Self::redis(config),
            LayerConfig::RedisPubSub(config) => Self::redis_pubsub(config),
        }
    }

    /// Opens a layer and waits until every server was reached once: for programs that end when there is none.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`ErrorKind::Unavailable`] where a server was not reached in
    /// [`RedisConfig::timeout`] or refuses this program.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no layer behind.
    pub async fn connect(config: LayerConfig) -> Result<Self> {
        match config {
            LayerConfig::Memory(config) => Ok(Self::memory(config)),
            LayerConfig::Redis(config) => RedisLayer::connect(config).await.map(Self::Redis),
            LayerConfig::RedisPubSub(config) => RedisPubSubLayer::connect(config).await.map(Self::RedisPubSub),
        }
    }
}
