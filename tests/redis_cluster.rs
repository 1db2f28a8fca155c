//! The Redis layers over a Redis Cluster of three masters with a replica each: the conformance suite, and what happens
//! when a master fails or a slot moves.
#![cfg(not(target_family = "wasm"))]

#[path = "redis_cluster/conformance.rs"]
mod conformance;

use channel_layers::Result;
use channel_layers::layer::ChannelLayer;
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer};
use rig::RedisCluster;

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

/// The cluster by all of its nodes.
fn host(cluster: &RedisCluster) -> Host {
    let nodes: Vec<String> = cluster.urls().iter().map(|url| url.replace("redis://", "")).collect();
    Host::url(&format!("redis-cluster://{}", nodes.join(","))).unwrap()
}
