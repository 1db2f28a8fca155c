//! Which server a name belongs to, and sending commands there: by the ring that `channels_redis` uses over its hosts,
//! and within a Redis Cluster, which is one of the hosts, by the slot of the key.
//!
//! A command that may have been executed is never sent again: only the ones that the server refused to look at are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{
    Cmd, ErrorKind as Kind, FromRedisValue, Pipeline, RedisError, ServerErrorKind, Value, cmd, from_redis_value,
};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::cluster::{Cluster, Entrance, Seat};
use super::config::RedisConfig;
use super::connect::{self, Needs, Opened, Refusal, Server};
use super::fault;
use super::host::{Host, Target};
use super::link::{Link, Listener};
use super::script::Script;
use super::wire::{ring, slot};
use crate::{Error, ErrorKind, Result};

/// How many keys one look for keys looks at.
const SCANNED: usize = 1000;

/// Where a key or a Redis channel lives: the how many-th host, and the slot there, which is 0 everywhere but in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    host: usize,
    slot: u16,
}

impl Place {
    /// The one of [`Topology::places`] that stands for the host.
    pub(super) fn of_host(self) -> Self {
        Self { slot: 0, ..self }
    }

    pub(super) fn shares_host(self, other: Self) -> bool {
        self.host == other.host
    }
}

/// The servers of a layer.
pub(super) struct Topology {
    hosts: Vec<Member>,
    patience: Duration,
    /// The host of the next thing that may go anywhere.
    next: AtomicUsize,
}

/// One of the hosts.
pub(super) enum Member {
    Alone { link: Link, target: Box<Target> },
    Cluster(Cluster),
}

/// The server of a place right now, for a connection of one's own.
pub(super) struct Route {
    /// What commands about that connection go through: its number means something to this server alone.
    pub(super) link: Link,
    pub(super) server: Server,
    seat: Option<Seat>,
}

impl Topology {
    /// Begins to connect to every host; `sharded` is what the nodes of a cluster must be.
    ///
    /// # Errors
    ///
    /// There is no host.
    pub(super) fn new(config: &RedisConfig, sharded: Needs, runtime: &Handle) -> Result<Self> {
        if config.hosts.is_empty() {
            return Err(Error::new(ErrorKind::Config, "no Redis hosts: name at least one"));
        }
        let member = |host: &Host| match host.target() {
            Target::Cluster { seeds, node } => {
                let (host, patience) = (host.name().into(), config.timeout);
                Member::Cluster(Cluster::new(Entrance { host, seeds, node, needs: sharded, patience }, runtime))
            }
            target => {
                let link = Link::new(host.name(), target.clone(), config.timeout, None, runtime);
                Member::Alone { link, target: Box::new(target) }
            }
        };
        Ok(Self {
            hosts: config.hosts.iter().map(member).collect(),
            patience: config.timeout,
            next: AtomicUsize::new(0),
        })
    }

    /// Waits until every server was reached once.
    pub(super) async fn settled(&self) -> Result<()> {
        for member in &self.hosts {
            match member {
                Member::Alone { link, .. } => link.settled().await?,
                Member::Cluster(cluster) => cluster.settled().await?,
            }
        }
        Ok(())
    }

    /// The place of a key, which `channels_redis` finds by hashing another text.
    pub(super) fn place(&self, hashed: &str, key: &str) -> Place {
        self.on_host(ring::shard(hashed, self.hosts.len()), key)
    }

    /// The places where a key may be found.
    pub(super) fn places_of(&self, key: &str) -> impl Iterator<Item = Place> {
        (0..self.hosts.len()).map(move |host| self.on_host(host, key))
    }

    /// The next place in turn for a key that may be at any.
    pub(super) fn turn(&self, key: &str) -> Place {
        self.on_host(self.next.fetch_add(1, Ordering::Relaxed) % self.hosts.len(), key)
    }

    /// The place of a key on the host of another.
    pub(super) fn beside(&self, place: Place, key: &str) -> Place {
        self.on_host(place.host, key)
    }

    fn on_host(&self, host: usize, key: impl AsRef<[u8]>) -> Place {
        match self.hosts[host] {
            Member::Alone { .. } => Place { host, slot: 0 },
            Member::Cluster(_) => Place { host, slot: slot::slot(key) },
        }
    }

