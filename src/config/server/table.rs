//! The table of settings: the one place that says which there are. Flags, variables, the file, the help, the man page
//! and what `config` prints are made of it, so one more setting is one more entry.

use std::fmt;
use std::sync::LazyLock;

use super::kind::{Field, Kind, Lens, Place, Shape};
use super::kind::{count, glob, list, optional, parsed, path, secret, size, switch, text, time, time_or_zero, word};
use super::write::literal;
use super::{LogFormat, ServerConfig};
use crate::config::value::Value;

/// What the names of all variables begin with.
pub(super) const VARIABLES: &str = "CHANNEL_LAYERS_";

/// One setting: `frame_limit` in the table `[gateway]` of the file, `CHANNEL_LAYERS_FRAME_LIMIT` in the environment,
/// `--frame-limit` on the command line.
pub struct Setting {
    key: &'static str,
    heading: &'static str,
    help: &'static str,
    placeholder: &'static str,
    shape: Shape,
    foreign: Option<Foreign>,
    place: Box<dyn Place>,
}

/// A variable that others have named, and what its value says in our terms.
#[derive(Clone, Copy)]
pub(super) struct Foreign {
    pub(super) name: &'static str,
    pub(super) meaning: fn(&str) -> String,
}

/// Writes the settings of one part of the table: the doc comment is the help, then come the key, the kind, the place in
/// [`ServerConfig`], and what else there is to say of it.
macro_rules! part {
    ($heading:literal: $($(#[doc = $help:literal])+ $key:ident: $kind:expr => $($field:ident).+
        $(, $with:ident($($argument:expr),+))*;)*) => {
        vec![$(
            Setting::new($heading, stringify!($key), concat!($($help),+), $kind, |config| &mut config.$($field).+)
                $(.$with($($argument),+))*
        ),*]
    };
}

static TABLE: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let parts = [serving(), access(), keys(), limits(), times(), logs()];
    parts.into_iter().flatten().collect()
});

fn serving() -> Vec<Setting> {
    part! { "Serving":
        /// Where to listen; port 0 takes a free one.
        listen: text() => listen, showing("HOST:PORT"), or_variable("PORT", |port| format!("0.0.0.0:{port}"));
        /// Serve the chat page at `/`, which makes the address the place to try things.
        demo: switch() => demo;
        /// Compress messages for clients that offer it (permessage-deflate).
        compression: switch() => gateway.compression;
        /// Groups whose messages are dropped for clients that cannot take them at once, as globs.
        volatile: list(glob()) => gateway.volatile;
        /// How many tasks the sockets are spread over; one for each core if left out.
        shards: optional(count(1)) => shards;
        /// The proxies in front, whose X-Forwarded-For and X-Forwarded-Host are believed: addresses, or networks such as
        /// 10.0.0.0/8.
        trusted_proxies: list(parsed("ADDRESS", "an address, or a network such as 10.0.0.0/8")) => gateway.trusted_proxies;
        /// Serve HTTPS and WSS with this certificate and its chain, in PEM. Read again on SIGHUP.
        tls_cert: optional(path()) => tls_cert;
        /// The certificate's private key, in PEM.
        tls_key: optional(path()) => tls_key;
    }
}

