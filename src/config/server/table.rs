//! The table of settings: the one place that says which there are. Flags, variables, the file, the help, the man page
//! and what `config` prints are made of it, so one more setting is one more entry.

use std::fmt;
use std::sync::LazyLock;

use super::kind::{Field, Kind, Lens, Place, Shape, count, glob, list, optional, size, switch, text, time, word};
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
    secret: bool,
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
        [$(
            Setting::new($heading, stringify!($key), concat!($($help),+), $kind, |config| &mut config.$($field).+)
                $(.$with($($argument),+))*
        ),*]
    };
}

static TABLE: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let mut table = Vec::new();
    table.extend(part! { "Serving":
        /// Where to listen; port 0 takes a free one.
        listen: text() => listen, showing("HOST:PORT"), or_variable("PORT", |port| format!("0.0.0.0:{port}"));
        /// Serve the chat page at `/`, which makes the address the place to try things.
        demo: switch() => demo;
        /// Let other machines in, although everybody may join and send to everything.
        allow_anonymous: switch() => gateway.allow_anonymous;
        /// Compress messages for clients that offer it (permessage-deflate).
        compression: switch() => gateway.compression;
        /// Groups whose messages are dropped for clients that cannot take them at once, as globs.
        volatile: list(glob()) => gateway.volatile;
        /// How many tasks the sockets are spread over; one for each core if left out.
        shards: optional(count(1)) => shards;
    });
    table.extend(part! { "Limits":
        /// The most WebSockets at a time; a further one is answered with HTTP 503.
        max_connections: count(1) => gateway.max_connections;
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
    });
    table.extend(part! { "Times":
        /// How long a client may take to send `connect`.
        connect_timeout: time() => gateway.connect_timeout;
        /// How often clients are pinged.
        ping: time() => gateway.ping;
        /// How long a client may be silent after a ping.
        pong: time() => gateway.pong;
        /// How long a closing connection may take to get what is queued.
        close_timeout: time() => gateway.close_timeout;
        /// How long a shutdown waits for connections to end. Platforms kill a process after 10 s and more.
        drain: time() => gateway.shutdown_timeout;
        /// Over which time clients are asked to come back after a shutdown.
        reconnect_spread: time() => gateway.reconnect_spread;
    });
    table.extend(part! { "Logs":
        /// What is logged to standard error, such as `info` or `channel_layers=debug`.
        log: text() => log, showing("FILTER"), or_variable("RUST_LOG", str::to_owned);
        /// How it is logged: as text for people, or as JSON, one object a line, for programs.
        log_format: word("FORMAT", FORMATS) => log_format;
    });
    table
});

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
        Self { key, heading, help: help.trim(), placeholder, shape, secret: false, foreign: None, place }
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
        let value = self.place.get(&mut config.clone());
        let is_set = !matches!(&value, Value::Text(text) if text.is_empty())
            && !matches!(&value, Value::List(list) if list.is_empty());
        if self.secret && is_set { Value::Text("<secret>".to_owned()) } else { value }
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
