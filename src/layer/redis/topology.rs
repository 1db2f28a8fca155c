//! Which server a name belongs to, and sending commands there: by the ring that `channels_redis` uses over its hosts.
//!
//! A command that may have been executed is never sent again: only the ones that the server refused to look at are.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{Cmd, ConnectionInfo, FromRedisValue, Pipeline, RedisError, cmd};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::config::RedisConfig;
use super::connect::{self, OnPush, Opened, Refusal};
use super::fault;
use super::host::{Host, Target};
use super::link::Link;
use super::script::Script;
use super::wire::ring;
use crate::{Error, ErrorKind, Result};

/// How many keys one look for keys looks at.
const SCANNED: usize = 1000;

/// Where a key or a Redis channel lives: the how many-th host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place(usize);

/// The servers of a layer.
pub(super) struct Topology {
    hosts: Vec<Server>,
    patience: Duration,
    /// The place of the next thing that may go anywhere.
    next: AtomicUsize,
}

struct Server {
    link: Link,
    target: Target,
}

impl Topology {
    /// Begins to connect to every host.
    ///
    /// # Errors
    ///
    /// There is no host.
    pub(super) fn new(config: &RedisConfig, runtime: &Handle) -> Result<Self> {
        if config.hosts.is_empty() {
            return Err(Error::new(ErrorKind::Config, "no Redis hosts: name at least one"));
        }
        let server = |host: &Host| Server {
            link: Link::new(host.name(), host.target(), config.timeout, None, runtime),
            target: host.target(),
        };
        Ok(Self {
            hosts: config.hosts.iter().map(server).collect(),
            patience: config.timeout,
            next: AtomicUsize::new(0),
        })
    }

    /// Waits until every server was reached once.
    pub(super) async fn settled(&self) -> Result<()> {
        for server in &self.hosts {
            server.link.settled().await?;
        }
        Ok(())
    }

    /// The place of a key, which `channels_redis` finds by hashing another text.
    pub(super) fn place(&self, hashed: &str, _key: &str) -> Place {
        Place(ring::shard(hashed, self.hosts.len()))
    }

    /// The places where a key may be found.
    pub(super) fn places_of(&self, _key: &str) -> impl Iterator<Item = Place> + use<> {
        self.places()
    }

    /// The next place in turn for a key that may be at any.
    pub(super) fn turn(&self, _key: &str) -> Place {
        Place(self.next.fetch_add(1, Ordering::Relaxed) % self.hosts.len())
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.hosts.len()).map(Place)
    }

    /// How many keys a script may touch at a place.
    pub(super) fn keys_per_script(&self, most: usize) -> usize {
        most
    }

    pub(super) fn link(&self, place: Place) -> &Link {
        &self.hosts[place.0].link
    }

    /// A second link to a place, for what the server sends without being asked.
    pub(super) fn listener(&self, place: Place, push: OnPush, runtime: &Handle) -> Link {
        let server = &self.hosts[place.0];
        Link::new(server.link.host(), server.target.clone(), self.patience, Some(push), runtime)
    }

    /// Ends every connection.
    pub(super) fn end(&self) {
        self.hosts.iter().for_each(|server| server.link.end());
    }

    /// How long a verb waits for a server.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The server of a place right now, for a connection of one's own.
    pub(super) async fn address(&self, place: Place) -> Result<ConnectionInfo, Refusal> {
        connect::resolve(&self.hosts[place.0].target).await
    }

    /// Sends a command to a place and waits for its answer.
    pub(super) async fn query<T: FromRedisValue>(&self, place: Place, command: &Cmd) -> Result<T> {
        let (link, mut opened) = self.up(place).await?;
        command.query_async(&mut opened.connection).await.map_err(|e| failed(link, e))
    }

    /// Sends commands to a place in one go and waits for their answers.
    pub(super) async fn pipeline<T: FromRedisValue>(&self, place: Place, commands: &Pipeline) -> Result<T> {
        let (link, mut opened) = self.up(place).await?;
        commands.query_async(&mut opened.connection).await.map_err(|e| failed(link, e))
    }

    /// Runs a script at a place.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        place: Place,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T> {
        let (link, mut opened) = self.up(place).await?;
        script.run(&mut opened.connection, keys, arguments).await.map_err(|e| failed(link, e))
    }

    /// Deletes every key that matches a pattern, without holding up the servers.
    pub(super) async fn delete(&self, pattern: &str) -> Result<()> {
        for place in self.places() {
            let mut cursor = String::from("0");
            loop {
                let mut scan = cmd("SCAN");
                scan.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
                let (next, keys): (String, Vec<Vec<u8>>) = self.query(place, &scan).await?;
                if !keys.is_empty() {
                    self.query::<()>(place, cmd("UNLINK").arg(keys)).await?;
                }
                cursor = next;
                if cursor == "0" {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn up(&self, place: Place) -> Result<(&Link, Opened)> {
        let link = self.link(place);
        match link.now() {
            Some(opened) => Ok((link, opened)),
            None => match timeout(self.patience, link.up()).await {
                Ok(opened) => Ok((link, opened)),
                Err(_) => Err(link.unreachable()),
            },
        }
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hosts.iter().map(|server| &server.link)).finish()
    }
}

/// Has the link looked after where an error gives reason to, and says what it means.
fn failed(link: &Link, error: RedisError) -> Error {
    if error.is_io_error() || fault::is_demoted(&error) {
        link.suspect();
    }
    fault::error(link.host(), error)
}
