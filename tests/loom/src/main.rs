//! The wake protocols under loom, which runs each model once for every way in which its threads can be interleaved. A
//! wake-up that gets lost is a deadlock, which loom reports.
//!
//! The sources are the crate's own files: what they take from `crate::sync` is loom's here and the standard library's
//! there. One more protocol is one more `#[path]` line, a file of models, and its names in [`MODELS`].
//!
//! ```text
//! cargo run --release -p loom-tests             all models
//! cargo run --release -p loom-tests -- drain    those with `drain` in the name
//! ```
//!
//! A failure prints what the threads did last; with `LOOM_LOCATION=1` and `LOOM_LOG=trace` it prints each step.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

mod queue_models;
mod shard_models;
mod sync;

#[expect(dead_code, reason = "the models need a part of it")]
#[path = "../../../src/queue.rs"]
mod queue;

#[path = "../../../src/row.rs"]
mod row;

/// How often the model's threads are switched where they could have gone on. Every known lost wake-up shows with two.
const PREEMPTIONS: usize = 3;

const MODELS: &[(&str, fn())] = &[
    ("queue: a push meets a receiver that registers", queue_models::push_meets_registering),
    ("queue: a receiver that moved to another task is woken there", queue_models::moved_to_another_task),
    ("queue: a receiver that is dropped passes its wake-up on", queue_models::dropped_receiver_passes_on),
    ("queue: closing wakes every receiver", queue_models::close_wakes_all),
    ("queue: a drain meets pushes", queue_models::drain_meets_pushes),
    ("queue: two producers, one consumer", queue_models::two_producers),
    ("shard: what is told to a shard that falls asleep", shard_models::told_while_falling_asleep),
    ("shard: a message and the wake-up after it", shard_models::pushed_then_roused),
    ("shard: a bell that rings while it is heard", shard_models::bell_rings_while_heard),
    ("shard: opened while it stops", shard_models::opened_while_stopping),
];

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    for (name, model) in MODELS.iter().filter(|(name, _)| name.contains(&filter)) {
        let (start, runs) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        let mut checker = loom::model::Builder::new();
        checker.preemption_bound.get_or_insert(PREEMPTIONS);
        checker.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
        println!("{name}: {} interleavings in {:.1?}", runs.load(Ordering::Relaxed), start.elapsed());
    }
}