/// Who may connect, and who says so.
fn access() -> Vec<Setting> {
    const ALGORITHM: &str = "one of HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384, ES512, EdDSA";
    part! { "Who may do what":
        /// Let other machines in, although everybody may join and send to everything.
        allow_anonymous: switch() => gateway.allow_anonymous;
        /// Pages of other sites that may connect, as globs of origins such as `https://*.example.com`; `*` for all. Pages of
        /// the gateway's own host always may.
        origins: list(glob()) => gateway.origins;
        /// Let in who has a token that is signed with this secret of 32 bytes or more. As a flag it shows to other users of the
        /// machine.
        token_secret: optional(secret()) => token_secret;
        /// Files with such a secret each. Read again on SIGHUP, as all files with keys are.
        token_secret_file: list(path()) => token_secret_file;
        /// Files with a public key of those who sign tokens, in PEM.
        token_key_file: list(path()) => token_key_file;
        /// Files with a set of keys (JWKS).
        jwks_file: list(path()) => jwks_file;
        /// Where sets of keys (JWKS) are published.
        jwks_url: list(text()) => jwks_url, showing("URL");
        /// How long a set of keys from a URL counts as fresh.
        jwks_ttl: time() => tokens.jwks_ttl;
        /// The algorithms that tokens may be signed with; those of the keys if none is named.
        token_algorithms: list(parsed("ALGORITHM", ALGORITHM)) => tokens.algorithms;
        /// Who tokens may be for (`aud`).
        token_audience: list(text()) => tokens.audience;
        /// Who may have issued tokens (`iss`).
        token_issuer: list(text()) => tokens.issuer;
        /// How far the clocks may differ of those who issue tokens and this machine.
        token_leeway: time_or_zero() => tokens.leeway;
        /// Under which claim `groups`, `channels`, `types`, `join` and `info` stand; beside `sub` if left out.
        token_claim: optional(text()) => tokens.claim;
        /// Whether a token must end (`exp`).
        token_require_expiry: switch() => tokens.require_expiry;
        /// How long a connection goes on after its token has ended, to be refreshed.
        token_grace: time_or_zero() => gateway.token_grace;
        /// Ask this address who clients are and what they may do, instead of looking at tokens.
        connect_url: optional(text()) => connect_url, showing("URL");
        /// Ask this address, too, whether a client may join a group that the first one did not grant.
        join_url: optional(text()) => callback.join_url, showing("URL");
        /// Which headers of the client's request go along.
        callback_headers: list(parsed("HEADER", "the name of a header")) => callback.headers;
        /// How long an answer may take; then the client is told to come back later.
        callback_timeout: time() => callback.timeout;
        /// How many questions are under way at a time.
        callback_concurrency: count(1) => callback.concurrency;
        /// How long an answer counts that does not say so itself.
        callback_cache: time_or_zero() => callback.cache;
    }
}

/// What backends and administrators show, and what they may ask for.
fn keys() -> Vec<Setting> {
    part! { "HTTP API":
        /// Keys of backends, as KEY or NAME:KEY. As flags they show to other users of the machine.
        api_keys: list(secret()) => api_keys;
        /// A file with such keys, one a line. Read again on SIGHUP.
        api_keys_file: optional(path()) => api_keys_file;
        /// Keys of administrators, as KEY or NAME:KEY.
        admin_keys: list(secret()) => admin_keys;
        /// A file with such keys, one a line. Read again on SIGHUP.
        admin_keys_file: optional(path()) => admin_keys_file;
        /// Let everybody who reaches the gateway read `/metrics`, not only this machine and those with a key.
        open_metrics: switch() => gateway.open_metrics;
        /// The most messages in one request to `/api/batch`.
        batch_items: count(1) => gateway.batch_items;
        /// The largest body of such a request.
        batch_bytes: size() => gateway.batch_bytes;
    }
}

fn limits() -> Vec<Setting> {
    part! { "Limits":
        /// The most WebSockets at a time; a further one is answered with HTTP 503.
        max_connections: count(1) => gateway.max_connections;
        /// The most WebSockets at a time of one user; a further one is closed with 4504.
        user_connections: count(1) => gateway.user_connections;
        /// The most WebSockets at a time from one address; unlimited if left out. Behind proxies needs trusted_proxies.
        address_connections: optional(count(1)) => address_connections;
        /// How many requests a client may make a second, lasting; 0 is unlimited.
        message_rate: count(0) => gateway.message_rate;
        /// How many requests it may make at once, before the rate counts.
        message_burst: count(1) => gateway.message_burst;
        /// How many groups a connection may be in.
        group_limit: count(1) => gateway.group_limit;
        /// The largest frame of a client, and the largest body of a request.
        frame_limit: size() => gateway.frame_limit;
        /// How much may wait for one client before it counts as slow and is closed with 4003.
        outbound_bytes: size() => gateway.outbound_bytes;
        /// How many messages may wait for one client before it counts as slow.
        outbound_messages: count(1) => gateway.outbound_messages;
        /// How much of one group may wait for one shard before its members are told that they missed some.
        group_bytes: size() => gateway.group_bytes;
        /// How many messages of one group may wait for one shard.
        group_capacity: count(1) => gateway.group_capacity;
        /// How much may wait for one shard, of all groups and channels together.
        shard_bytes: size() => gateway.shard_bytes;
    }
}

