//! Connections between a client and the gateway: frames in order, late, and sometimes not at all.

use std::time::Duration;

use bytes::Bytes;

/// One WebSocket, from the client's attempt to the end of both ends.
pub(crate) struct Link {
    pub(crate) client: usize,
    /// The gateway process that it leads to; a restart begins another one.
    pub(crate) process: u32,
    /// The client has not given it up.
    pub(crate) client_end: bool,
    /// The gateway has not given it up.
    pub(crate) gateway_end: bool,
    /// Nothing passes any more, whether or not the ends know.
    pub(crate) cut: bool,
    /// For when the gateway session's timer event is scheduled.
    pub(crate) scheduled: Option<Duration>,
    /// When the last frame of each direction arrives; the next one may not overtake it.
    arrival: [Duration; 2],
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Up,
    Down,
}

/// What travels over a link.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    /// The TCP connection and the upgrade.
    Open,
    Frame(Bytes),
    Close(u16, String),
}

impl Link {
    pub(crate) fn new(client: usize, process: u32) -> Self {
        Self {
            client,
            process,
            client_end: true,
            gateway_end: false,
            cut: false,
            scheduled: None,
            arrival: [Duration::ZERO; 2],
        }
    }

    /// When a packet sent at `now` arrives, given the time that the network takes for it.
    pub(crate) fn arrival(&mut self, way: Way, now: Duration, latency: Duration) -> Duration {
        let last = &mut self.arrival[way as usize];
        *last = (*last).max(now + latency);
        *last
    }
}

/// The time that the network takes for one packet: mostly milliseconds, sometimes seconds.
pub(crate) fn latency(random: &mut fastrand::Rng) -> Duration {
    let millis = match random.u32(0..1000) {
        0..=949 => random.u64(0..40),
        950..=994 => random.u64(40..800),
        _ => random.u64(800..12_000),
    };
    Duration::from_millis(millis)
}
