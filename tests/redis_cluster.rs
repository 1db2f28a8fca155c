//! The Redis layers over a Redis Cluster of three masters with a replica each: the conformance suite, and what happens
//! when a master fails or a slot moves.
#![cfg(not(target_family = "wasm"))]

#[path = "redis_cluster/conformance.rs"]
mod conformance;

use channel_layers::layer::redis::Host;
use rig::RedisCluster;

/// The cluster by all of its nodes.
fn host(cluster: &RedisCluster) -> Host {
    let nodes: Vec<String> = cluster.urls().iter().map(|url| url.replace("redis://", "")).collect();
    Host::url(&format!("redis-cluster://{}", nodes.join(","))).unwrap()
}
