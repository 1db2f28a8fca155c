//! The settings of a gateway of its own, as the binary's `serve` has them: one table, four sources.
//!
//! Every [`Setting`] has one name in three spellings: `frame_limit` in the table `[gateway]` of a TOML file,
//! `CHANNEL_LAYERS_FRAME_LIMIT` in the environment, `--frame-limit` on the command line. Where several of them speak, **a flag
//! counts more than the environment, that more than the file, that more than the default**. All of it is read once, into a
//! value that no longer changes; what is wrong is told at once, whether or not something else overrides it.
//!
//! ```
//! use channel_layers::config::{Setting, Sources};
//!
//! let environment = [("CHANNEL_LAYERS_PING", "20s"), ("CHANNEL_LAYERS_FRAME_LIMIT", "16KiB")];
//! let mut sources = Sources::new(environment);
//! sources.toml("[gateway]\nping = 30\n");
//! sources.flag("listen", ["127.0.0.1:0"]);
//! let resolved = sources.resolve()?;
//! assert_eq!(resolved.config().listen, "127.0.0.1:0");
//! assert_eq!(resolved.config().gateway.ping.as_secs(), 20);
//! assert_eq!(resolved.config().gateway.frame_limit, 16 * 1024);
//! # Ok::<(), channel_layers::Error>(())
//! ```
//!
//! Times are seconds, or texts such as `10s`, `500ms`, `1m`; sizes are bytes, or texts such as `64KiB`. An empty variable
//! is none, as in `LayersConfig::from_env`, and an empty text leaves a setting out that need not be there. Lists are
//! written between commas in the environment, and a value at a time on the command line.
//!
//! The same file holds the layers; the environment's layers count more than the file's.

mod kind;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod units;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use super::problems::Problems;
use crate::gateway::GatewayConfig;
use crate::gateway::auth::callback::CallbackConfig;
use crate::gateway::auth::token::{Key, KeySource, TokenConfig};
use crate::layer::redis::Secret;

pub use kind::Shape;
pub use sources::{Origin, Resolved, Sources};
pub use table::Setting;
pub use units::parse_time;
pub use write::default_toml;

/// What a gateway of its own needs to know, resolved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen, as `HOST:PORT`. Default: `127.0.0.1:8000`.
    pub listen: String,
    /// Whether to serve the chat page. Default: false.
    pub demo: bool,
    /// How many tasks the sockets are spread over. Default: one for each core.
    pub shards: Option<usize>,
    /// The certificate to serve TLS with, with its chain, in PEM. Default: none, for HTTP and WS.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    pub tls_key: Option<PathBuf>,
    /// What is logged. Default: `warn,channel_layers=info`.
    pub log: String,
    /// How it is logged. Default: as text.
    pub log_format: LogFormat,
    /// How many WebSockets one address may have. Default: unlimited.
    pub address_connections: Option<usize>,
    /// A secret that tokens may be signed with. Default: none.
    pub token_secret: Option<Secret>,
    /// Files with one such secret each.
    pub token_secret_file: Vec<PathBuf>,
    /// Files with a public key in PEM each.
    pub token_key_file: Vec<PathBuf>,
    /// Files with a set of keys each.
    pub jwks_file: Vec<PathBuf>,
    /// Where sets of keys are published.
    pub jwks_url: Vec<String>,
    /// How tokens are checked. Its keys are those of the fields above.
    pub tokens: TokenConfig,
    /// Who is asked who clients are. Default: nobody.
    pub connect_url: Option<String>,
    /// How that one is asked.
    pub callback: CallbackConfig,
    /// Keys of backends. Default: none.
    pub api_keys: Vec<Secret>,
    /// A file with more of them, one a line.
    pub api_keys_file: Option<PathBuf>,
    /// Keys of administrators. Default: none.
    pub admin_keys: Vec<Secret>,
    /// A file with more of them, one a line.
    pub admin_keys_file: Option<PathBuf>,
    /// The gateway's own settings. Default: the library's, with a shutdown that takes 8 s at most, because Cloud Run kills
    /// a process after 10 s.
    pub gateway: GatewayConfig,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl ServerConfig {
    /// Makes of settings that may be left out what the gateway needs, and looks at those that need each other.
    fn complete(&mut self, problems: &mut Problems) {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            problems.add("tls_cert and tls_key", "need each other: name the certificate's file and its key's");
        }
        self.complete_access(problems);
        if let Some(shards) = self.shards {
            self.gateway.shards = shards;
        }
        if let Some(connections) = self.address_connections {
            self.gateway.address_connections = connections;
        }
    }

    fn complete_access(&mut self, problems: &mut Problems) {
        let keys = &mut self.tokens.keys;
        if let Some(secret) = &self.token_secret {
            keys.extend(problems.take("token_secret", Key::secret(secret.reveal())).map(KeySource::Key));
        }
        keys.extend(self.token_secret_file.iter().cloned().map(KeySource::SecretFile));
        keys.extend(self.token_key_file.iter().cloned().map(KeySource::PemFile));
        keys.extend(self.jwks_file.iter().cloned().map(KeySource::JwksFile));
        keys.extend(self.jwks_url.iter().cloned().map(KeySource::JwksUrl));
        match &self.connect_url {
            Some(_) if !keys.is_empty() => {
                problems.add("connect_url", "stands for tokens, which are set up too: leave out one of the two");
            }
            Some(url) => self.callback.connect_url.clone_from(url),
            None if self.callback.join_url.is_some() => {
                problems.add("join_url", "needs connect_url, which says who the client is");
            }
            None => {}
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            demo: false,
            shards: None,
            tls_cert: None,
            tls_key: None,
            address_connections: None,
            token_secret: None,
            token_secret_file: Vec::new(),
            token_key_file: Vec::new(),
            jwks_file: Vec::new(),
            jwks_url: Vec::new(),
            tokens: TokenConfig::default(),
            connect_url: None,
            callback: CallbackConfig::new(""),
            api_keys: Vec::new(),
            api_keys_file: None,
            admin_keys: Vec::new(),
            admin_keys_file: None,
            log: "warn,channel_layers=info".to_owned(),
            log_format: LogFormat::Text,
            gateway: GatewayConfig::default().with_shutdown_timeout(Duration::from_secs(8)),
        }
    }
}
