//! Lines in the log that others could provoke without end: a few a minute are enough.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// Says when something that goes on happening is worth another line.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it is now; then not again for ten seconds.
    pub(crate) fn may(&self) -> bool {
        self.may_at(Instant::now())
    }

    fn may_at(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| now.duration_since(last) >= PAUSE);
        if may {
            *last = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_and_then_after_the_pause() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        let times = [0, 1, 9, 10, 19, 20].map(|seconds| seldom.may_at(now + Duration::from_secs(seconds)));
        assert_eq!(times, [true, false, false, true, false, true]);
    }
}
