//! How long to wait between attempts to reach a server: doubling, bounded, and different for every process, so that a
//! server that comes back is not met by all of them at once.

use std::time::Duration;

/// The longest wait before the second attempt. The first one waits for nothing.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait.
const MOST: Duration = Duration::from_secs(1);

/// The waits of one outage.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failed: u32,
}

impl Backoff {
    /// What was connected has ended after so long. One that ended soon counts as a failed attempt, so that a server that
    /// lets in and then refuses everything is not asked without a pause.
    pub(super) fn lasted(&mut self, time: Duration) {
        if time >= MOST {
            self.failed = 0;
        }
    }

    /// Whether the next attempt is the first of an outage: what went wrong is worth a line in the log.
    pub(super) fn is_first(&self) -> bool {
        self.failed == 0
    }

    /// Waits before the next attempt.
    pub(super) async fn wait(&mut self) {
        let most = FIRST.saturating_mul(1 << self.failed.min(10)).min(MOST);
        self.failed = self.failed.saturating_add(1);
        tokio::time::sleep(most.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}
