//! The times of one connection: the first frame, pings and their pongs, the token's end, its own end by age.

use std::time::{Duration, Instant};

use super::GatewayConfig;

/// When what is due.
#[derive(Debug)]
pub(super) struct Clock {
    /// Before `welcome`: when the first frame is due. After it: when the next ping is.
    next: Instant,
    /// When the client counts as dead, while a ping is unanswered.
    dead: Option<Instant>,
    /// When the connection ends because of its token: the token's end and the time of grace.
    expiry: Option<Instant>,
    /// When the connection ends because of its age.
    retirement: Option<Instant>,
}

/// A time from now. What a clock cannot hold is a year, which is as good as never for a connection.
pub(in crate::gateway) fn after(now: Instant, time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    now.checked_add(time).unwrap_or(now + YEAR)
}

/// What is due.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Dead,
    Expired,
    Old,
}

impl Clock {
    pub(super) fn new(first_frame: Instant) -> Self {
        Self { next: first_frame, dead: None, expiry: None, retirement: None }
    }

    /// The connection was welcomed: pings begin.
    pub(super) fn open(&mut self, now: Instant, config: &GatewayConfig) {
        self.next = after(now, config.ping);
        self.dead = None;
    }

    /// The token ends after this time, if at all.
    pub(super) fn set_expiry(&mut self, now: Instant, ends: Option<Duration>, config: &GatewayConfig) {
        self.expiry = ends.map(|time| after(now, time.saturating_add(config.token_grace)));
    }

    /// The connection ends at this time.
    pub(super) fn retire(&mut self, at: Instant) {
        self.retirement = Some(at);
    }

    /// The client showed a sign of life: any frame is one.
    pub(super) fn alive(&mut self) {
        self.dead = None;
    }

    /// No frame was read while an operation ran, so a pong may wait behind it: the client gets its time anew.
    pub(super) fn resume(&mut self, now: Instant, config: &GatewayConfig) {
        if let Some(dead) = &mut self.dead {
            *dead = after(now, config.pong).max(*dead);
        }
    }

    /// When something is due. While an operation runs, silence is not the client's fault, and age is no reason to
    /// leave a request without its answer.
    pub(super) fn deadline(&self, busy: bool) -> Option<Instant> {
        let (dead, retirement) = (self.dead.filter(|_| !busy), self.retirement.filter(|_| !busy));
        [Some(self.next), dead, self.expiry, retirement].into_iter().flatten().min()
    }

    /// What is due on an open connection, and the next time for it.
    pub(super) fn due(&mut self, now: Instant, busy: bool, config: &GatewayConfig) -> Due {
        if self.expiry.is_some_and(|at| at <= now) {
            return Due::Expired;
        }
        if !busy && self.dead.is_some_and(|at| at <= now) {
            return Due::Dead;
        }
        if !busy && self.retirement.is_some_and(|at| at <= now) {
            return Due::Old;
        }
        if self.next > now {
            return Due::Nothing;
        }
        self.next = after(now, config.ping);
        self.dead.get_or_insert(after(now, config.pong));
        Due::Ping
    }
}