fn times() -> Vec<Setting> {
    part! { "Times":
        /// How long a client may take to send `connect`.
        connect_timeout: time() => gateway.connect_timeout;
        /// How often clients are pinged.
        ping: time() => gateway.ping;
        /// How long a client may be silent after a ping.
        pong: time() => gateway.pong;
        /// How long a closing connection may take to get what is queued.
        close_timeout: time() => gateway.close_timeout;
        /// The greatest age of a connection, which then comes back; unlimited if left out. For platforms that cut connections
        /// at a fixed age.
        max_connection_age: optional(time()) => gateway.max_connection_age;
        /// How long a shutdown waits for connections to end. Platforms kill a process after 10 s and more.
        drain: time() => gateway.shutdown_timeout;
        /// Over which time clients are asked to come back after a shutdown.
        reconnect_spread: time_or_zero() => gateway.reconnect_spread;
    }
}

fn logs() -> Vec<Setting> {
    part! { "Logs":
        /// What is logged to standard error, such as `info` or `channel_layers=debug`.
        log: text() => log, showing("FILTER"), or_variable("RUST_LOG", str::to_owned);
        /// How it is logged: as text for people, or as JSON, one object a line, for programs.
        log_format: word("FORMAT", FORMATS) => log_format;
    }
}

const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

impl Setting {
    fn new<T: 'static>(
        heading: &'static str,
        key: &'static str,
        help: &'static str,
        kind: Kind<T>,
        lens: Lens<T>,
    ) -> Self {
        let (placeholder, shape) = (kind.placeholder, kind.shape);
        let place = Box::new(Field { lens, kind });
        Self { key, heading, help: help.trim(), placeholder, shape, foreign: None, place }
    }

    /// Every setting, in the order in which they are shown.
    pub fn all() -> &'static [Setting] {
        &TABLE
    }

    /// Its name, as it stands in the table `[gateway]` of the file.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The part of the table that it is in.
    pub fn heading(&self) -> &'static str {
        self.heading
    }

    /// What it is for, in one sentence.
    pub fn help(&self) -> &'static str {
        self.help
    }

    /// Its default, as it could stand in a file.
    pub fn default_value(&self) -> String {
        literal(&self.get(&ServerConfig::default()))
    }

    /// What stands for its value in the help.
    pub fn placeholder(&self) -> &'static str {
        self.placeholder
    }

    /// How its flag is given.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Its flag, without the dashes in front.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("{VARIABLES}{}", self.key.to_uppercase())
    }

    /// A variable that other programs know too, and that counts where [`variable`](Self::variable) is not set.
    pub fn other_variable(&self) -> Option<&'static str> {
        self.foreign.map(|foreign| foreign.name)
    }

    pub(super) fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    pub(super) fn set(&self, config: &mut ServerConfig, value: &Value) -> Result<(), String> {
        self.place.set(config, value)
    }

    /// Its value as it could stand in a file. A secret is not shown.
    pub(super) fn get(&self, config: &ServerConfig) -> Value {
        // A lens is one function for reading and writing, which takes what it may change.
        self.place.get(&mut config.clone())
    }

    fn showing(mut self, placeholder: &'static str) -> Self {
        self.placeholder = placeholder;
        self
    }

    fn or_variable(mut self, name: &'static str, meaning: fn(&str) -> String) -> Self {
        self.foreign = Some(Foreign { name, meaning });
        self
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("key", &self.key).finish_non_exhaustive()
    }
}
