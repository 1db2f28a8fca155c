//! Where a Redis is and how to get into it, in every form in which Django's `hosts` can say it.
//!
//! A [`Host`] is complete when it exists: its certificates are read and its options are understood, so nothing of it
//! can fail later but the network. Nothing here shows a password: not `Debug`, not `Display`, and no error, which is
//! why errors about a URL name its parts and never quote them.

mod access;
mod options;
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "without TLS nobody reads the certificates"))]
mod secure;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod url;

use std::fmt;
use std::path::PathBuf;

use redis::ConnectionAddr;

use crate::{Error, ErrorKind, Result};

use access::Place;
pub(super) use access::{Access, Target};
use options::Options;
pub use secure::{Tls, Verify};

use super::Secret;

/// The port of a Redis that names none.
const PORT: u16 = 6379;
/// The port of a sentinel that names none.
const SENTINEL_PORT: u16 = 26379;

/// One entry of [`RedisConfig::hosts`](super::RedisConfig::hosts): a server, the master that some sentinels know, or a
/// Redis Cluster. `Debug` and `Display` show where it is and leave user names and passwords out.
///
/// ```
/// use channel_layers::layer::redis::Host;
///
/// let one = Host::url("redis://:secret@cache.example.com:6380/2")?;
/// assert_eq!(one.to_string(), "cache.example.com:6380/2");
/// let other = Host::sentinel([("s1", 26379), ("s2", 26379)], "mymaster").with_password("secret");
/// assert_eq!(other.to_string(), "mymaster of the sentinels s1:26379, s2:26379");
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone)]
pub struct Host {
    place: Place,
    /// How to get into the server that commands go to.
    access: Access,
    /// How to get into the sentinels.
    sentinel: Access,
    /// The host as logs and errors name it.
    name: String,
}

impl Host {
    /// A host by its URL. Characters with a meaning in URLs, such as `@`, `/`, `#` and `?` in a password, are written as
    /// `%40`, `%2F`, `%23` and `%3F`.
    ///
    /// | URL | what it is |
    /// |---|---|
    /// | `redis://[user][:password]@host:port/database` | a server; port 6379 and database 0 where they are missing |
    /// | `rediss://…` | the same with TLS |
    /// | `unix:///path?db=database` | a server on a Unix socket |
    /// | `redis-cluster://[user][:password]@host:port,host:port` | a Redis Cluster, by some of its nodes; `rediss-cluster` with TLS |
    /// | `redis-sentinel://[user][:password]@host:port,host:port/master?db=database` | the master of this name, by its sentinels; the login is the master's; `rediss-sentinel` with TLS to the master |
    ///
    /// Options follow a `?` and are named as redis-py's, see [`with_options`](Self::with_options).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], saying which part is wrong but not quoting it; also for TLS where the crate was built
    /// without its feature `tls`, and for a file of certificates that cannot be read.
    pub fn url(url: &str) -> Result<Self> {
        Self::url_with_options(url, [])
    }