    /// One place of each host.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.hosts.len()).map(|host| Place { host, slot: 0 })
    }

    /// Whether one of the hosts is a cluster.
    pub(super) fn has_cluster(&self) -> bool {
        self.hosts.iter().any(|member| matches!(member, Member::Cluster(_)))
    }

    pub(super) fn member(&self, place: Place) -> &Member {
        &self.hosts[place.host]
    }

    /// The host of a place, as logs and events name it.
    pub(super) fn host(&self, place: Place) -> &Arc<str> {
        match self.member(place) {
            Member::Alone { link, .. } => link.host(),
            Member::Cluster(cluster) => cluster.host(),
        }
    }

    /// A second link to a place on a server of its own, for what the server sends without being asked.
    pub(super) fn listener(&self, place: Place, push: Listener, runtime: &Handle) -> Option<Link> {
        let Member::Alone { link, target } = self.member(place) else { return None };
        Some(Link::new(link.host(), Target::clone(target), self.patience, Some(push), runtime))
    }

    /// Ends every connection.
    pub(super) fn end(&self) {
        for member in &self.hosts {
            match member {
                Member::Alone { link, .. } => link.end(),
                Member::Cluster(cluster) => cluster.end(),
            }
        }
    }

    /// How long a verb waits for a server.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The server of a place right now, for a connection of one's own.
    pub(super) async fn route(&self, place: Place) -> Result<Route, Refusal> {
        match self.member(place) {
            Member::Alone { link, target } => {
                Ok(Route { link: link.clone(), server: connect::resolve(target).await?, seat: None })
            }
            Member::Cluster(cluster) => {
                let seat = cluster.seat(place.slot)?;
                Ok(Route { link: seat.link.clone(), server: seat.server.clone(), seat: Some(seat) })
            }
        }
    }

    /// Waits until a place is on another server, which only a slot of a cluster can be.
    pub(super) async fn left(&self, place: Place, route: &Route) {
        match (self.member(place), &route.seat) {
            (Member::Cluster(cluster), Some(seat)) => cluster.left(place.slot, seat).await,
            _ => std::future::pending().await,
        }
    }

    /// Takes note of an error on a connection of one's own. Returns whether it says that the place is on another server.
    pub(super) fn learn(&self, place: Place, route: &Route, fault: &RedisError) -> bool {
        match (self.member(place), &route.seat) {
            (Member::Cluster(cluster), Some(seat)) => cluster.learn(seat, fault),
            _ => false,
        }
    }

    /// Sends a command to a place and waits for its answer.
    pub(super) async fn query<T: FromRedisValue>(&self, place: Place, command: &Cmd) -> Result<T> {
        match self.member(place) {
            Member::Alone { link, .. } => {
                let mut opened = self.up(link).await?;
                command.query_async(&mut opened.connection).await.map_err(|e| failed(link, e))
            }
            Member::Cluster(cluster) => {
                let answers = cluster.run(&[(place.slot, command)]).await?;
                read(cluster.host(), answers.into_iter().next().unwrap_or(Value::Nil))
            }
        }
    }

    /// Sends commands, all of a server in one go, and waits for their answers. Those of one place are executed in order;
    /// some may have been when one fails.
    pub(super) async fn batch(&self, commands: &[(Place, Cmd)]) -> Result<Vec<Value>> {
        let mut by_host: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, (place, _)) in commands.iter().enumerate() {
            by_host.entry(place.host).or_default().push(at);
        }
        let mut answers = vec![Value::Nil; commands.len()];
        for (host, parcel) in by_host {
            let answered = match &self.hosts[host] {
                Member::Alone { link, .. } => {
                    let mut pipeline = Pipeline::with_capacity(parcel.len());
                    for at in &parcel {
                        pipeline.add_command(commands[*at].1.clone());
                    }
                    self.send(link, &pipeline).await?
                }
                Member::Cluster(cluster) => {
                    let routed = parcel.iter().map(|at| (commands[*at].0.slot, &commands[*at].1));
                    cluster.run(&routed.collect::<Vec<_>>()).await?
                }
            };
            for (at, answer) in parcel.into_iter().zip(answered) {
                answers[at] = answer;
            }
        }
        Ok(answers)
    }

    async fn send(&self, link: &Link, commands: &Pipeline) -> Result<Vec<Value>> {
        let mut opened = self.up(link).await?;
        let answers = opened.connection.req_packed_commands(commands, 0, commands.len()).await;
        let answers = answers.and_then(|answers| answers.into_iter().map(Value::extract_error).collect());
        answers.map_err(|e| failed(link, e))
    }

    /// Runs a script at a place. A server that does not know it has not run it, and is then sent all of it.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        place: Place,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T> {
        match self.query(place, &script.by_digest(keys, arguments)).await {
            Err(e) if fault::is_from(&e, Kind::Server(ServerErrorKind::NoScript)) => {
                self.query(place, &script.in_full(keys, arguments)).await
            }
            ran => ran,
        }
    }

    /// Deletes every key that matches a pattern, without holding up the servers.
    pub(super) async fn delete(&self, pattern: &str) -> Result<()> {
        for (host, member) in self.hosts.iter().enumerate() {
            match member {
                Member::Alone { link, .. } => self.delete_at(host, link, pattern).await?,
                Member::Cluster(cluster) => {
                    for (_, link) in cluster.masters() {
                        self.delete_at(host, &link, pattern).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Deletes what a server says that it has.
    async fn delete_at(&self, host: usize, link: &Link, pattern: &str) -> Result<()> {
        let mut cursor = String::from("0");
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
            let mut opened = self.up(link).await?;
            let answer = scan.query_async(&mut opened.connection).await;
            let (next, keys): (String, Vec<Vec<u8>>) = answer.map_err(|e| failed(link, e))?;
            let unlink = |key: Vec<u8>| {
                let place = self.on_host(host, &key);
                (place, cmd("UNLINK").arg(key).take())
            };
            self.batch(&keys.into_iter().map(unlink).collect::<Vec<_>>()).await?;
            cursor = next;
            if cursor == "0" {
                return Ok(());
            }
        }
    }

    async fn up(&self, link: &Link) -> Result<Opened> {
        match link.now() {
            Some(opened) => Ok(opened),
            None => timeout(self.patience, link.up()).await.map_err(|_| link.unreachable()),
        }
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.places().map(|place| self.host(place))).finish()
    }
}

/// Reads an answer.
pub(super) fn read<T: FromRedisValue>(host: &str, answer: Value) -> Result<T> {
    from_redis_value(answer).map_err(|e| fault::error(host, e.into()))
}

/// Has the link looked after where an error gives reason to, and says what it means.
fn failed(link: &Link, error: RedisError) -> Error {
    if error.is_io_error() || fault::is_demoted(&error) {
        link.suspect();
    }
    fault::error(link.host(), error)
}
