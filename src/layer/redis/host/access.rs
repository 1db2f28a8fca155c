//! What the connecting code needs: an address joined with login, TLS and the settings of the socket.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use super::super::Secret;
use super::super::connect::Server;

/// After how much silence a connection's peer is probed, and how often: a dead one is noticed after 25 seconds even
/// where nothing is sent.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);

/// Where the host is, without how to get in.
#[derive(Clone)]
pub(super) enum Place {
    Tcp((String, u16)),
    Unix(PathBuf),
    Sentinel { sentinels: Vec<(String, u16)>, master_name: String },
    Cluster(Vec<(String, u16)>),
}

/// How to get to the server that commands go to.
#[derive(Clone)]
pub(in crate::layer::redis) enum Target {
    /// One server, which must be a master.
    Server(ConnectionInfo),
    /// The server that these sentinels say is the master of that name.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master_name: String,
        /// How to get into the address that a sentinel tells.
        master: Access,
    },
    /// One node of a Redis Cluster.
    Node(Server),
    /// A Redis Cluster, of which the seeds are some of the nodes.
    Cluster {
        seeds: Vec<ConnectionInfo>,
        /// How to get into the addresses that a node tells.
        node: Access,
    },
}

/// How to get into a server, wherever it is.
#[derive(Clone, Default)]
pub(in crate::layer::redis) struct Access {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: u32,
    /// An address with TLS, of which everything counts but host and port.
    pub(super) tls: Option<ConnectionAddr>,
}

impl Access {
    /// What connects to a server at this address.
    pub(in crate::layer::redis) fn at(&self, host: &str, port: u16) -> ConnectionInfo {
        let host = host.to_owned();
        self.with(match &self.tls {
            Some(ConnectionAddr::TcpTls { insecure, tls_params, .. }) => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        })
    }

    pub(super) fn with(&self, address: ConnectionAddr) -> ConnectionInfo {
        // Converting an address cannot fail: only texts are parsed.
        let info = address.into_connection_info().expect("an address is one");
        info.set_tcp_settings(tcp_settings()).set_redis_settings(self.login())
    }

    fn login(&self) -> RedisConnectionInfo {
        let login = RedisConnectionInfo::default()
            .set_db(self.database.into())
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name("channel-layers", env!("CARGO_PKG_VERSION"));
        let login = match (&self.username, &self.password) {
            (_, Some(password)) => login.set_password(password.reveal()),
            // A user without a password logs in with the empty one; the library would not log in at all.
            (Some(_), None) => login.set_password(""),
            (None, None) => login,
        };
        match &self.username {
            Some(username) => login.set_username(username),
            None => login,
        }
    }
}

fn tcp_settings() -> TcpSettings {
    let (time, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(retries);
    with_user_timeout(TcpSettings::default().set_nodelay(true).set_keepalive(keepalive))
}

/// Gives a connection up whose peer has acknowledged nothing for this long. Other systems than Linux have no such
/// setting; there the layer's own pings find it.
#[cfg(target_os = "linux")]
fn with_user_timeout(settings: TcpSettings) -> TcpSettings {
    settings.set_user_timeout(Duration::from_secs(15))
}

#[cfg(not(target_os = "linux"))]
fn with_user_timeout(settings: TcpSettings) -> TcpSettings {
    settings
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(place) => f.write_str(&written(place)),
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Sentinel { sentinels, master_name } => {
                write!(f, "{master_name} of the sentinels {}", all_written(sentinels))
            }
            Self::Cluster(nodes) => write!(f, "the cluster of {}", all_written(nodes)),
        }
    }
}

fn all_written(places: &[(String, u16)]) -> String {
    places.iter().map(written).collect::<Vec<_>>().join(", ")
}

fn written((host, port): &(String, u16)) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
