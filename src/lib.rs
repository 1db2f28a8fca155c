//! Channel layers for Rust and the browser.
//!
//! A *channel layer* lets the parts of an application that run in different processes talk: a web view, a background
//! task, a WebSocket connection on another server. Parts send messages to named *channels* and to *groups* of
//! channels, and the layer carries them. The idea, its verbs and its guarantees are those of
//! [Django Channels](https://channels.readthedocs.io/en/stable/channel_layer_spec.html).
//!
//! # Layout
//!
//! - [`protocol`]: names, messages, frames and codes: what travels, for both targets.
//! - [`client`]: the client of the gateway, for Rust programs and for browsers.
//! - `layer` (servers): the `ChannelLayer` specification, the in-memory layer, and the layers over Redis.
//! - `config` (servers): layers from Django's settings, a TOML file or the environment.
//! - `gateway` (servers): WebSockets and HTTP in front of a layer.
//! - `worker` (servers): handlers for the messages of channels, as background tasks.
//! - `wasm` (browsers, feature `npm`): what the npm package binds to.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `cli` | yes | the `channel-layers` binary; libraries turn it off |
//! | `tls` | yes | TLS to Redis, to whoever says who clients are, and of the gateway's own |
//! | `demo` | no | the chat page inside the binary |
//! | `testing` | no | the conformance suite, for authors of other layers; messages as they stand in Redis |
//! | `npm` | no | the wasm-bindgen classes of the npm package |

#![warn(clippy::unwrap_used)]

mod error;
#[cfg_attr(target_family = "wasm", expect(dead_code, reason = "a browser uses a part of it"))]
mod queue;
mod row;
#[cfg_attr(target_family = "wasm", expect(unused_imports, reason = "a browser has no shards"))]
mod sync;

pub mod client;
#[cfg_attr(target_family = "wasm", expect(dead_code, unused_imports, reason = "layers on a server use parts of it"))]
pub mod protocol;

// Target split 1 of 2: which modules exist. The other one is in `client/platform/mod.rs`.
cfg_if::cfg_if! {
    if #[cfg(target_family = "wasm")] {
        #[cfg(feature = "npm")]
        mod wasm;
    } else {
        pub mod config;
        pub mod gateway;
        pub mod layer;
        mod nearest;
        pub mod worker;
    }
}

// The npm package speaks JSON alone, which takes a third off its size (ARCHITECTURE.md, "Size").
const SPEAKS_MSGPACK: bool = cfg!(not(all(target_family = "wasm", feature = "npm")));

/// The README's examples, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

pub use error::{Error, ErrorKind, Result};
pub use protocol::{ChannelName, GroupName, Message};
