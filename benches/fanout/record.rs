//! Where what was measured goes: a line of JSON for the report, a few words for people.

use std::time::Instant;

use serde_json::{Value, json};

use crate::plan::Visit;
use crate::servers::Server;

/// The record of a run.
pub(crate) struct Record {
    json: bool,
    begun: Instant,
    /// Visits of ours that failed.
    failures: usize,
}

impl Record {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, begun: Instant::now(), failures: 0 }
    }

    pub(crate) fn line(&self, line: &Value) {
        if self.json {
            println!("{line}");
        }
    }

    /// Whether the server is there.
    pub(crate) fn meet(&self, server: Server) -> bool {
        let version = server.version();
        match &version {
            Ok(version) => self.line(&json!({ "server": server.name(), "version": version })),
            Err(e) => {
                eprintln!("{} is left out: {e}", server.name());
                self.line(&json!({ "server": server.name(), "left_out": e }));
            }
        }
        version.is_ok()
    }

    pub(crate) fn begins(&self, visit: &Visit, server: Server, round: usize) {
        let seconds = self.begun.elapsed().as_secs();
        let time = format!("{}:{:02}", seconds / 60, seconds % 60);
        eprint!("{time} round {}/{} {} × {} ", round + 1, visit.rounds, visit.clients, server.name());
    }

    /// A measurement of a visit.
    pub(crate) fn row(&self, visit: &Visit, server: Server, round: usize, row: &str, figures: &Value) {
        let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
        let brief = match row {
            "burst" => format!("all there after {:.2} s", figure("last_s")),
            "memory" => format!("{:.1} KB each", figure("bytes_per_client") / 1024.0),
            "latency" => format!("99 % within {:.1} ms", figure("p99_ms")),
            _ => format!("{row}: {:.2} µs", figure("cpu_us")),
        };
        eprint!("| {brief} ");
        self.line(&json!({
            "row": row, "server": server.name(), "clients": visit.clients, "round": round, "figures": figures,
        }));
    }

    /// A server that fails is recorded as one that failed.
    pub(crate) fn ended(&mut self, visit: &Visit, server: Server, round: usize, outcome: Result<(), String>) {
        eprintln!();
        if let Err(why) = outcome {
            eprintln!("{} failed: {why}", server.name());
            self.line(&json!({ "server": server.name(), "clients": visit.clients, "round": round, "failed": why }));
            self.failures += usize::from(server.is_ours());
        }
    }

    /// Ours may not fail.
    pub(crate) fn outcome(&self) -> Result<(), String> {
        match self.failures {
            0 => Ok(()),
            n => Err(format!("{n} visits of the gateway failed")),
        }
    }
}
