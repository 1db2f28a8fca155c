//! What the Redis layers do when something breaks: the server, the network, the settings. Each test has servers of its own
//! and says what is delivered, what may be lost and how soon all is well again; the bounds are far above what was
//! measured.
#![cfg(not(target_family = "wasm"))]

mod closing;
mod connections;
mod counters;
mod data_lost;
mod failover;
mod half_open;
mod hazards;
mod health;
mod latency;
mod memory;
mod outages;
mod refusals;
mod tools;
