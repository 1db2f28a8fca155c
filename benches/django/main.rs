//! The Redis layers beside the real channels_redis on the same Redis: rounds of either in turn, each timed by itself, so
//! that what else the machine does meets both. The figure to compare is the median of the rounds' ratios.
//!
//! Every side has one thread. Redis and the Python process are this program's own and end with it.
#![allow(missing_docs)]

mod burst;
mod peer;
mod publish;
mod rust;

use std::time::Duration;

use channel_layers::layer::Layer;
use channel_layers::layer::redis::{Host, RedisConfig};
use peer::{Awake, Python};
use rig::RedisServer;
use rust::Rust;
use serde_json::json;

/// How much is measured: all of it for `cargo bench`, a taste where it only has to run.
struct Load {
    rounds: usize,
    time: Duration,
    members: &'static [usize],
}

const BENCH: Load = Load { rounds: 7, time: Duration::from_millis(700), members: &[10, 100, 1000] };
const TASTE: Load = Load { rounds: 1, time: Duration::from_millis(20), members: &[10] };

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
    for backend in ["core", "pubsub"] {
        let layer = match backend {
            "core" => Layer::redis(config.clone()),
            _ => Layer::redis_pubsub(config.clone()),
        };
        let layer = layer.expect("settings");
        let mut rust = Rust::new(layer.clone()).await;
        let mut rounds = Rounds::new(format!("{backend}: send + receive, one by one"), "channels_redis");
        let mut by_name = Rounds::new(format!("{backend}: the same without a mailbox"), "channels_redis");
        for _ in 0..load.rounds {
            let ours = rust.send(load.time).await;
            let theirs = python.measure("send", backend, 1, load.time).await;
            rounds.add(ours, theirs);
            by_name.add(rust.send_by_name(load.time).await, theirs);
        }
        rounds.print();
        by_name.print();
        for &members in load.members {
            let mut rounds = Rounds::new(format!("{backend}: deliveries to a group of {members}"), "channels_redis");
            for _ in 0..load.rounds {
                let ours = rust.group(load.time, members).await;
                rounds.add(ours, python.measure("group", backend, members, load.time).await);
            }
            rounds.print();
        }
        if backend == "pubsub" {
            let connection = publish::connect(&server.url()).await;
            let mut rounds = Rounds::new("pubsub: published by 100 tasks".to_owned(), "the bare connection");
            let mut cpu = Rounds::new("pubsub: the same by CPU time".to_owned(), "the bare connection");
            for _ in 0..load.rounds {
                let ours = publish::by_layer(&layer, load.time).await;
                let bare = publish::by_connection(&connection, load.time).await;
                rounds.add(ours.per_second, bare.per_second);
                cpu.add(1.0 / ours.cpu, 1.0 / bare.cpu);
            }
            rounds.print();
            cpu.print();
        }
    }
    drop(awake);
    let layer = Layer::redis(config).expect("settings");
    let messages = 1000;
    let mut consumers = Python::start(&server.url());
    let (ours, theirs) = burst::run(&layer, &mut python, &mut consumers, messages).await;
    println!(
        "a burst of {messages} from Django over 50 groups: {ours} arrive at one process, {theirs} at channels_redis"
    );
}

impl Python {
    async fn measure(&mut self, what: &str, backend: &str, members: usize, time: Duration) -> f64 {
        let seconds = time.as_secs_f64();
        let order = json!({"what": what, "backend": backend, "members": members, "seconds": seconds});
        self.order(order).await.as_f64().expect("a number")
    }
}

/// What the rounds of one measurement gave, each a pair: ours, theirs.
struct Rounds {
    what: String,
    beside: &'static str,
    pairs: Vec<(f64, f64)>,
}

impl Rounds {
    fn new(what: String, beside: &'static str) -> Self {
        Self { what, beside, pairs: Vec::new() }
    }

    fn add(&mut self, ours: f64, theirs: f64) {
        self.pairs.push((ours, theirs));
    }

    fn print(&self) {
        let sorted = |of: fn(&(f64, f64)) -> f64| {
            let mut figures: Vec<_> = self.pairs.iter().map(of).collect();
            figures.sort_by(f64::total_cmp);
            figures
        };
        let median = |figures: &[f64]| figures[figures.len() / 2];
        let ratios = sorted(|(ours, theirs)| ours / theirs);
        println!(
            "{:<38} {:>9.0}/s, {} {:>7.0}/s: {:.2} times [{:.2}-{:.2}]",
            self.what,
            median(&sorted(|pair| pair.0)),
            self.beside,
            median(&sorted(|pair| pair.1)),
            median(&ratios),
            ratios[0],
            ratios[ratios.len() - 1],
        );
    }
}
