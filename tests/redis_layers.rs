//! The conformance suite over the Redis layers, each case on servers of its own.
#![cfg(not(target_family = "wasm"))]

use std::future::Future;
use std::sync::Mutex;

use channel_layers::Result;
use channel_layers::layer::ChannelLayer;
use channel_layers::layer::conformance::{Factory, Settings};
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer};
use rig::RedisServer;

/// A layer over Redis.
trait Redis: ChannelLayer + Clone {
    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send;
}

impl Redis for RedisLayer {
    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send {
        Self::connect(config)
    }
}

impl Redis for RedisPubSubLayer {
    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send {
        Self::connect(config)
    }
}

/// Makes layers, each over so many new servers, which end with the case.
struct Over<L> {
    servers: usize,
    /// What was made: the settings of the last layer are those of its peer.
    made: Mutex<Vec<(RedisConfig, Vec<RedisServer>)>>,
    kind: std::marker::PhantomData<fn() -> L>,
}

fn over<L>(servers: usize) -> Over<L> {
    Over { servers, made: Mutex::default(), kind: std::marker::PhantomData }
}

fn config(servers: &[RedisServer], settings: Settings) -> RedisConfig {
    let hosts = servers.iter().map(|server| Host::url(&server.url()).unwrap());
    let config = RedisConfig::new(hosts)
        .with_capacity(settings.capacity)
        .with_expiry(settings.expiry)
        .with_group_expiry(settings.group_expiry);
    let patterns = settings.channel_capacity.into_iter();
    patterns.fold(config, |config, (pattern, capacity)| config.with_channel_capacity(pattern, capacity))
}

impl<L: Redis> Factory for Over<L> {
    type Layer = L;

    async fn layer(&self, settings: Settings) -> L {
        let mut servers = Vec::new();
        for _ in 0..self.servers {
            servers.push(RedisServer::start().await);
        }
        let config = config(&servers, settings);
        self.made.lock().unwrap().push((config.clone(), servers));
        L::open(config).await.unwrap()
    }

    async fn peer(&self, _: &L) -> Option<L> {
        let config = self.made.lock().unwrap().last()?.0.clone();
        Some(L::open(config).await.unwrap())
    }

    fn held(&self, _: &L) -> Option<usize> {
        None
    }

    fn rounds(&self) -> usize {
        50
    }
}

channel_layers::conformance!(core, over::<RedisLayer>(1), ());
channel_layers::conformance!(core_on_three_hosts, over::<RedisLayer>(3), ());
channel_layers::conformance!(pubsub, over::<RedisPubSubLayer>(1), ());
channel_layers::conformance!(pubsub_on_three_hosts, over::<RedisPubSubLayer>(3), ());
