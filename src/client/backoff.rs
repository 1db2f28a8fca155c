//! How long to wait before trying again: full jitter, as pure functions of the attempt and a random number.
//!
//! Waits are drawn evenly from the whole span, so that clients that lost one gateway at the same moment do not come
//! back at the same moment. Integers only: reading and writing floats is code that a browser would have to load.

use std::time::Duration;

/// No wait is shorter, in milliseconds.
const MIN: u64 = 500;

/// The span that waits are drawn from never ends later, in milliseconds.
const MAX: u64 = 20_000;

/// A wait that the gateway asks for counts up to here; a gateway that is gone for longer says so again.
const MAX_ASKED: Duration = Duration::from_secs(600);

/// How long to wait before the next attempt, after `failed` attempts in a row (at least one): evenly between half a
/// second and `min(20 s, 0.5 s · 2^failed)`. Where the gateway asked for a wait, the same span begins there.
pub(super) fn wait(failed: u32, asked: Option<Duration>, random: u64) -> Duration {
    let span = MAX.min(MIN << failed.clamp(1, 16)) - MIN;
    let jitter = Duration::from_millis(random % (span + 1));
    asked.unwrap_or_default().clamp(Duration::from_millis(MIN), MAX_ASKED).saturating_add(jitter)
}

/// A small generator (SplitMix64) for jitter. The same seed gives the same waits, so a run can be replayed.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_fill_the_span_of_their_attempt() {
        let mut random = Random::new(7);
        for (failed, end) in [(0, 1_000), (1, 1_000), (2, 2_000), (5, 16_000), (6, 20_000), (u32::MAX, 20_000)] {
            let waits: Vec<_> = (0..1_000).map(|_| wait(failed, None, random.next()).as_millis()).collect();
            let (least, most) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
            let edge = (end - 500) / 20;
            assert!((500..=500 + edge).contains(&least), "{failed} failures: the least wait was {least}");
            assert!((end - edge..=end).contains(&most), "{failed} failures: the longest wait was {most}");
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_and_capped() {
        let asked = Duration::from_millis(1_500);
        assert_eq!(wait(1, Some(asked), 0), asked);
        assert_eq!(wait(1, Some(asked), 500), asked + Duration::from_millis(500));
        assert_eq!(wait(1, Some(Duration::MAX), 0), MAX_ASKED);
        assert_eq!(wait(1, Some(Duration::ZERO), 0), Duration::from_millis(MIN));
    }

    #[test]
    fn a_seed_can_be_replayed() {
        let draw = |seed| (0..8).map(move |_| Random::new(seed).next()).collect::<Vec<_>>();
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
