//! The measurements, each of one server with its clients connected. All begin and end with nothing under way, so that the
//! CPU time between is that of the deliveries between, all of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::Load;
use crate::process;
use crate::servers::Running;

/// Before a measurement, for caches, compilers and allocators.
const WARM_UP: Duration = Duration::from_millis(700);

/// How long a server may tidy up before its memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// How close to the time of a message the client stops sleeping.
const AWAKE: Duration = Duration::from_millis(2);

/// CPU time of both sides, and the clock.
struct Meter {
    server: u32,
    begun: Instant,
    before: (Duration, Duration),
    deliveries: u64,
}

impl Meter {
    fn start(server: &Running, load: &Load) -> Result<Self, String> {
        let before = (process::cpu(server.id())?, process::cpu(std::process::id())?);
        Ok(Self { server: server.id(), begun: Instant::now(), before, deliveries: load.deliveries() })
    }

    /// What every measurement of deliveries tells.
    fn stop(&self, load: &Load) -> Result<Value, String> {
        let time = self.begun.elapsed().as_secs_f64();
        let deliveries = (load.deliveries() - self.deliveries) as f64;
        let server = (process::cpu(self.server)? - self.before.0).as_secs_f64();
        let client = (process::cpu(std::process::id())? - self.before.1).as_secs_f64();
        Ok(json!({
            "deliveries": deliveries,
            "deliveries_per_s": deliveries / time,
            "cpu_us": server * 1e6 / deliveries,
            "client_cpu_us": client * 1e6 / deliveries,
            "server_busy": server / time,
            "client_busy": client / time,
        }))
    }
}

/// Closed loop: as many messages under way as the window says, for so long, and then until all have arrived.
pub(crate) fn throughput(server: &Running, load: &mut Load, window: u64, time: Duration) -> Result<Value, String> {
    publish_for(load, window, WARM_UP.min(time))?;
    let meter = Meter::start(server, load)?;
    publish_for(load, window, time)?;
    meter.stop(load)
}

fn publish_for(load: &mut Load, window: u64, time: Duration) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        load.publish(load.now())?;
        load.reach(window - 1)?;
    }
    load.reach(0)
}

/// Open loop: so many messages a second, whatever became of those before. Times count from when a message was due, not
/// from when the client came to send it, so that a slow server cannot hide behind a late question.
pub(crate) fn latency(server: &Running, load: &mut Load, rate: u32, time: Duration) -> Result<Value, String> {
    let period = Duration::from_secs(1) / rate;
    publish_at(load, period, WARM_UP.min(time))?;
    load.watch();
    let meter = Meter::start(server, load)?;
    publish_at(load, period, time)?;
    let mut figures = meter.stop(load)?;
    let latencies = load.watched();
    let at = |percent| percentile(&latencies, percent).map(|nanoseconds| *nanoseconds as f64 / 1e6);
    figures["p50_ms"] = at(50).into();
    figures["p99_ms"] = at(99).into();
    figures["max_ms"] = at(100).into();
    Ok(figures)
}

/// What so many percent are not above, of values in order.
fn percentile<T>(values: &[T], percent: usize) -> Option<&T> {
    values.get(values.len().saturating_sub(1) * percent / 100)
}

fn publish_at(load: &mut Load, period: Duration, time: Duration) -> Result<(), String> {
    let period = u64::try_from(period.as_nanos()).expect("seconds");
    let begun = load.now();
    let messages = u64::try_from(time.as_nanos()).expect("seconds") / period;
    for due in (0..messages).map(|n| begun + n * period) {
        loop {
            let left = Duration::from_nanos(due.saturating_sub(load.now()));
            if left.is_zero() {
                break;
            }
            load.turn(left.saturating_sub(AWAKE))?;
        }
        load.publish(due)?;
    }
    load.reach(0)
}

/// Everybody connects at the same moment and joins; `server` is fresh.
pub(crate) fn burst(server: &Running, load: &mut Load, clients: usize) -> Result<Value, String> {
    let cpu = process::cpu(server.id())?;
    let connected = load.connect(clients, clients)?;
    let at = |percent| percentile(&connected.ready, percent).map(Duration::as_secs_f64);
    Ok(json!({
        "clients": clients,
        "refused": connected.refused.len(),
        "reason": connected.refused.first(),
        "p50_s": at(50),
        "last_s": at(100),
        "cpu_us": (process::cpu(server.id())? - cpu).as_secs_f64() * 1e6 / clients as f64,
    }))
}

/// What the clients that are connected cost, against `before` them. A server may tidy up first.
pub(crate) fn memory(server: &Running, load: &mut Load, clients: usize, before: f64) -> Result<Value, String> {
    let begun = Instant::now();
    while begun.elapsed() < SETTLE {
        load.turn(Duration::from_millis(100))?;
    }
    let after = process::memory(server.id())?;
    Ok(json!({ "clients": clients, "before_bytes": before, "bytes_per_client": (after - before) / clients as f64 }))
}
