//! The client's and the gateway's state machines against each other, over a network that delays, drops, cuts and lies,
//! in simulated time. One seed is one run, the same each time:
//!
//! ```text
//! SIMULATION_SEED=1234 cargo test --test simulation -- --nocapture
//! ```
//!
//! replays one and prints what happened. `SIMULATION_SEEDS=100000` runs more of them.
#![cfg(not(target_family = "wasm"))]

mod checks;
mod client;
mod gateway;
mod network;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

/// How many seeds an ordinary run tries.
const SEEDS: u64 = 2_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{variable}={text}: {e}")))
}

#[test]
fn clients_and_gateway_agree_over_a_bad_network() {
    if let Some(seed) = number("SIMULATION_SEED") {
        World::new(seed, true).run();
        return;
    }
    let mut totals = checks::Totals::default();
    for seed in 0..number("SIMULATION_SEEDS").unwrap_or(SEEDS) {
        match catch_unwind(AssertUnwindSafe(|| World::new(seed, false).run())) {
            Ok(run) => totals.add(&run),
            Err(_) => {
                panic!("seed {seed} failed; replay: SIMULATION_SEED={seed} cargo test --test simulation -- --nocapture")
            }
        }
    }
    println!("{totals:?}");
    totals.assert_something_happened();
}
