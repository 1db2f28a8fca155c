//! What a benchmark has measured, and how it is told.

use std::time::Duration;

use channel_layers::Message;
use serde_json::json;

/// How long deliveries took, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Heard(Vec<u32>);

impl Heard {
    /// Notes a message that has come, by when it was sent.
    pub(super) fn note(&mut self, now: Duration, message: &Message) {
        let sent = message.get("at").and_then(|at| at.as_int()).and_then(|at| u64::try_from(at).ok());
        if let Some(sent) = sent {
            let took = now.saturating_sub(Duration::from_micros(sent)).as_micros();
            self.0.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn add(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A run.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) clients: usize,
    pub(super) sent: u32,
    pub(super) refused: u32,
    pub(super) heard: Heard,
    pub(super) took: Duration,
}

impl Outcome {
    /// How many deliveries of accepted messages did not come.
    pub(super) fn missing(&self) -> usize {
        ((self.sent - self.refused) as usize * self.clients).saturating_sub(self.heard.len())
    }

    /// Prints it on standard output.
    pub(super) fn report(&self, connecting: Duration, as_json: bool) {
        let mut times = self.heard.0.clone();
        times.sort_unstable();
        let at = |per_mille| quantile(&times, per_mille);
        let rate = self.heard.len() as f64 / self.took.as_secs_f64();
        if as_json {
            let latency = json!({"p50": at(500), "p90": at(900), "p99": at(990), "max": at(1000)});
            let report = json!({
                "clients": self.clients, "connecting_seconds": connecting.as_secs_f64(), "sent": self.sent,
                "refused": self.refused, "deliveries": self.heard.len(), "missing": self.missing(),
                "deliveries_per_second": rate, "latency_ms": latency,
            });
            println!("{report}");
            return;
        }
        println!("connected and joined  {} clients in {:.2} s", self.clients, connecting.as_secs_f64());
        println!("sent                  {} messages, {} refused", self.sent, self.refused);
        println!("delivered             {} ({:.0} a second), {} missing", self.heard.len(), rate, self.missing());
        if let (Some(p50), Some(p90), Some(p99), Some(max)) = (at(500), at(900), at(990), at(1000)) {
            println!("latency               p50 {p50:.2} ms · p90 {p90:.2} ms · p99 {p99:.2} ms · most {max:.2} ms");
        }
    }
}

/// The time, in milliseconds, within which so many of a thousand deliveries came.
fn quantile(sorted: &[u32], per_mille: usize) -> Option<f64> {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).map(|micros| f64::from(*micros) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_within_which_that_share_came() {
        let times: Vec<u32> = (1..=100).map(|n| n * 1000).collect();
        assert_eq!(
            [500, 990, 1000].map(|per_mille| quantile(&times, per_mille)),
            [Some(50.0), Some(99.0), Some(100.0)]
        );
        assert_eq!(quantile(&[7000], 500), Some(7.0));
        assert_eq!(quantile(&[], 500), None);
    }
}
