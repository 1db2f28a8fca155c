//! Rust and the real `channels_redis` on the same servers, in both directions, from one and the same settings.
//!
//! What must stay true: both sides are opened with the `CONFIG` of a Django project, and nothing on Python's side knows
//! that there is a Rust.
#![cfg(not(target_family = "wasm"))]

mod defects;
mod encryption;
mod flush;
mod footprint;
mod hosts;
mod limits;
mod settings;
mod sides;
mod values;
mod verbs;
