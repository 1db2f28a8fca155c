//! The client's and the gateway's state machines against each other, over a network that delays, drops, cuts and lies,
//! in simulated time. One seed is one run, the same each time:
//!
//! ```text
//! SIMULATION_SEED=1234 cargo test --test simulation -- --nocapture
//! ```
//!
//! replays one and prints what happened. `SIMULATION_SEEDS=100000` runs more of them.
#![cfg(not(target_family = "wasm"))]

mod actions;
mod checks;
mod client;
mod gateway;
mod network;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use checks::Totals;
use world::World;

/// How many seeds an ordinary run tries.
const SEEDS: u64 = 1_200;

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
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let totals = thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|at| scope.spawn(move || run_every(at, threads, seeds))).collect();
        let parts = runs.into_iter().map(|run| run.join().expect("the seed that failed is named above"));
        parts.fold(Totals::default(), |totals, part| totals.and(&part))
    });
    println!("{totals:?}");
    totals.assert_something_happened();
}

/// Runs every `step`th seed from `first` on.
fn run_every(first: u64, step: u64, end: u64) -> Totals {
    let mut totals = Totals::default();
    for seed in (first..end).step_by(usize::try_from(step).expect("a few threads")) {
        match catch_unwind(AssertUnwindSafe(|| World::new(seed, false).run())) {
            Ok(run) => totals = totals.and(&run),
            Err(_) => panic!("replay it: SIMULATION_SEED={seed} cargo test --test simulation -- --nocapture"),
        }
    }
    totals
}
