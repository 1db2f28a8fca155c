//! What is measured of which server, how long and how often; and the record of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::Load;
use crate::servers::{Running, Server};
use crate::{machine, measure, process};

/// How many clients connect at once where that is not what is measured: fewer than any server lets wait.
const AT_ONCE: usize = 100;

/// How many messages a second the latency is measured at.
const RATE: u32 = 20;

/// One visit of a server: its clients, and what they measure one after the other.
struct Visit {
    servers: Vec<Server>,
    clients: usize,
    /// All clients connect at once, and are idle for a while, which are measurements too.
    burst: bool,
    windows: Vec<u64>,
    latency: bool,
    /// Not in every round, where it takes long: the rounds before this one.
    rounds: usize,
}

pub(crate) struct Plan {
    visits: Vec<Visit>,
    /// For each measurement of deliveries.
    time: Duration,
}

impl Plan {
    /// For the report.
    pub(crate) fn full() -> Self {
        let with_peers: Vec<_> = Server::ALL.into_iter().filter(|server| *server != Server::Channels).collect();
        let thousand =
            Visit { servers: with_peers, clients: 1000, burst: false, windows: vec![1, 16], latency: true, rounds: 7 };
        let django = Visit {
            servers: vec![Server::Gateway, Server::Channels],
            clients: 500,
            burst: false,
            windows: vec![1],
            latency: false,
            rounds: 7,
        };
        let fast = vec![Server::Gateway, Server::Uws, Server::Centrifuge, Server::SocketIo];
        let crowd =
            Visit { servers: fast, clients: 10_000, burst: true, windows: vec![1, 16], latency: false, rounds: 5 };
        let slow = Visit {
            servers: vec![Server::Channels],
            clients: 10_000,
            burst: true,
            windows: vec![],
            latency: false,
            rounds: 1,
        };
        Self { visits: vec![thousand, django, crowd, slow], time: Duration::from_secs(3) }
    }

    /// A look at the same, for the terminal.
    pub(crate) fn quick() -> Self {
        let mut plan = Self::full();
        plan.visits.pop();
        for visit in &mut plan.visits {
            visit.rounds = 1;
        }
        plan.visits[0].rounds = 3;
        plan.visits[2].servers.truncate(2);
        plan.time = Duration::from_millis(1500);
        plan
    }

    /// The gateway alone.
    pub(crate) fn ours() -> Self {
        let mut plan = Self::full();
        plan.visits.truncate(3);
        plan.visits.remove(1);
        for visit in &mut plan.visits {
            visit.servers.retain(|server| server.is_ours());
            visit.rounds = 1;
        }
        plan
    }

    /// That it runs.
    pub(crate) fn taste() -> Self {
        let servers = vec![Server::Gateway, Server::GatewayMsgpack];
        let visit = Visit { servers, clients: 20, burst: true, windows: vec![1, 16], latency: true, rounds: 1 };
        Self { visits: vec![visit], time: Duration::from_millis(100) }
    }

    /// Measures everything. A server that fails is recorded as one that failed; ours may not.
    pub(crate) fn run(&self, json: bool) -> Result<(), String> {
        let pinned = process::pinned();
        let machine = machine::facts(pinned);
        process::settle(pinned);
        let most = self.visits.iter().map(|visit| visit.clients).max().unwrap_or(0);
        if process::files() < most + 100 {
            return Err(format!("{most} sockets need more open files: raise the limit (ulimit -n {})", most + 100));
        }
        let mut record = Record { json, failures: 0 };
        let missing: Vec<_> = Server::ALL
            .into_iter()
            .filter(|server| self.visits.iter().any(|visit| visit.servers.contains(server)))
            .filter(|server| !record.meet(*server))
            .collect();
        record.line(&json!({ "machine": machine }));
        let rounds = self.visits.iter().map(|visit| visit.rounds).max().unwrap_or(0);
        for round in 0..rounds {
            for visit in self.visits.iter().filter(|visit| round < visit.rounds) {
                for server in visit.servers.iter().filter(|server| !missing.contains(server)) {
                    eprint!("round {} of {}: {} clients of {} ", round + 1, visit.rounds, visit.clients, server.name());
                    let outcome = self.visit(visit, *server, pinned, &mut |row, figures| {
                        record.row(row, *server, visit.clients, round, figures);
                    });
                    eprintln!();
                    if let Err(e) = outcome {
                        record.failed(*server, visit.clients, round, &e);
                    }
                }
            }
        }
        match record.failures {
            0 => Ok(()),
            n => Err(format!("{n} visits of the gateway failed")),
        }
    }

    fn visit(
        &self,
        visit: &Visit,
        server: Server,
        pinned: bool,
        record: &mut dyn FnMut(&str, Value),
    ) -> Result<(), String> {
        let running = server.start(pinned)?;
        let mut load = Load::new(server.protocol(), running.address)?;
        match visit.burst {
            true => self.crowd(visit, &running, &mut load, record)?,
            false => {
                let connected = load.connect(visit.clients, AT_ONCE)?;
                if connected.refused > 0 {
                    return Err(format!("{} clients were refused", connected.refused));
                }
            }
        }
        for &window in &visit.windows {
            record(&format!("window {window}"), measure::throughput(&running, &mut load, window, self.time)?);
        }
        if visit.latency {
            record("latency", measure::latency(&running, &mut load, RATE, self.time)?);
        }
        Ok(())
    }

    fn crowd(
        &self,
        visit: &Visit,
        running: &Running,
        load: &mut Load,
        record: &mut dyn FnMut(&str, Value),
    ) -> Result<(), String> {
        let before = process::memory(running.id())?;
        let burst = measure::burst(running, load, visit.clients)?;
        let refused = burst["refused"] != 0;
        record("burst", burst);
        if refused {
            return Err("clients were refused, so nothing more was measured".into());
        }
        record("memory", measure::memory(running, load, visit.clients, before)?);
        Ok(())
    }
}

/// Where what was measured goes.
struct Record {
    json: bool,
    /// Of ours.
    failures: usize,
}

impl Record {
    fn line(&self, line: &Value) {
        if self.json {
            println!("{line}");
        }
    }

    /// Whether the server is there.
    fn meet(&self, server: Server) -> bool {
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

    fn row(&self, row: &str, server: Server, clients: usize, round: usize, figures: Value) {
        let brief = match row {
            "burst" => format!("all there after {:.2} s", figures["last_s"].as_f64().unwrap_or(f64::NAN)),
            "memory" => format!("{:.1} KB each", figures["bytes_per_client"].as_f64().unwrap_or(f64::NAN) / 1024.0),
            "latency" => format!("p99 {:.1} ms", figures["p99_ms"].as_f64().unwrap_or(f64::NAN)),
            _ => format!("{row}: {:.2} µs", figures["cpu_us"].as_f64().unwrap_or(f64::NAN)),
        };
        eprint!("| {brief} ");
        self.line(&json!({
            "row": row, "server": server.name(), "clients": clients, "round": round, "figures": figures,
        }));
    }

    fn failed(&mut self, server: Server, clients: usize, round: usize, why: &str) {
        eprintln!("{} failed: {why}", server.name());
        self.line(&json!({ "server": server.name(), "clients": clients, "round": round, "failed": why }));
        self.failures += usize::from(server.is_ours());
    }
}
