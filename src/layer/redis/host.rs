//! Where a Redis is, in every form in which Django's `hosts` can say it.

use std::fmt;

use redis::{ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use crate::{Error, ErrorKind, Result};

/// One entry of [`RedisConfig::hosts`](super::RedisConfig::hosts). `Debug` and `Display` leave passwords out.
#[derive(Clone)]
pub struct Host {
    /// The host as logs and errors name it.
    name: String,
    target: Target,
}

/// How to get to the server that commands go to.
#[derive(Clone)]
pub(super) enum Target {
    /// One server, which must be a master.
    Server(ConnectionInfo),
    /// The server that these sentinels say is the master of that name.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master_name: String,
        /// How to log in to the master.
        login: RedisConnectionInfo,
    },
    /// A Redis Cluster, of which these are some of the nodes.
    Cluster(Vec<ConnectionInfo>),
}

impl Host {
    /// A server by its URL: `redis://[user][:password]@host:port/database`, `rediss://` for TLS, or
    /// `unix:///path?db=database`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming the URL without its password, where it is none of these.
    pub fn url(url: &str) -> Result<Self> {
        let info = url.into_connection_info().map_err(|e| {
            Error::new(ErrorKind::Config, format!("not the URL of a Redis: {e}; write redis://HOST:PORT/DATABASE"))
        })?;
        Ok(Self { name: info.addr().to_string(), target: Target::Server(info) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }
}

/// `redis://localhost:6379`.
impl Default for Host {
    fn default() -> Self {
        Self::url("redis://localhost:6379").expect("it is a URL")
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
