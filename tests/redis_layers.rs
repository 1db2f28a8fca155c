//! The conformance suite over the Redis layers, each case on a server of its own.
#![cfg(not(target_family = "wasm"))]

use channel_layers::layer::conformance::{Factory, Settings};
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer};
use rig::RedisServer;

/// The settings of a case for a server.
fn config(servers: &[RedisServer], settings: Settings) -> RedisConfig {
    let hosts = servers.iter().map(|server| Host::url(&server.url()).unwrap());
    let config = RedisConfig::new(hosts)
        .with_capacity(settings.capacity)
        .with_expiry(settings.expiry)
        .with_group_expiry(settings.group_expiry);
    let patterns = settings.channel_capacity.into_iter();
    patterns.fold(config, |config, (pattern, capacity)| config.with_channel_capacity(pattern, capacity))
}

struct Core(usize);

impl Factory for Core {
    type Layer = RedisLayer;

    async fn layer(&self, settings: Settings) -> RedisLayer {
        let mut servers = Vec::new();
        for _ in 0..self.0 {
            servers.push(RedisServer::start().await);
        }
        let layer = RedisLayer::connect(config(&servers, settings)).await.unwrap();
        std::mem::forget(servers);
        layer
    }

    fn held(&self, _: &RedisLayer) -> Option<usize> {
        None
    }
}

channel_layers::conformance!(core, Core(1), ());

struct PubSub(usize);

impl Factory for PubSub {
    type Layer = RedisPubSubLayer;

    async fn layer(&self, settings: Settings) -> RedisPubSubLayer {
        let mut servers = Vec::new();
        for _ in 0..self.0 {
            servers.push(RedisServer::start().await);
        }
        let layer = RedisPubSubLayer::connect(config(&servers, settings)).await.unwrap();
        std::mem::forget(servers);
        layer
    }

    fn held(&self, _: &RedisPubSubLayer) -> Option<usize> {
        None
    }
}

channel_layers::conformance!(pubsub, PubSub(1), ());
