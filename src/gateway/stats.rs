//! Counters: what came, went and was dropped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::protocol::{CloseCode, ErrorCode};

/// A number that only its readers look at together, so relaxed.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one gateway.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) refused: Counter,
    pub(crate) frames_in: Counter,
    pub(crate) frames_out: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) dropped_slow: Counter,
    pub(crate) dropped_volatile: Counter,
    pub(crate) rooms_lost: Counter,
    pub(crate) layer_reconnects: Counter,
    pub(crate) keys_wrong: Counter,
    pub(crate) keys_held_up: Counter,
    /// By place in [`CloseCode::ALL`]; the last one is for ends without a code of ours.
    closes: [Counter; CloseCode::ALL.len() + 1],
    /// By place in [`ErrorCode::ALL`].
    rejections: [Counter; ErrorCode::ALL.len()],
}

impl Counters {
    /// Counts the end of a connection: with our close code, or with none where the client ended it.
    pub(crate) fn closed(&self, code: Option<CloseCode>) {
        let place = code.and_then(|code| CloseCode::ALL.iter().position(|known| *known == code));
        self.closes[place.unwrap_or(CloseCode::ALL.len())].add(1);
    }

    /// Counts a request that was refused.
    pub(crate) fn rejected(&self, code: ErrorCode) {
        let place = ErrorCode::ALL.iter().position(|known| *known == code);
        place.into_iter().for_each(|place| self.rejections[place].add(1));
    }

    pub(crate) fn snapshot(&self, connections: usize, users: usize) -> GatewayStats {
        let (last, by_code) = self.closes.split_last().expect("the array is one longer than the codes");
        let rejections = ErrorCode::ALL.iter().zip(&self.rejections).map(|(code, n)| (code.0, n.get()));
        let closes = CloseCode::ALL.iter().zip(by_code).map(|(code, n)| (code.0, n.get())).filter(|(_, n)| *n > 0);
        GatewayStats {
            connections,
            users,
            accepted: self.accepted.get(),
            refused: self.refused.get(),
            frames_in: self.frames_in.get(),
            frames_out: self.frames_out.get(),
            deliveries: self.deliveries.get(),
            dropped_slow: self.dropped_slow.get(),
            dropped_volatile: self.dropped_volatile.get(),
            groups_lost: self.rooms_lost.get(),
            layer_reconnects: self.layer_reconnects.get(),
            keys_wrong: self.keys_wrong.get(),
            keys_held_up: self.keys_held_up.get(),
            rejections: rejections.filter(|(_, n)| *n > 0).collect(),
            closes: closes.collect(),
            ended_by_client: last.get(),
        }
    }
}

/// What a gateway has done since it was made; see [`Gateway::stats`](super::Gateway::stats). The numbers are read one
/// after the other while the gateway works, so they need not add up exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GatewayStats {
    /// WebSockets that are open now.
    pub connections: usize,
    /// Users that they are of; clients that nobody knows are of none.
    pub users: usize,
    /// WebSockets that were accepted.
    pub accepted: u64,
    /// WebSockets that were refused because there were
    /// [`max_connections`](super::GatewayConfig::max_connections), or because of a shutdown.
    pub refused: u64,
    /// Frames from clients.
    pub frames_in: u64,
    /// Frames to clients.
    pub frames_out: u64,
    /// Group messages that were queued for a client, one per client.
    pub deliveries: u64,
    /// Frames that were dropped, queued or not, because the client was too slow and is closed with 4003.
    pub dropped_slow: u64,
    /// Messages to [`volatile`](super::GatewayConfig::volatile) groups that were not, because the client could not take
    /// them at that moment.
    pub dropped_volatile: u64,
    /// How often a group's members were told to join again because messages were lost between layer and gateway, or may
    /// have been in the layer.
    pub groups_lost: u64,
    /// How often that concerned every group, because the layer lost a server and came back, or was emptied.
    pub layer_reconnects: u64,
    /// API and admin keys that were shown and wrong.
    pub keys_wrong: u64,
    /// Keys that were not looked at, because too many from their address had been wrong.
    pub keys_held_up: u64,
    /// Requests that were refused, over WebSockets and over HTTP, by error code.
    pub rejections: BTreeMap<u16, u64>,
    /// Connections that the gateway closed, by close code.
    pub closes: BTreeMap<u16, u64>,
    /// Connections that the client closed, or that broke.
    pub ended_by_client: u64,
}