    /// As [`url`](Self::url), with options that the URL does not give itself.
    ///
    /// # Errors
    ///
    /// As [`url`](Self::url) and [`with_options`](Self::with_options).
    pub fn url_with_options<'a>(url: &str, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut given = Options::new(options)?;
        let (place, own) = url::parse(url)?;
        given.replace_by(own);
        Self::new(place).apply(&given)
    }

    /// A server by its name or address and its port.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::new(Place::Tcp((host.into(), port)))
    }

    /// A server on a Unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Place::Unix(path.into()))
    }

    /// The server that the first of these sentinels to answer says is the master of this name. Login, database and TLS
    /// of the host are the master's; the sentinels' own are set with
    /// [`with_sentinel_login`](Self::with_sentinel_login) and [`with_sentinel_tls`](Self::with_sentinel_tls).
    pub fn sentinel(
        sentinels: impl IntoIterator<Item = (impl Into<String>, u16)>,
        master_name: impl Into<String>,
    ) -> Self {
        let sentinels = sentinels.into_iter().map(|(host, port)| (host.into(), port)).collect();
        Self::new(Place::Sentinel { sentinels, master_name: master_name.into() })
    }

    /// A Redis Cluster, by some of its nodes. It counts as one host, and its login and TLS are those of every node.
    pub fn cluster(nodes: impl IntoIterator<Item = (impl Into<String>, u16)>) -> Self {
        Self::new(Place::Cluster(nodes.into_iter().map(|(host, port)| (host.into(), port)).collect()))
    }

    /// A Redis Cluster by the URLs of some of its nodes, with options that they do not give themselves. Login and TLS
    /// may stand in any of them.
    pub(crate) fn cluster_of_urls<'a>(
        urls: impl IntoIterator<Item = &'a str>,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let (mut nodes, mut given) = (Vec::new(), Options::new(options)?);
        for url in urls {
            let (place, own) = url::parse(url)?;
            let Place::Tcp(node) = place else {
                return Err(Error::new(ErrorKind::Config, "a node of a cluster has the URL redis://HOST:PORT"));
            };
            nodes.push(node);
            given.replace_by(own);
        }
        Self::new(Place::Cluster(nodes)).apply(&given)
    }

    fn new(place: Place) -> Self {
        Self { name: place.to_string(), place, access: Access::default(), sentinel: Access::default() }
    }

    /// Logs in with this password. Default: none.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.access.password = Some(Secret::new(password));
        self
    }

    /// Logs in as this user. Default: Redis' user `default`.
    #[must_use]
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.access.username = Some(username.into());
        self
    }

    /// Uses the database of this number; a Redis Cluster has only 0. Default: 0.
    #[must_use]
    pub fn with_database(mut self, database: u32) -> Self {
        self.access.database = database;
        self.name = match (&self.place, database) {
            (place, 0) => place.to_string(),
            (Place::Tcp(_), _) => format!("{}/{database}", self.place),
            (place, _) => format!("{place}, database {database}"),
        };
        self
    }

    /// Connects with TLS. Default: without.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: the crate was built without its feature `tls`, or a file cannot be read or holds something
    /// else than it should; the text names the file.
    pub fn with_tls(mut self, tls: &Tls) -> Result<Self> {
        if matches!(self.place, Place::Unix(_)) {
            return Err(Error::new(ErrorKind::Config, "a Unix socket has no TLS: leave it off"));
        }
        self.access.tls = Some(tls::template(tls)?);
        Ok(self)
    }

    /// Logs in to the sentinels as this user, or as their user `default`. Default: without login.
    #[must_use]
    pub fn with_sentinel_login(mut self, username: Option<&str>, password: impl Into<String>) -> Self {
        self.sentinel.username = username.map(str::to_owned);
        self.sentinel.password = Some(Secret::new(password));
        self
    }

    /// Connects to the sentinels with TLS. Default: without.
    ///
    /// # Errors
    ///
    /// As [`with_tls`](Self::with_tls).
    pub fn with_sentinel_tls(mut self, tls: &Tls) -> Result<Self> {
        self.sentinel.tls = Some(tls::template(tls)?);
        Ok(self)
    }

    /// Sets options by the names that redis-py has for them, as a URL's query and the maps of Django's `hosts` do.
    ///
    /// With a meaning here: `db`, `username`, `password`; `ssl` (switches TLS on), `ssl_ca_certs`, `ssl_certfile` and
    /// `ssl_keyfile` (PEM files), `ssl_ca_data` (PEM text), `ssl_cert_reqs` (`none`, `optional`, `required`),
    /// `ssl_check_hostname`.
    ///
    /// Accepted without an effect, because the layers decide these things for themselves: `client_name`,
    /// `decode_responses`, `encoding`, `encoding_errors`, `health_check_interval` (the layer asks every server for a
    /// sign of life every few seconds), `lib_name`, `lib_version`, `max_connections`, `protocol` (always RESP3), `retry`,
    /// `retry_on_error`, `retry_on_timeout` (a lost connection is always made anew), `single_connection_client`,
    /// `socket_connect_timeout`, `socket_timeout` and `timeout` ([`RedisConfig::timeout`](super::RedisConfig::timeout)
    /// stands for them), `socket_keepalive`, `socket_keepalive_options` (always on), `socket_read_size`, `socket_type`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming the option: nobody knows it, it cannot be kept here (`ssl_ca_path`,
    /// `ssl_ciphers`, `ssl_min_version`, `ssl_password` and `ssl_validate_ocsp` with its kin), its value is none, or it
    /// is about TLS and the host has none. Also as [`with_tls`](Self::with_tls).
    pub fn with_options<'a>(self, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let options = Options::new(options)?;
        self.apply(&options)
    }

    /// Sets options of the sentinels' connections, as Django's `sentinel_kwargs`, by the names of
    /// [`with_options`](Self::with_options).
    ///
    /// # Errors
    ///
    /// As [`with_options`](Self::with_options); `db` too, which sentinels do not have.
    pub fn with_sentinel_options<'a>(mut self, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let options = Options::new(options)?;
        if options.database.is_some() {
            return Err(Error::new(ErrorKind::Config, "option \"db\": a sentinel has no databases"));
        }
        if let Some(tls) = options.tls()? {
            self = self.with_sentinel_tls(&tls)?;
        }
        options.log_in(&mut self.sentinel);
        Ok(self)
    }

    fn apply(mut self, options: &Options) -> Result<Self> {
        if let Some(tls) = options.tls()? {
            self = self.with_tls(&tls)?;
        }
        options.log_in(&mut self.access);
        match options.database {
            Some(database) if database != 0 && matches!(self.place, Place::Cluster(_)) => {
                Err(Error::new(ErrorKind::Config, "a Redis Cluster has only database 0"))
            }
            Some(database) => Ok(self.with_database(database)),
            None => Ok(self),
        }
    }

    /// How logs, errors and events name it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How to get there.
    pub(super) fn target(&self) -> Target {
        let at = |access: &Access, places: &[(String, u16)]| {
            places.iter().map(|(host, port)| access.at(host, *port)).collect()
        };
        match &self.place {
            Place::Tcp((host, port)) => Target::Server(self.access.at(host, *port)),
            Place::Unix(path) => Target::Server(self.access.with(ConnectionAddr::Unix(path.clone()))),
            Place::Sentinel { sentinels, master_name } => Target::Sentinel {
                sentinels: at(&self.sentinel, sentinels),
                master_name: master_name.clone(),
                master: self.access.clone(),
            },
            Place::Cluster(nodes) => Target::Cluster { seeds: at(&self.access, nodes), node: self.access.clone() },
        }
    }
}

/// `redis://localhost:6379`.
impl Default for Host {
    fn default() -> Self {
        Self::tcp("localhost", PORT)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.name)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
