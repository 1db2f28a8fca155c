//! Carries out a plan: round by round, each server by itself.

use serde_json::{Value, json};

use crate::load::Load;
use crate::plan::{Plan, Visit};
use crate::record::Record;
use crate::servers::{Running, Server};
use crate::{machine, measure, process};

/// How many clients connect at once where that is not what is measured: fewer than any server lets wait.
const AT_ONCE: usize = 100;

/// How many messages a second the latency is measured at.
const RATE: u32 = 20;

impl Plan {
    /// Measures everything. A server that fails is recorded as one that failed; ours may not.
    pub(crate) fn run(&self, json: bool) -> Result<(), String> {
        let pinned = process::pinned();
        let machine = machine::facts(pinned);
        process::settle(pinned);
        let most = self.visits.iter().map(|visit| visit.clients).max().unwrap_or(0);
        if process::files() < most + 100 {
            return Err(format!("{most} sockets need more open files: raise the limit (ulimit -n {})", most + 100));
        }
        let mut record = Record::new(json);
        let missing: Vec<_> = Server::ALL
            .into_iter()
            .filter(|server| self.visits.iter().any(|visit| visit.servers.contains(server)))
            .filter(|server| !record.meet(*server))
            .collect();
        record.line(&json!({ "machine": machine, "plan": self.name }));
        let rounds = self.visits.iter().map(|visit| visit.rounds).max().unwrap_or(0);
        for round in 0..rounds {
            for visit in self.visits.iter().filter(|visit| round < visit.rounds) {
                let mut servers = visit.servers.clone();
                servers.retain(|server| !missing.contains(server));
                // Each round begins with another, so that none always follows the same one.
                let first = round % servers.len().max(1);
                servers.rotate_left(first);
                for server in &servers {
                    record.begins(visit, *server, round);
                    let outcome = self.visit(visit, *server, pinned, &mut |row, figures| {
                        record.row(visit, *server, round, row, figures);
                    });
                    record.ended(visit, *server, round, outcome);
                }
            }
        }
        record.outcome()
    }

    fn visit(
        &self,
        visit: &Visit,
        server: Server,
        pinned: bool,
        record: &mut dyn FnMut(&str, &Value),
    ) -> Result<(), String> {
        let running = server.start(pinned)?;
        let mut load = Load::new(server.protocol(), running.address)?;
        match visit.burst {
            true => self.crowd(visit, &running, &mut load, record)?,
            false => {
                let connected = load.connect(visit.clients, AT_ONCE)?;
                if let Some(why) = connected.refused.first() {
                    return Err(format!("{} clients were refused: {why}", connected.refused.len()));
                }
            }
        }
        for &window in &visit.windows {
            record(&format!("window {window}"), &measure::throughput(&running, &mut load, window, self.time)?);
        }
        if visit.latency {
            record("latency", &measure::latency(&running, &mut load, RATE, self.time)?);
        }
        Ok(())
    }

    fn crowd(
        &self,
        visit: &Visit,
        running: &Running,
        load: &mut Load,
        record: &mut dyn FnMut(&str, &Value),
    ) -> Result<(), String> {
        let before = process::memory(running.id())?;
        let burst = measure::burst(running, load, visit.clients)?;
        let refused = burst["refused"] != 0;
        record("burst", &burst);
        if refused {
            return Err("clients were refused, so nothing more was measured".into());
        }
        record("memory", &measure::memory(running, load, visit.clients, before)?);
        Ok(())
    }
}
