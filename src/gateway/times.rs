//! How long things took, counted by length: a histogram that any thread may add to.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// The upper bounds that are told apart, in microseconds.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// A histogram. Its numbers are read one after the other, so relaxed.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// How many were at most as long as each bound, and longer than the one before; the last one is for longer ones.
    counts: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// Times, counted by length; see [`GatewayStats::delivery_times`](super::GatewayStats::delivery_times).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeliveryTimes {
    /// How many took at most so long, and longer than the one before, from 100 µs to 10 s.
    pub counts: Vec<(Duration, u64)>,
    /// How many took longer than all of these.
    pub longer: u64,
    /// All of them together.
    pub sum: Duration,
}

impl Times {
    pub(crate) fn note(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> DeliveryTimes {
        let counts: [u64; BOUNDS.len() + 1] = array::from_fn(|place| self.counts[place].load(Ordering::Relaxed));
        DeliveryTimes {
            counts: BOUNDS.iter().map(|micros| Duration::from_micros(*micros)).zip(counts).collect(),
            longer: counts[BOUNDS.len()],
            sum: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_for_the_first_bound_that_it_does_not_pass() {
        let times = Times::default();
        for micros in [0, 100, 101, 9_999_999, 10_000_000, 10_000_001, 60_000_000] {
            times.note(Duration::from_micros(micros));
        }
        let read = times.read();
        let counted = |micros| read.counts.iter().find(|(bound, _)| *bound == Duration::from_micros(micros)).unwrap().1;
        assert_eq!((counted(100), counted(250), counted(10_000_000), read.longer), (2, 1, 2, 2));
        assert_eq!(read.counts.iter().map(|(_, count)| count).sum::<u64>() + read.longer, 7);
        assert_eq!(read.sum, Duration::from_micros(90_000_201));
    }
}
