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

use std::time::Duration;

use crate::gateway::GatewayConfig;

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
    /// What is logged. Default: `warn,channel_layers=info`.
    pub log: String,
    /// How it is logged. Default: as text.
    pub log_format: LogFormat,
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
    /// Makes of settings that may be left out what the gateway needs.
    fn complete(&mut self) {
        if let Some(shards) = self.shards {
            self.gateway.shards = shards;
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            demo: false,
            shards: None,
            log: "warn,channel_layers=info".to_owned(),
            log_format: LogFormat::Text,
            gateway: GatewayConfig::default().with_shutdown_timeout(Duration::from_secs(8)),
        }
    }
}
