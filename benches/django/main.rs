//! Our layers beside Django's: the memory layer beside `InMemoryChannelLayer`, the Redis layers beside channels_redis on
//! the same Redis. Rounds of either in turn, each timed by itself, so that what else the machine does meets both. The
//! figure to compare is the median of the rounds' ratios.
//!
//! Every side has one thread. Redis and the Python process are this program's own and end with it. What was measured goes
//! to standard output with `--json`, a line each; people read standard error.
#![allow(missing_docs)]

mod burst;
mod peer;
mod publish;
mod rounds;
mod rust;
mod scale;

use std::time::Duration;

use channel_layers::layer::Layer;
use channel_layers::layer::redis::{Host, RedisConfig};
use peer::{Awake, Python};
use rig::RedisServer;
use rounds::Rounds;
use rust::Rust;
use scale::Scale;
use serde_json::json;

/// How much is measured: all of it for `cargo bench`, a taste where it only has to run.
#[derive(Clone, Copy)]
struct Load {
    rounds: usize,
    time: Duration,
    members: &'static [usize],
    /// How large a group is that somebody joins, and how many groups there are beside the one that is sent to.
    crowds: &'static [usize],
    groups: &'static [usize],
}

const BENCH: Load = Load {
    rounds: 7,
    time: Duration::from_millis(700),
    members: &[10, 100, 1000],
    crowds: &[10, 100_000],
    groups: &[1, 10_000],
};
const TASTE: Load =
    Load { rounds: 1, time: Duration::from_millis(20), members: &[10], crowds: &[10, 100], groups: &[1, 100] };

fn main() {
    if std::env::args().any(|arg| arg == "spin") {
        peer::spin();
    }
    let load = if std::env::args().any(|arg| arg == "--bench") { BENCH } else { TASTE };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    // On the worker thread, as in a server.
    runtime.block_on(async { tokio::spawn(measure(load)).await.expect("no panic") });
}

async fn measure(load: Load) {
    let server = RedisServer::start().await;
    let config = RedisConfig::new([Host::url(&server.url()).expect("a URL")]);
    let mut python = Python::start(&server.url());
    let awake = Awake::keep();
    verbs(load, "memory", Layer::default(), &mut python).await;
    scale(load, &mut python).await;
    verbs(load, "core", Layer::redis(config.clone()).expect("settings"), &mut python).await;
    let pubsub = Layer::redis_pubsub(config.clone()).expect("settings");
    verbs(load, "pubsub", pubsub.clone(), &mut python).await;
    published(load, &pubsub, &server.url()).await;
    drop(awake);
    let layer = Layer::redis(config).expect("settings");
    let messages = 1000;
    let mut consumers = Python::start(&server.url());
    let (ours, theirs) = burst::run(&layer, &mut python, &mut consumers, messages).await;
    eprintln!(
        "a burst of {messages} from Django over 50 groups: {ours} arrive at one process, {theirs} at channels_redis"
    );
}

/// Sending and receiving, alone and in groups.
async fn verbs(load: Load, backend: &str, layer: Layer, python: &mut Python) {
    let mut rust = Rust::new(layer).await;
    let mut rounds = Rounds::new(format!("{backend}: send and receive, one by one"), 1, "django");
    let mut by_name = Rounds::new(format!("{backend}: send and receive, without a mailbox"), 1, "django");
    for _ in 0..load.rounds {
        let ours = rust.send(load.time).await;
        let theirs = python.measure("send", backend, 1, load.time).await;
        rounds.add(ours, theirs);
        by_name.add(rust.send_by_name(load.time).await, theirs);
    }
    rounds.print();
    by_name.print();
    for &members in load.members {
        let mut rounds = Rounds::new(format!("{backend}: deliveries to a group"), members, "django");
        for _ in 0..load.rounds {
            let ours = rust.group(load.time, members).await;
            rounds.add(ours, python.measure("group", backend, members, load.time).await);
        }
        rounds.print();
    }
}

/// The memory layers when there is much in them.
async fn scale(load: Load, python: &mut Python) {
    let mut rust = Scale::new();
    for (what, title, sizes) in [
        ("join", "memory: join and leave a group", load.crowds),
        ("among", "memory: to one group among many, and receive", load.groups),
    ] {
        let mut rounds: Vec<_> = sizes.iter().map(|size| Rounds::new(title, *size, "django")).collect();
        for _ in 0..load.rounds {
            for (rounds, &size) in rounds.iter_mut().zip(sizes) {
                let ours = match what {
                    "join" => rust.join(load.time, size).await,
                    _ => rust.among(load.time, size).await,
                };
                rounds.add(ours, python.measure(what, "memory", size, load.time).await);
            }
        }
        rounds.iter().for_each(Rounds::print);
    }
}

/// What the pub/sub layer leaves of a connection.
async fn published(load: Load, layer: &Layer, url: &str) {
    let connection = publish::connect(url).await;
    let mut rounds = Rounds::new("pubsub: published by 100 tasks", 100, "connection");
    let mut cpu = Rounds::new("pubsub: published by 100 tasks, by CPU time", 100, "connection");
    for _ in 0..load.rounds {
        let ours = publish::by_layer(layer, load.time).await;
        let bare = publish::by_connection(&connection, load.time).await;
        rounds.add(ours.per_second, bare.per_second);
        cpu.add(1.0 / ours.cpu, 1.0 / bare.cpu);
    }
    rounds.print();
    cpu.print();
}

impl Python {
    async fn measure(&mut self, what: &str, backend: &str, members: usize, time: Duration) -> f64 {
        let seconds = time.as_secs_f64();
        let order = json!({"what": what, "backend": backend, "members": members, "seconds": seconds});
        self.order(order).await.as_f64().expect("a number")
    }
}
