//! What is measured of which server, how long and how often.

use std::time::Duration;

use crate::servers::Server;

/// One visit of a server: its clients, and what they measure one after the other.
pub(crate) struct Visit {
    pub(crate) servers: Vec<Server>,
    pub(crate) clients: usize,
    /// All clients connect at once, and are idle for a while, which are measurements too.
    pub(crate) burst: bool,
    pub(crate) windows: Vec<u64>,
    pub(crate) latency: bool,
    /// Not in every round, where it takes long: the rounds before this one.
    pub(crate) rounds: usize,
}

pub(crate) struct Plan {
    /// For the report, which says so unless it is all.
    pub(crate) name: &'static str,
    pub(crate) visits: Vec<Visit>,
    /// For each measurement of deliveries.
    pub(crate) time: Duration,
}

impl Plan {
    /// For the report.
    pub(crate) fn full() -> Self {
        let with_peers: Vec<_> = Server::ALL.into_iter().filter(|server| *server != Server::Channels).collect();
        let thousand =
            Visit { servers: with_peers, clients: 1000, burst: false, windows: vec![1, 16], latency: true, rounds: 5 };
        let django = Visit {
            servers: vec![Server::Gateway, Server::Channels],
            clients: 500,
            burst: false,
            windows: vec![1],
            latency: false,
            rounds: 3,
        };
        let fast = vec![Server::Gateway, Server::Uws, Server::Centrifuge, Server::SocketIo];
        let crowd =
            Visit { servers: fast, clients: 10_000, burst: true, windows: vec![1, 16], latency: false, rounds: 3 };
        let slow = Visit {
            servers: vec![Server::Channels],
            clients: 10_000,
            burst: true,
            windows: vec![],
            latency: false,
            rounds: 1,
        };
        Self { name: "full", visits: vec![thousand, django, crowd, slow], time: Duration::from_secs(3) }
    }

    /// A look at the same, for the terminal.
    pub(crate) fn quick() -> Self {
        let mut plan = Self { name: "quick", ..Self::full() };
        plan.visits.pop();
        for visit in &mut plan.visits {
            visit.rounds = 1;
        }
        plan.visits[0].rounds = 3;
        plan.visits[0].servers.retain(|server| *server != Server::GatewayTwo);
        plan.visits[2].servers.truncate(2);
        plan.time = Duration::from_secs(1);
        plan
    }

    /// The gateway alone.
    pub(crate) fn ours() -> Self {
        let mut plan = Self { name: "ours", ..Self::full() };
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
        Self { name: "taste", visits: vec![visit], time: Duration::from_millis(100) }
    }

    /// Leaves out the servers that are not named, if any is.
    pub(crate) fn keep(&mut self, names: &[String]) {
        let named = |server: &Server| names.iter().any(|name| name == server.name());
        if Server::ALL.iter().any(named) {
            self.name = "part";
            self.visits.iter_mut().for_each(|visit| visit.servers.retain(named));
        }
    }
}
