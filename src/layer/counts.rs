//! What a layer has counted, in one form for every layer: for metrics.

use std::collections::BTreeMap;

use super::local::LocalStats;
use super::redis::RedisStats;

/// What a layer has counted in this process since it was made; see
/// [`ChannelLayer::counts`](super::ChannelLayer::counts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerCounts {
    /// Messages that were dropped, by reason. The reasons are the layer's own.
    pub dropped: BTreeMap<&'static str, u64>,
    /// How often a connection to a server was made again.
    pub reconnects: u64,
    /// How often a server was found to have lost the memberships of this process.
    pub data_lost: u64,
}

impl From<LocalStats> for LayerCounts {
    fn from(stats: LocalStats) -> Self {
        let dropped = [
            ("capacity", stats.dropped_capacity),
            ("bytes", stats.dropped_bytes),
            ("no_receiver", stats.dropped_no_receiver),
            ("expired", stats.dropped_expired),
        ];
        Self { dropped: dropped.into(), ..Self::default() }
    }
}

impl From<RedisStats> for LayerCounts {
    fn from(stats: RedisStats) -> Self {
        let mut counts = Self::from(stats.local);
        let dropped = [
            ("over_capacity", stats.dropped_over_capacity),
            ("undecodable", stats.dropped_undecodable),
            ("unaddressed", stats.dropped_unaddressed),
            ("expired_in_redis", stats.dropped_expired),
            ("no_subscriber", stats.dropped_no_subscriber),
            ("in_return", stats.dropped_in_return),
        ];
        counts.dropped.extend(dropped);
        (counts.reconnects, counts.data_lost) = (stats.reconnects, stats.data_lost);
        counts
    }
}
