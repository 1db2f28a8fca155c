//! Real servers for tests and benchmarks: Redis alone, as a cluster, under sentinels and behind TLS, a network that can
//! fail, and Django with its own channel layers.
//!
//! Whoever holds a value of these types holds the processes behind it: they end when it is dropped, also by a panic,
//! and when the test's process is killed. Nothing is shared between tests. What a test waits for has a name, and
//! not getting it is a panic that says so.
//!
//! A crate of its own, since each test binary uses another part of it.

pub mod django;
mod process;
mod proxy;
mod redis;
mod reply;
mod tls;

use std::time::Duration;

pub use process::Process;
pub use proxy::{Flow, Proxy};
pub use redis::cluster::RedisCluster;
pub use redis::disguised::DisguisedRedis;
pub use redis::sentinel::Sentinels;
pub use redis::server::{RedisOptions, RedisServer};
pub use reply::Reply;
pub use tls::Authority;

/// How long the rig waits for anything. Far above what it takes: only a defect reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that must happen.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Asks another process again and again until what it answers is right. It has no event to wait for, hence the pause.
/// (A macro, since the future of an async closure is not known to be `Send`.)
#[macro_export]
macro_rules! until {
    ($what:expr, $happened:expr) => {
        $crate::within($what, async {
            while !$happened {
                $crate::pause().await;
            }
        })
        .await
    };
}

#[doc(hidden)]
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
