//! Counters: what came, went and was dropped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::times::{DeliveryTimes, Times};
use crate::ErrorKind;
use crate::protocol::{CloseCode, Encoding, ErrorCode};

/// A number that only its readers look at together, so relaxed.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Makes it at least this.
    pub(crate) fn raise(&self, n: u64) {
        if n > 0 {
            self.0.fetch_max(n, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The kinds of a layer's errors that are told apart.
const LAYER_ERRORS: [(ErrorKind, &str); 6] = [
    (ErrorKind::ChannelFull, "channel_full"),
    (ErrorKind::MessageTooLarge, "message_too_large"),
    (ErrorKind::Unavailable, "unavailable"),
    (ErrorKind::Disconnected, "disconnected"),
    (ErrorKind::Timeout, "timeout"),
    (ErrorKind::Closed, "closed"),
];

/// The counters of one gateway.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) refused: Counter,
    pub(crate) accept_failures: Counter,
    pub(crate) handshake_failures: Counter,
    pub(crate) frames_in: Counter,
    pub(crate) frames_out: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) deliveries: Counter,
    pub(crate) dropped_slow: Counter,
    pub(crate) dropped_volatile: Counter,
    pub(crate) rooms_lost: Counter,
    pub(crate) layer_reconnects: Counter,
    pub(crate) keys_wrong: Counter,
    pub(crate) keys_held_up: Counter,
    pub(crate) longest_backlog: Counter,
    pub(crate) delivery_times: Times,
    /// By encoding.
    opens: [Counter; Encoding::ALL.len()],
    /// By encoding.
    ends: [Counter; Encoding::ALL.len()],
    /// By place in [`CloseCode::ALL`]; the last one is for ends without a code of ours.
    closes: [Counter; CloseCode::ALL.len() + 1],
    /// By place in [`ErrorCode::ALL`].
    rejections: [Counter; ErrorCode::ALL.len()],
    /// By place in [`LAYER_ERRORS`]; the last one is for those of any other kind.
    layer_errors: [Counter; LAYER_ERRORS.len() + 1],
}

impl Counters {
    /// Counts a connection that was handed to its shard.
    pub(crate) fn opened(&self, encoding: Encoding) {
        self.opens[encoding as usize].add(1);
    }

    /// Counts the end of a connection: with our close code, or with none where the client ended it.
    pub(crate) fn closed(&self, encoding: Encoding, code: Option<CloseCode>) {
        self.ends[encoding as usize].add(1);
        let place = code.and_then(|code| CloseCode::ALL.iter().position(|known| *known == code));
        self.closes[place.unwrap_or(CloseCode::ALL.len())].add(1);
    }

    /// Counts a request that was refused.
    pub(crate) fn rejected(&self, code: ErrorCode) {
        let place = ErrorCode::ALL.iter().position(|known| *known == code);
        place.into_iter().for_each(|place| self.rejections[place].add(1));
    }

    /// Counts a verb of the layer that failed.
    pub(crate) fn layer_failed(&self, kind: ErrorKind) {
        let place = LAYER_ERRORS.iter().position(|(known, _)| *known == kind);
        self.layer_errors[place.unwrap_or(LAYER_ERRORS.len())].add(1);
    }

    pub(crate) fn snapshot(&self, connections: usize, users: usize) -> GatewayStats {
        let (last, by_code) = self.closes.split_last().expect("the array is one longer than the codes");
        let rejections = ErrorCode::ALL.iter().zip(&self.rejections).map(|(code, n)| (code.0, n.get()));
        let kinds = LAYER_ERRORS.iter().map(|(_, name)| *name).chain(["other"]);
        let layer_errors = kinds.zip(&self.layer_errors).map(|(kind, n)| (kind, n.get()));
        let closes = CloseCode::ALL.iter().zip(by_code).map(|(code, n)| (code.0, n.get())).filter(|(_, n)| *n > 0);
        GatewayStats {
            connections,
            users,
            accepted: self.accepted.get(),
            refused: self.refused.get(),
            accept_failures: self.accept_failures.get(),
            handshake_failures: self.handshake_failures.get(),
            frames_in: self.frames_in.get(),
            frames_out: self.frames_out.get(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            deliveries: self.deliveries.get(),
            dropped_slow: self.dropped_slow.get(),
            dropped_volatile: self.dropped_volatile.get(),
            groups_lost: self.rooms_lost.get(),
            layer_reconnects: self.layer_reconnects.get(),
            keys_wrong: self.keys_wrong.get(),
            keys_held_up: self.keys_held_up.get(),
            longest_backlog: self.longest_backlog.get(),
            delivery_times: self.delivery_times.read(),
            encodings: Encoding::ALL.into_iter().map(|encoding| (name(encoding), self.encoding(encoding))).collect(),
            layer_errors: layer_errors.filter(|(_, n)| *n > 0).collect(),
            rejections: rejections.filter(|(_, n)| *n > 0).collect(),
            closes: closes.collect(),
            ended_by_client: last.get(),
        }
    }
}

impl Counters {
    fn encoding(&self, encoding: Encoding) -> EncodingStats {
        let (opened, ended) = (self.opens[encoding as usize].get(), self.ends[encoding as usize].get());
        EncodingStats { open: opened.saturating_sub(ended), opened }
    }
}

/// An encoding's name, as metrics have it.
fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "json",
        Encoding::Msgpack => "msgpack",
    }
}

/// The connections that speak one encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EncodingStats {
    /// Those that are open now.
    pub open: u64,
    /// Those that were opened.
    pub opened: u64,
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
    /// How often [`serve`](super::Gateway::serve) could not accept a connection, mostly because the process had no file
    /// descriptor left. The connection waits and is accepted later, or gives up.
    pub accept_failures: u64,
    /// TLS handshakes that failed or took longer than 10 s.
    pub handshake_failures: u64,
    /// Frames from clients.
    pub frames_in: u64,
    /// Frames to clients.
    pub frames_out: u64,
    /// Bytes of frames from clients, with their headers.
    pub bytes_in: u64,
    /// Bytes of frames that sockets took, with their headers.
    pub bytes_out: u64,
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
    /// The most bytes that ever waited for one client which did not read as fast as it was sent to.
    pub longest_backlog: u64,
    /// How long group messages took from the layer until the sockets were written to, for each piece that was written at
    /// once.
    pub delivery_times: DeliveryTimes,
    /// The connections of each encoding: `json`, `msgpack`.
    pub encodings: BTreeMap<&'static str, EncodingStats>,
    /// How often the layer refused or failed at what was asked of it, by what went wrong.
    pub layer_errors: BTreeMap<&'static str, u64>,
    /// Requests that were refused, over WebSockets and over HTTP, by error code.
    pub rejections: BTreeMap<u16, u64>,
    /// Connections that the gateway closed, by close code.
    pub closes: BTreeMap<u16, u64>,
    /// Connections that the client closed, or that broke.
    pub ended_by_client: u64,
}
