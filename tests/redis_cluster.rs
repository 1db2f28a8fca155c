//! The Redis layers over a Redis Cluster of three masters with a replica each: the conformance suite, and what happens
//! when a master fails or a slot moves.
#![cfg(not(target_family = "wasm"))]

#[path = "redis_cluster/conformance.rs"]
mod conformance;
#[path = "redis_cluster/faults.rs"]
mod faults;

use channel_layers::layer::ChannelLayer;
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer};
use channel_layers::{ChannelName, Result};
use rig::RedisCluster;

/// A layer over Redis.
trait Redis: ChannelLayer + Clone {
    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send;

    /// What lies in Redis under the default prefix for a group, and for a channel: keys, or Redis channels.
    fn places(group: &str, channel: &ChannelName) -> [String; 2];
}

impl Redis for RedisLayer {
    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send {
        Self::connect(config)
    }

    fn places(group: &str, channel: &ChannelName) -> [String; 2] {
        [format!("asgi:group:{group}"), format!("asgi{}", channel.non_local())]
    }
}

impl Redis for RedisPubSubLayer {
    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send {
        Self::connect(config)
    }

    fn places(group: &str, channel: &ChannelName) -> [String; 2] {
        [format!("asgi__group__{group}"), channel.to_string()]
    }
}

/// The cluster by all of its nodes.
fn host(cluster: &RedisCluster) -> Host {
    let nodes: Vec<String> = cluster.urls().iter().map(|url| url.replace("redis://", "")).collect();
    Host::url(&format!("redis-cluster://{}", nodes.join(","))).unwrap()
}
