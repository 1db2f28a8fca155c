//! What a delivery costs between tasks: sent to a group, its receiver woken, received. Consumer tasks wait, one for each
//! member; the sender sends a window of messages and waits until all of them have reached everybody. With a window of 1
//! every delivery wakes a task, with 16 one in sixteen does.
//!
//! Beside the layer stand tokio's channels, and `bare`: a flag and a waker for each task, which is what the runtime and the
//! counting take by themselves. All sides take turns in one run, since the machine's speed moves more than they differ.
//! Read the ratios.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use channel_layers::layer::{ChannelLayer, Mailbox, MailboxOptions, MemoryLayer};
use channel_layers::{GroupName, Message, message};
use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::AbortHandle;

/// The most messages under way, and what every queue has room for.
const WINDOW: u64 = 16;

/// How much is measured: all of it for `cargo bench`, a taste where it only has to run.
struct Load {
    rounds: usize,
    time: Duration,
}

fn main() {
    let load = match std::env::args().any(|arg| arg == "--bench") {
        true => Load { rounds: 11, time: Duration::from_millis(20) },
        false => Load { rounds: 1, time: Duration::from_millis(1) },
    };
    println!("ns for each delivery, median of {} rounds", load.rounds);
    println!(
        "{:>7} {:>6} {:>6} {}",
        "threads",
        "window",
        "tasks",
        Side::ALL.map(|(name, _)| format!("{name:>10}")).concat()
    );
    for threads in [1, 2] {
        for window in [1, WINDOW] {
            for tasks in [1, 100, 1_000] {
                let medians = measure(&load, threads, window, tasks);
                let medians: String = medians.iter().map(|ns| format!("{ns:>10.1}")).collect();
                println!("{threads:>7} {window:>6} {tasks:>6} {medians}");
            }
        }
    }
}

fn runtime(threads: usize) -> Runtime {
    let built = match threads {
        1 => Builder::new_current_thread().build(),
        _ => Builder::new_multi_thread().worker_threads(threads).build(),
    };
    built.expect("a runtime")
}

