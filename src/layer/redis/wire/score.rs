//! The scores under which messages wait in Redis: the sender's time, in seconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far the time may step back before the clock believes it, in seconds.
const BACK: f64 = 1.0;

/// Gives each message a later score than the one before, so that Redis keeps the order in which they were sent, even
/// where the time stands still or steps back a little. Where it steps back by more than a second the scores follow: a
/// sender with scores in the future would sort behind all others, and outlive its expiry.
#[derive(Debug, Default)]
pub(in crate::layer::redis) struct ScoreClock {
    /// The bits of the last score. Those of positive floats sort as the floats do, and the next bits are the next
    /// float.
    last: AtomicU64,
}

impl ScoreClock {
    pub(in crate::layer::redis) const fn new() -> Self {
        Self { last: AtomicU64::new(0) }
    }

    /// The next score, at a time since 1970.
    pub(in crate::layer::redis) fn next(&self, now: Duration) -> Score {
        let now = now.as_secs_f64();
        let next = |last: u64| {
            let ahead = f64::from_bits(last) - now;
            if (0.0..=BACK).contains(&ahead) { last + 1 } else { now.to_bits() }
        };
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        Score(f64::from_bits(next(last.expect("there always is a next score"))))
    }
}

/// A message's place among those that wait. `Display` writes the shortest decimal that reads as the same number, as
/// Python does.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(in crate::layer::redis) struct Score(pub(in crate::layer::redis) f64);

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
