//! The conformance suite, all cases on one cluster: each has a prefix of its own, so they share nothing, and what one
//! flushes is its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use channel_layers::layer::conformance::{Factory, Settings};
use channel_layers::layer::redis::{RedisConfig, RedisLayer};
use rig::RedisCluster;
use tokio::sync::OnceCell;

use super::host;

/// Made by the first case, and gone with the process.
static CLUSTER: OnceCell<RedisCluster> = OnceCell::const_new();

/// The number of the next layer that shares nothing with those before.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The settings of a layer on the cluster, under a number of its own. No prefix begins with another.
async fn config(settings: Settings, number: usize) -> RedisConfig {
    let cluster = CLUSTER.get_or_init(RedisCluster::start).await;
    let config = RedisConfig::new([host(cluster)])
        .with_prefix(format!("case{number:04}"))
        .with_capacity(settings.capacity)
        .with_expiry(settings.expiry)
        .with_group_expiry(settings.group_expiry);
    let patterns = settings.channel_capacity.into_iter();
    patterns.fold(config, |config, (pattern, capacity)| config.with_channel_capacity(pattern, capacity))
}

/// Makes layers of the kind `redis`.
#[derive(Default)]
struct Core {
    /// The settings of the last layer, which its peer has too.
    last: Mutex<Option<RedisConfig>>,
}

impl Factory for Core {
    type Layer = RedisLayer;

    async fn layer(&self, settings: Settings) -> RedisLayer {
        let config = config(settings, NEXT.fetch_add(1, Ordering::Relaxed)).await;
        *self.last.lock().unwrap() = Some(config.clone());
        RedisLayer::connect(config).await.unwrap()
    }

    async fn peer(&self, _: &RedisLayer) -> Option<RedisLayer> {
        let config = self.last.lock().unwrap().clone()?;
        Some(RedisLayer::connect(config).await.unwrap())
    }

    fn held(&self, _: &RedisLayer) -> Option<usize> {
        None
    }

    fn rounds(&self) -> usize {
        50
    }
}

channel_layers::conformance!(core, Core::default(), ());