fn measure(load: &Load, threads: usize, window: u64, tasks: u64) -> Vec<f64> {
    let runtime = runtime(threads);
    let sides: Vec<_> = Side::ALL.iter().map(|(_, start)| start(&runtime, window, tasks)).collect();
    let mut figures = vec![Vec::new(); sides.len()];
    for _ in 0..load.rounds {
        for (side, figures) in sides.iter().zip(&mut figures) {
            let (side, time) = (Arc::clone(side), load.time);
            let ran = runtime.block_on(runtime.spawn(async move { side.run(window, time).await }));
            figures.push(ran.expect("the sender does not panic"));
        }
    }
    for side in sides {
        side.tasks.iter().for_each(AbortHandle::abort);
    }
    figures.into_iter().map(median).collect()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How many deliveries there were, and a bell for each window that has reached everybody.
struct Progress {
    per_bell: u64,
    deliveries: AtomicU64,
    bell: Notify,
}

impl Progress {
    fn add(&self, count: u64) {
        let before = self.deliveries.fetch_add(count, Ordering::Relaxed);
        if before / self.per_bell != (before + count) / self.per_bell {
            self.bell.notify_one();
        }
    }
}

/// One kind of queue, with its consumers running.
struct Side {
    send: Box<dyn Fn() + Send + Sync>,
    progress: Arc<Progress>,
    tasks: Vec<AbortHandle>,
}

type Start = fn(&Runtime, u64, u64) -> Arc<Side>;

impl Side {
    const ALL: [(&'static str, Start); 5] =
        [("layer", layer), ("drained", drained), ("mpsc", mpsc), ("broadcast", broadcast), ("bare", bare)];

    fn start<R: Receive>(
        runtime: &Runtime,
        window: u64,
        receivers: Vec<R>,
        send: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        let per_bell = window * receivers.len() as u64;
        let progress = Arc::new(Progress { per_bell, deliveries: AtomicU64::new(0), bell: Notify::new() });
        let consume = |mut receiver: R| {
            let progress = Arc::clone(&progress);
            runtime.spawn(async move {
                loop {
                    let count = receiver.receive().await;
                    progress.add(count);
                }
            })
        };
        let tasks = receivers.into_iter().map(|receiver| consume(receiver).abort_handle()).collect();
        Arc::new(Self { send: Box::new(send), progress, tasks })
    }

    /// Sends windows for so long. Returns the nanoseconds for each delivery.
    async fn run(&self, window: u64, time: Duration) -> f64 {
        let (start, before) = (Instant::now(), self.progress.deliveries.load(Ordering::Relaxed));
        while start.elapsed() < time {
            for _ in 0..window {
                (self.send)();
            }
            self.progress.bell.notified().await;
        }
        let deliveries = self.progress.deliveries.load(Ordering::Relaxed) - before;
        start.elapsed().as_secs_f64() * 1e9 / deliveries as f64
    }
}

/// The receiving end of a queue.
trait Receive: Send + 'static {
    /// Waits for messages. Returns how many came.
    fn receive(&mut self) -> impl Future<Output = u64> + Send;
}

/// 128 bytes as JSON.
fn chat() -> Message {
    message! { "type": "chat.message", "room": "lobby", "text": "The quick brown fox jumps over the lazy dog. 0123456789 0123456789" }
}

/// A layer with a group of so many, and what sends to the group.
fn group(tasks: u64) -> (Vec<Mailbox>, impl Fn() + Send + Sync + 'static) {
    let (layer, group) = (MemoryLayer::default(), GroupName::new("chat.lobby").expect("valid"));
    let open = |_| {
        let mailbox = layer.mailbox("bench", MailboxOptions::default()).now_or_never();
        let mailbox = mailbox.expect("the memory layer waits for messages only").expect("a mailbox");
        layer.group_add(&group, mailbox.channel()).now_or_never().expect("as above").expect("a member");
        mailbox
    };
    let (mailboxes, message) = ((0..tasks).map(open).collect(), chat());
    let send = move || {
        let sent = layer.group_send(&group, message.clone()).now_or_never();
        sent.expect("as above").expect("sent");
    };
    (mailboxes, send)
}

fn layer(runtime: &Runtime, window: u64, tasks: u64) -> Arc<Side> {
    let (mailboxes, send) = group(tasks);
    Side::start(runtime, window, mailboxes, send)
}

impl Receive for Mailbox {
    async fn receive(&mut self) -> u64 {
        self.recv().await.map(divan::black_box).map_or(0, |_| 1)
    }
}

/// The layer's mailboxes, received from as the gateway does it.
fn drained(runtime: &Runtime, window: u64, tasks: u64) -> Arc<Side> {
    let (mailboxes, send) = group(tasks);
    let drained = mailboxes.into_iter().map(|mailbox| Drained { mailbox, out: Vec::new() });
    Side::start(runtime, window, drained.collect(), send)
}

struct Drained {
    mailbox: Mailbox,
    out: Vec<Message>,
}

impl Receive for Drained {
    async fn receive(&mut self) -> u64 {
        let Self { mailbox, out } = self;
        let drained = std::future::poll_fn(|cx| mailbox.poll_drain(cx, 64, usize::MAX, out)).await;
        divan::black_box(out).clear();
        drained.map_or(0, |count| count as u64)
    }
}

fn mpsc(runtime: &Runtime, window: u64, tasks: u64) -> Arc<Side> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..tasks).map(|_| mpsc::channel(100)).unzip();
    let message = chat();
    let send = move || {
        for sender in &senders {
            assert!(sender.try_send(message.clone()).is_ok(), "the window fits");
        }
    };
    Side::start(runtime, window, receivers, send)
}

impl Receive for mpsc::Receiver<Message> {
    async fn receive(&mut self) -> u64 {
        self.recv().await.map(divan::black_box).map_or(0, |_| 1)
    }
}

fn broadcast(runtime: &Runtime, window: u64, tasks: u64) -> Arc<Side> {
    let (sender, message) = (broadcast::Sender::new(100), chat());
    let receivers = (0..tasks).map(|_| sender.subscribe()).collect();
    let send = move || {
        sender.send(message.clone()).expect("somebody listens");
    };
    Side::start(runtime, window, receivers, send)
}

impl Receive for broadcast::Receiver<Message> {
    async fn receive(&mut self) -> u64 {
        self.recv().await.map(divan::black_box).map_or(0, |_| 1)
    }
}

/// How many messages there are, and who waits.
#[derive(Default)]
struct Flag(Mutex<(u64, Option<Waker>)>);

fn bare(runtime: &Runtime, window: u64, tasks: u64) -> Arc<Side> {
    let flags: Vec<_> = (0..tasks).map(|_| Arc::new(Flag::default())).collect();
    let receivers = flags.clone();
    let send = move || {
        for flag in &flags {
            let mut state = flag.0.lock().expect("nobody panics");
            state.0 += 1;
            let waker = state.1.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    };
    Side::start(runtime, window, receivers, send)
}

impl Receive for Arc<Flag> {
    fn receive(&mut self) -> impl Future<Output = u64> + Send {
        std::future::poll_fn(|cx| {
            let mut state = self.0.lock().expect("nobody panics");
            if state.0 > 0 {
                return Poll::Ready(std::mem::take(&mut state.0));
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}
