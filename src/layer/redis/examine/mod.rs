//! What a Redis says of itself, as far as a layer depends on it: facts, and no judgement.
//!
//! What must stay true: looking changes nothing. Commands that write are tried with arguments that find nothing to write.

mod trials;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionInfo, cmd};

use super::cluster;
use super::config::RedisConfig;
use super::connect::{self, Needs, Refusal, Server};
use super::host::{Access, Host, Target};
use super::now;
use crate::{Error, ErrorKind, Result};
pub(super) use trials::Job;

/// How often a server is asked what time it is. The answer that came soonest says it best.
const GLANCES: usize = 5;

/// The settings that are asked for.
const SETTINGS: [&str; 8] = [
    "appendfsync",
    "appendonly",
    "client-output-buffer-limit",
    "maxclients",
    "maxmemory",
    "maxmemory-policy",
    "stop-writes-on-bgsave-error",
    "timeout",
];

/// A server of a layer, and what it says of itself; see [`RedisLayer::examine`](super::RedisLayer::examine).
#[derive(Debug)]
#[non_exhaustive]
pub struct Examined {
    /// Where it is, without its password. The masters of a cluster are named one by one.
    pub server: String,
    /// What it says, or why no layer can use it.
    pub facts: Result<ServerFacts>,
}

/// What a Redis says of itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerFacts {
    /// How long a small question and its answer take.
    pub round_trip: Duration,
    /// How many seconds its clock is ahead of ours, or behind where that is negative; half the round trip is in doubt.
    /// Nothing where the user may not ask.
    pub clock_ahead: Option<f64>,
    /// The commands of the layer that the server does not do for this user.
    pub refused: Vec<RefusedCommand>,
    info: HashMap<String, String>,
    settings: HashMap<String, String>,
}

/// A command of a layer that a server does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedCommand {
    /// Its name.
    pub command: String,
    /// Whether the server knows it, and the user may not.
    pub forbidden: bool,
    /// Whether the layer does not work without it.
    pub needed: bool,
    /// What is missing without it.
    pub without: &'static str,
}

impl ServerFacts {
    /// A field of `INFO`, such as `redis_version`; nothing where the user may not ask.
    pub fn info(&self, field: &str) -> Option<&str> {
        self.info.get(field).map(String::as_str)
    }

    /// A setting as `CONFIG GET` tells it, such as `maxmemory-policy`; nothing where the user may not ask, as with most
    /// hosted servers.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }
}

/// A server to be looked at, or why it is not known where it is.
struct Found {
    name: String,
    server: Result<Server, Refusal>,
}

/// Looks at every server of the settings.
pub(super) async fn examine(config: &RedisConfig, job: Job) -> Vec<Examined> {
    let found = join_all(config.hosts.iter().map(|host| find(host, job))).await;
    let examined = found.into_iter().flatten().map(|Found { name, server }| async {
        let facts = match server {
            Ok(server) => look(&server, config, job).await,
            Err(refusal) => Err(refusal),
        };
        let unusable = |refusal: Refusal| {
            Error::new(ErrorKind::Unavailable, format!("Redis {name} cannot be used: {}", refusal.reason))
        };
        Examined { facts: facts.map_err(unusable), server: name }
    });
    join_all(examined).await
}

async fn find(host: &Host, job: Job) -> Vec<Found> {
    let alone = |server| vec![Found { name: host.to_string(), server }];
    match host.target() {
        Target::Cluster { seeds, node } => match masters(&seeds, &node, job.needs(true)).await {
            Ok(masters) => masters,
            Err(refusal) => alone(Err(refusal)),
        },
        target => alone(connect::resolve(&target).await.map(|server| Server { needs: job.needs(false), ..server })),
    }
}

/// The masters of a cluster, as the first of its nodes to answer tells them.
async fn masters(seeds: &[ConnectionInfo], node: &Access, needs: Needs) -> Result<Vec<Found>, Refusal> {
    let mut refusal = Refusal::passing("it has no seeds");
    for seed in seeds {
        match connect::ask_seed(seed).await {
            Ok((slots, _)) => {
                let addresses = cluster::masters(&slots, seed);
                let server = |info| Server { info, needs, clustered: true };
                return Ok(addresses
                    .iter()
                    .map(|at| Found { name: at.to_string(), server: Ok(server(node.at(&at.host, at.port))) })
                    .collect());
            }
            Err(refused) => refusal = refused,
        }
    }
    Err(refusal)
}

async fn look(server: &Server, config: &RedisConfig, job: Job) -> Result<ServerFacts, Refusal> {
    let opened = connect::open(server, Some(config.timeout), Arc::new(|_| ())).await?;
    let mut connection = opened.connection;
    let (clock_ahead, round_trip) = clock(&mut connection).await;
    let refused = trials::refused(&mut connection, config, job, opened.version, server.clustered).await;
    let info: String = cmd("INFO").query_async(&mut connection).await.unwrap_or_default();
    let fields = info.lines().filter_map(|line| line.trim_end().split_once(':'));
    let info = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut settings = HashMap::new();
    for name in SETTINGS {
        // Only Redis 7 answers to several names at once.
        let answer = cmd("CONFIG").arg("GET").arg(name).query_async::<HashMap<String, String>>(&mut connection).await;
        settings.extend(answer.unwrap_or_default());
    }
    Ok(ServerFacts { round_trip, clock_ahead, refused, info, settings })
}

/// How far the server's clock is ahead, and how long it takes to ask. An answer that is no time took its time as well.
async fn clock(connection: &mut MultiplexedConnection) -> (Option<f64>, Duration) {
    let (mut ahead, mut soonest) = (None, Duration::MAX);
    for _ in 0..GLANCES {
        let (begun, before) = (Instant::now(), now());
        let answer = cmd("TIME").query_async::<(u64, u64)>(connection).await;
        let took = begun.elapsed();
        if took < soonest {
            soonest = took;
            let asked = before.as_secs_f64() + took.as_secs_f64() / 2.0;
            ahead = answer.ok().map(|(seconds, micros)| {
                let theirs = Duration::from_secs(seconds) + Duration::from_micros(micros);
                theirs.as_secs_f64() - asked
            });
        }
    }
    (ahead, soonest)
}
