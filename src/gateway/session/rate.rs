//! How fast a client may ask: a token bucket, kept as one point in time (the generic cell rate algorithm of ATM).
//!
//! Every request moves that point on by the time between two requests at the allowed rate. How far it lies ahead of the
//! clock is how much of the bucket is used up. Refused requests count too, so a client that waits as it was told soon
//! asks again, and one that does not listen is found out.

use std::time::{Duration, Instant};

use super::{GatewayConfig, after};

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Rate {
    /// When the bucket is full again.
    full: Instant,
}

/// What becomes of a request.
#[derive(Debug, PartialEq)]
pub(super) enum Pace {
    /// It is served.
    Fine,
    /// It is refused; one after this time is not.
    Wait(Duration),
    /// So many were refused that the connection ends. After this time a request is served again.
    Flood(Duration),
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { full: now }
    }

    /// Counts a request.
    pub(super) fn count(&mut self, now: Instant, config: &GatewayConfig) -> Pace {
        if config.message_rate == 0 {
            return Pace::Fine;
        }
        let interval = Duration::from_secs(1) / config.message_rate;
        let burst = interval.saturating_mul(config.message_burst.max(1));
        self.full = after(self.full.max(now), interval);
        let used = self.full - now;
        match used.checked_sub(burst).filter(|over| !over.is_zero()) {
            None => Pace::Fine,
            Some(over) if over <= burst => Pace::Wait(over),
            Some(over) => Pace::Flood(over),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(rate: u32, burst: u32) -> GatewayConfig {
        GatewayConfig::default().with_message_rate(rate).with_message_burst(burst)
    }

    #[test]
    fn a_burst_passes_then_one_per_interval_and_who_does_not_wait_is_a_flood() {
        let (config, now) = (config(10, 3), Instant::now());
        let mut rate = Rate::new(now);
        for _ in 0..3 {
            assert_eq!(rate.count(now, &config), Pace::Fine);
        }
        assert_eq!(rate.count(now, &config), Pace::Wait(Duration::from_millis(100)));
        assert_eq!(rate.count(now + Duration::from_millis(200), &config), Pace::Fine, "after the wait and its own");
        let mut flood = Rate::new(now);
        let paces: Vec<Pace> = (0..7).map(|_| flood.count(now, &config)).collect();
        assert!(matches!(paces[..], [Pace::Fine, Pace::Fine, Pace::Fine, _, _, Pace::Wait(_), Pace::Flood(_)]));
    }

    #[test]
    fn without_a_rate_everything_passes() {
        let (config, now) = (config(0, 0), Instant::now());
        let mut rate = Rate::new(now);
        assert!((0..10_000).all(|_| rate.count(now, &config) == Pace::Fine));
    }

    proptest! {
        /// In no stretch of time does more pass than the burst and the rate allow, and who waits as told is served.
        #[test]
        fn never_more_than_allowed(rate in 1u32..2000, burst in 1u32..50, gaps in prop::collection::vec(0u64..20_000, 1..300)) {
            let (config, start) = (config(rate, burst), Instant::now());
            let (mut bucket, mut now, mut passed) = (Rate::new(start), start, 0u32);
            for gap in gaps {
                now += Duration::from_micros(gap);
                match bucket.count(now, &config) {
                    Pace::Fine => passed += 1,
                    Pace::Wait(wait) | Pace::Flood(wait) => {
                        // The next request costs its own interval as well.
                        now += wait + Duration::from_secs(1) / rate;
                        prop_assert_eq!(bucket.count(now, &config), Pace::Fine);
                        passed += 1;
                    }
                }
                let allowed = f64::from(burst) + (now - start).as_secs_f64() * f64::from(rate) + 1.0;
                prop_assert!(f64::from(passed) <= allowed, "{} of {}", passed, allowed);
            }
        }
    }
}
