//! The options that name a channel layer, shared by all commands.

use channel_layers::config::{LayerConfig, Resolved};
use channel_layers::layer::redis::{Host, RedisConfig};
use channel_layers::layer::{Layer, Layers, MemoryConfig};

use crate::failure::Failure;

/// Which channel layer.
#[derive(Debug, clap::Args)]
#[group(id = "layer", multiple = true)]
pub(crate) struct LayerArgs {
    /// The channel layer. `redis` and `redis-pubsub` share a Redis with Django's RedisChannelLayer and
    /// RedisPubSubChannelLayer; `memory` serves one process.
    #[arg(long, value_enum, value_name = "LAYER")]
    backend: Option<Backend>,

    /// A Redis: redis://[user][:password]@HOST:PORT/DATABASE, rediss:// for TLS, unix:///PATH?db=DATABASE,
    /// redis-cluster://HOST:PORT,HOST:PORT or redis-sentinel://HOST:PORT,HOST:PORT/MASTER. Given several times, they share
    /// the work, in this order. Without it, the variable REDIS_URL counts, which does not show a password to other users
    /// of the machine, or redis://localhost:6379. By itself it means `--backend redis`.
    #[arg(long = "redis-url", value_name = "URL")]
    redis_urls: Vec<String>,

    /// What the names of all keys in Redis begin with, as Django's `prefix`: asgi unless given.
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Backend {
    Memory,
    Redis,
    RedisPubsub,
}

/// A layer to talk to without a gateway.
pub(crate) struct Direct {
    pub(crate) config: LayerConfig,
    /// Where it is, for people.
    pub(crate) name: String,
}

impl LayerArgs {
    /// The layer of a gateway: the one that the options name, or else the environment's, or else the file's. Connects in the
    /// background.
    pub(crate) fn open(&self, resolved: &Resolved) -> Result<Layer, Failure> {
        let failed = |e| Failure::of_layer(&e);
        if let Some(config) = self.given()? {
            return Layer::open(config).map_err(failed);
        }
        resolved.announce_layers();
        let Some(layer) = resolved.layers().get(Layers::DEFAULT).cloned() else {
            return Err(Failure::usage(format!(
                "there is no channel layer {:?}, which a gateway serves",
                Layers::DEFAULT
            )));
        };
        Layer::open(self.prefixed(layer)?).map_err(failed)
    }

    /// The settings of every layer of a gateway, by alias.
    pub(crate) fn configs(&self, resolved: &Resolved) -> Result<Vec<(String, LayerConfig)>, Failure> {
        if let Some(config) = self.given()? {
            return Ok(vec![(Layers::DEFAULT.to_owned(), config)]);
        }
        let layers = resolved.layers().iter();
        layers.map(|(alias, config)| Ok((alias.to_owned(), self.prefixed(config.clone())?))).collect()
    }

    /// A layer with the prefix of the options, where they give one.
    fn prefixed(&self, config: LayerConfig) -> Result<LayerConfig, Failure> {
        match (config, &self.prefix) {
            (config, None) => Ok(config),
            (LayerConfig::Redis(config), Some(prefix)) => Ok(LayerConfig::Redis(config.with_prefix(prefix))),
            (LayerConfig::RedisPubSub(config), Some(prefix)) => {
                Ok(LayerConfig::RedisPubSub(config.with_prefix(prefix)))
            }
            _ => Err(no_prefix()),
        }
    }

    /// The layer that the options name, for people.
    pub(crate) fn named(&self) -> Result<Option<String>, Failure> {
        let named = |layer| match layer {
            LayerConfig::Redis(config) => format!("redis at {}", name(&config)),
            LayerConfig::RedisPubSub(config) => format!("redis-pubsub at {}", name(&config)),
            _ => "memory (serves this process only)".to_owned(),
        };
        Ok(self.given()?.map(named))
    }

    /// The layer to talk to without a gateway, where the options name one.
    pub(crate) fn direct(&self) -> Result<Option<Direct>, Failure> {
        match self.given()? {
            Some(LayerConfig::Redis(config)) => {
                Ok(Some(Direct { name: name(&config), config: LayerConfig::Redis(config) }))
            }
            Some(LayerConfig::RedisPubSub(config)) => {
                Ok(Some(Direct { name: name(&config), config: LayerConfig::RedisPubSub(config) }))
            }
            Some(_) => Err(Failure::usage(
                "a layer in memory has nobody in it but this command: name a gateway with --to, or a Redis with --redis-url",
            )),
            None if self.prefix.is_some() => {
                Err(Failure::usage("--prefix is a setting of a channel layer: add --backend or --redis-url"))
            }
            None => Ok(None),
        }
    }

    fn given(&self) -> Result<Option<LayerConfig>, Failure> {
        let backend = match self.backend {
            Some(Backend::Memory) if !self.redis_urls.is_empty() => {
                return Err(Failure::usage(
                    "a layer in memory uses no Redis: leave out --redis-url or --backend memory",
                ));
            }
            Some(Backend::Memory) if self.prefix.is_some() => return Err(no_prefix()),
            Some(backend) => backend,
            None if self.redis_urls.is_empty() => return Ok(None),
            None => Backend::Redis,
        };
        Ok(Some(match backend {
            Backend::Memory => LayerConfig::Memory(MemoryConfig::default()),
            Backend::Redis => LayerConfig::Redis(self.redis()?),
            Backend::RedisPubsub => LayerConfig::RedisPubSub(self.redis()?),
        }))
    }

    fn redis(&self) -> Result<RedisConfig, Failure> {
        let host = |source: &str, url: &str| Host::url(url).map_err(|e| Failure::usage(format!("{source}: {e}")));
        let mut hosts = Vec::new();
        for url in &self.redis_urls {
            hosts.push(host("--redis-url", url)?);
        }
        if hosts.is_empty() {
            let url = std::env::var("REDIS_URL").unwrap_or_default();
            hosts.push(if url.is_empty() { Host::default() } else { host("REDIS_URL", &url)? });
        }
        let config = RedisConfig::new(hosts);
        Ok(match &self.prefix {
            Some(prefix) => config.with_prefix(prefix),
            None => config,
        })
    }
}

fn no_prefix() -> Failure {
    Failure::usage("a layer in memory has no prefix: leave out --prefix, or name a Redis with --redis-url")
}

fn name(config: &RedisConfig) -> String {
    config.hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(" and ")
}
