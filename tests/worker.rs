//! Background workers on the memory layer, and on one that fails.
#![cfg(not(target_family = "wasm"))]

use std::future::{pending, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use channel_layers::layer::{Capabilities, ChannelLayer, Mailbox, MailboxOptions, MemoryLayer};
use channel_layers::worker::{Worker, WorkerStats};
use channel_layers::{ChannelName, Error, ErrorKind, GroupName, Message, Result, message};
use tokio::sync::{Notify, Semaphore, oneshot};

/// Far above what anything takes: only a defect reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn job(kind: &str, number: i64) -> Message {
    message! { "type": kind, "number": number }
}

fn number(message: &Message) -> i64 {
    message.get("number").unwrap().as_int().unwrap()
}

/// A worker that runs until it is stopped.
struct Started<L: ChannelLayer> {
    worker: Arc<Worker<L>>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<()>>,
}

impl<L: ChannelLayer> Started<L> {
    fn new(worker: Worker<L>) -> Self {
        let worker = Arc::new(worker);
        let (stop, stopped) = oneshot::channel();
        let running = Arc::clone(&worker);
        let task = tokio::spawn(async move { running.run(async { drop(stopped.await) }).await });
        Self { worker, stop, task }
    }

    async fn until(&self, what: &str, reached: impl Fn(WorkerStats) -> bool) {
        let reaching = async {
            while !reached(self.worker.stats()) {
                tokio::task::yield_now().await;
            }
        };
        let stats = || self.worker.stats();
        tokio::time::timeout(PATIENCE, reaching).await.unwrap_or_else(|_| panic!("{what}: {:?}", stats()));
    }

    async fn stop(self) -> Result<WorkerStats> {
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.task).await.expect("the worker ends").unwrap()?;
        Ok(self.worker.stats())
    }
}

#[tokio::test]
async fn messages_reach_the_handler_of_their_channel_and_type() {
    let layer = MemoryLayer::default();
    let seen: Arc<Mutex<Vec<(&str, i64)>>> = Arc::default();
    let noting = |what: &'static str| {
        let seen = Arc::clone(&seen);
        move |message: Message| {
            let seen = Arc::clone(&seen);
            async move { seen.lock().unwrap().push((what, number(&message))) }
        }
    };
    let worker = Worker::new(layer.clone())
        .on("reports", noting("rest"))
        .on_type("reports", "report.daily", noting("daily"))
        .on_type("reports", "report.weekly", noting("weekly"))
        .on("thumbnails-generate", noting("thumbnails"));
    let started = Started::new(worker);
    for (name, kind, number) in [
        ("reports", "report.daily", 1),
        ("reports", "report.weekly", 2),
        ("reports", "report.yearly", 3),
        ("thumbnails-generate", "report.daily", 4),
        ("elsewhere", "report.daily", 5),
    ] {
        layer.send(&channel(name), job(kind, number)).await.unwrap();
    }
    layer.send(&channel("reports"), message! { "number": 6 }).await.unwrap();
    started.until("all are handled", |stats| stats.done == 5).await;
    let stats = started.stop().await.unwrap();
    assert_eq!((stats.received, stats.unknown, stats.running), (5, 0, 0));
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort_by_key(|(_, number)| *number);
    assert_eq!(seen, [("daily", 1), ("weekly", 2), ("rest", 3), ("thumbnails", 4), ("rest", 6)]);
}

#[tokio::test]
async fn two_workers_share_the_work() {
    let layer = MemoryLayer::default();
    let handled = Arc::new(Mutex::new(Vec::new()));
    let start = || {
        let handled = Arc::clone(&handled);
        Started::new(Worker::new(layer.clone()).on("work", move |message: Message| {
            handled.lock().unwrap().push(number(&message));
            ready(())
        }))
    };
    let (one, two) = (start(), start());
    for number in 0..50 {
        layer.send(&channel("work"), job("job", number)).await.unwrap();
        tokio::task::yield_now().await;
    }
    let done = |worker: &Started<MemoryLayer>| worker.worker.stats().done;
    one.until("all are handled", |_| done(&one) + done(&two) == 50).await;
    assert!(done(&one) > 0 && done(&two) > 0, "both had a part");
    one.stop().await.unwrap();
    two.stop().await.unwrap();
    let mut handled = std::mem::take(&mut *handled.lock().unwrap());
    handled.sort_unstable();
    assert_eq!(handled, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn handlers_are_bounded_and_what_is_not_handled_waits_in_the_layer() {
    let layer = MemoryLayer::default();
    let (now, most, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let handler = {
        let (now, most, gate) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&gate));
        move |_| {
            let (now, most, gate) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&gate));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                now.fetch_sub(1, Ordering::SeqCst);
            }
        }
    };
    let worker = Worker::new(layer.clone()).on("slow", handler).on("quick", |_| ready(())).with_concurrency(3);
    let started = Started::new(worker);
    for number in 0..10 {
        layer.send(&channel("slow"), job("job", number)).await.unwrap();
    }
    started.until("there is no more room", |stats| stats.running == 3).await;
    // A busy channel does not hold up another one.
    layer.send(&channel("quick"), job("job", 0)).await.unwrap();
    started.until("the other channel is served", |stats| stats.done == 1).await;
    assert_eq!(started.worker.stats().received, 4, "the others wait in the layer");
    gate.add_permits(4);
    started.until("four have ended", |stats| stats.done == 5 && stats.running == 3).await;
    let Started { worker, stop, task } = started;
    drop(stop);
    gate.add_permits(100);
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
    let stats = worker.stats();
    assert_eq!((stats.received, stats.cut, most.load(Ordering::SeqCst)), (stats.done, 0, 3));
    for number in (i64::try_from(stats.done).unwrap() - 1)..10 {
        assert_eq!(self::number(&layer.receive(&channel("slow")).await.unwrap()), number, "what it left is there");
    }
}

#[tokio::test]
async fn with_a_concurrency_of_one_messages_are_handled_in_order() {
    let layer = MemoryLayer::default();
    let order = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&order);
    let worker = Worker::new(layer.clone()).with_concurrency(1).on("work", move |message: Message| {
        let noted = Arc::clone(&noted);
        async move {
            for _ in 0..number(&message) % 3 {
                tokio::task::yield_now().await;
            }
            noted.lock().unwrap().push(number(&message));
        }
    });
    for number in 0..20 {
        layer.send(&channel("work"), job("job", number)).await.unwrap();
    }
    let started = Started::new(worker);
    started.until("all are handled", |stats| stats.done == 20).await;
    started.stop().await.unwrap();
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn faults_of_handlers_are_contained_and_counted() {
    let layer = MemoryLayer::default();
    let worker = Worker::new(layer.clone())
        .on_type("work", "fails", |_| async { Err(Error::new(ErrorKind::Io, "the disk is full")) })
        .on_type("work", "fails.with.text", |_| async { Err("a text is an error too") })
        .on_type("work", "panics", |message| async move { assert_eq!(number(&message), 0, "cannot do it") })
        .on_type("work", "panics.at.once", |message: Message| {
            assert_eq!(number(&message), 0, "cannot begin");
            ready(())
        })
        .on_type("work", "works", |_| async { Ok::<_, Error>(()) })
        .with_concurrency(1);
    let started = Started::new(worker);
    for kind in ["fails", "panics", "fails.with.text", "panics.at.once", "what.is.this", "works"] {
        layer.send(&channel("work"), job(kind, 1)).await.unwrap();
    }
    layer.send(&channel("work"), message! { "no": "type" }).await.unwrap();
    layer.send(&channel("work"), job("works", 2)).await.unwrap();
    started.until("the last one is handled", |stats| stats.done == 2).await;
    let stats = started.stop().await.unwrap();
    assert_eq!((stats.received, stats.failed, stats.panicked, stats.unknown, stats.done), (8, 2, 2, 2, 2));
}

#[tokio::test]
async fn a_shutdown_waits_for_the_handlers_that_run() {
    let layer = MemoryLayer::default();
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let worker = Worker::new(layer.clone()).on("work", move |_| {
        let gate = Arc::clone(&gate);
        async move { gate.notified().await }
    });
    let started = Started::new(worker);
    layer.send(&channel("work"), job("job", 1)).await.unwrap();
    started.until("it is handled", |stats| stats.running == 1).await;
    let Started { worker, stop, mut task } = started;
    drop(stop);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!task.is_finished(), "a handler runs");
    layer.send(&channel("work"), job("job", 2)).await.unwrap();
    go_on.notify_one();
    tokio::time::timeout(PATIENCE, &mut task).await.unwrap().unwrap().unwrap();
    let stats = worker.stats();
    assert_eq!((stats.received, stats.done, stats.cut), (1, 1, 0));
    assert_eq!(number(&layer.receive(&channel("work")).await.unwrap()), 2, "it was not taken any more");
}

#[tokio::test(start_paused = true)]
async fn handlers_that_do_not_end_are_cut() {
    let layer = MemoryLayer::default();
    let worker = Worker::new(layer.clone()).on("work", |_| pending::<()>()).with_drain_timeout(Duration::from_secs(5));
    let started = Started::new(worker);
    for number in 0..3 {
        layer.send(&channel("work"), job("job", number)).await.unwrap();
    }
    started.until("they are handled", |stats| stats.running == 3).await;
    let before = tokio::time::Instant::now();
    let stats = started.stop().await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 5);
    assert_eq!((stats.cut, stats.done, stats.running), (3, 0, 0));
}

#[tokio::test]
async fn dropping_the_run_cuts_its_handlers_and_takes_no_more() {
    let layer = MemoryLayer::default();
    let started = Started::new(Worker::new(layer.clone()).on("work", |_| pending::<()>()));
    layer.send(&channel("work"), job("job", 1)).await.unwrap();
    started.until("it is handled", |stats| stats.running == 1).await;
    started.task.abort();
    started.until("it is cut", |stats| stats.cut == 1 && stats.running == 0).await;
    layer.send(&channel("work"), job("job", 2)).await.unwrap();
    assert_eq!(number(&layer.receive(&channel("work")).await.unwrap()), 2);
}

#[tokio::test]
async fn mistakes_are_told_by_run() {
    let run = async |worker: Worker<MemoryLayer>| worker.run(pending()).await.unwrap_err();
    let new = || Worker::new(MemoryLayer::default());
    let error = run(new()).await;
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("`on`"), "{error}");
    let error = run(new().on("not a name", |_| ready(())).on("work", |_| ready(()))).await;
    assert!(error.kind() == ErrorKind::InvalidName && error.to_string().contains("not a name"), "{error}");
    let error = run(new().on("work", |_| ready(())).on("work", |_| ready(()))).await;
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("work"), "{error}");
    let twice = new().on_type("work", "job", |_| ready(())).on_type("work", "job", |_| ready(()));
    let error = run(twice).await;
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("\"job\""), "{error}");
}

#[tokio::test]
async fn a_closed_layer_ends_the_worker_once_its_handlers_have_ended() {
    let layer = MemoryLayer::default();
    let (ended, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (ending, waiting) = (Arc::clone(&ended), Arc::clone(&gate));
    let worker = Worker::new(layer.clone()).on("idle", |_| ready(())).on("work", move |_| {
        let (ended, gate) = (Arc::clone(&ending), Arc::clone(&waiting));
        async move {
            gate.notified().await;
            ended.fetch_add(1, Ordering::SeqCst);
        }
    });
    let started = Started::new(worker);
    layer.send(&channel("work"), job("job", 1)).await.unwrap();
    started.until("it is handled", |stats| stats.running == 1).await;
    layer.close().await.unwrap();
    gate.notify_one();
    let error = tokio::time::timeout(PATIENCE, started.task).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

/// A layer whose next receives fail.
#[derive(Clone)]
struct Failing {
    inner: MemoryLayer,
    failures: Arc<Mutex<Vec<ErrorKind>>>,
    asked: Arc<Mutex<Vec<tokio::time::Instant>>>,
}

impl ChannelLayer for Failing {
    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        self.asked.lock().unwrap().push(tokio::time::Instant::now());
        let failure = self.failures.lock().unwrap().pop();
        match failure {
            Some(kind) => Err(Error::new(kind, "the server is away")),
            None => self.inner.receive(channel).await,
        }
    }

    fn send(&self, channel: &ChannelName, message: Message) -> impl Future<Output = Result<()>> + Send {
        self.inner.send(channel, message)
    }

    fn new_channel(&self, prefix: &str) -> impl Future<Output = Result<ChannelName>> + Send {
        self.inner.new_channel(prefix)
    }

    fn mailbox(&self, prefix: &str, options: MailboxOptions) -> impl Future<Output = Result<Mailbox>> + Send {
        self.inner.mailbox(prefix, options)
    }

    fn group_add(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send {
        self.inner.group_add(group, channel)
    }

    fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send {
        self.inner.group_discard(group, channel)
    }

    fn group_send(&self, group: &GroupName, message: Message) -> impl Future<Output = Result<()>> + Send {
        self.inner.group_send(group, message)
    }

    fn flush(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.flush()
    }

    fn close(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.close()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_out_of_reach_is_tried_again_ever_less_often() {
    const FAILURES: usize = 15;
    let kinds = [ErrorKind::Unavailable, ErrorKind::Disconnected, ErrorKind::Timeout, ErrorKind::Io];
    let failures = kinds.into_iter().cycle().take(FAILURES).collect();
    let layer =
        Failing { inner: MemoryLayer::default(), failures: Arc::new(Mutex::new(failures)), asked: Arc::default() };
    let (done, finished) = oneshot::channel::<()>();
    let done = Mutex::new(Some(done));
    let worker = Worker::new(layer.clone()).on("work", move |_| {
        let done = done.lock().unwrap().take();
        async move { drop(done) }
    });
    // A first failure long ago does not make a later one wait longer, so the message comes at the end.
    let sender = layer.clone();
    let sending = async move {
        tokio::time::sleep(Duration::from_secs(600)).await;
        sender.send(&channel("work"), job("job", 1)).await.unwrap();
        drop(finished.await);
    };
    worker.run(sending).await.unwrap();
    let stats = worker.stats();
    assert_eq!((stats.receive_errors, stats.received), (FAILURES as u64, 1));
    let asked = layer.asked.lock().unwrap();
    let pauses: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).take(FAILURES).collect();
    for (failed, pause) in pauses.iter().enumerate() {
        let longest = Duration::from_millis(100 << failed.min(10)).min(Duration::from_secs(30));
        assert!(*pause >= longest / 2 && *pause <= longest + Duration::from_millis(2), "{failed}: {pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_server_out_of_reach() {
    let failures = Arc::new(Mutex::new(vec![ErrorKind::Unavailable; 1000]));
    let layer = Failing { inner: MemoryLayer::default(), failures, asked: Arc::default() };
    let started = Started::new(Worker::new(layer).on("work", |_| ready(())));
    tokio::time::sleep(Duration::from_secs(300)).await;
    let before = tokio::time::Instant::now();
    let stats = started.stop().await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(stats.receive_errors > 10, "{stats:?}");
}

#[tokio::test]
async fn a_name_that_the_layer_refuses_ends_the_worker() {
    let failures = Arc::new(Mutex::new(vec![ErrorKind::InvalidName]));
    let layer = Failing { inner: MemoryLayer::default(), failures, asked: Arc::default() };
    let worker = Worker::new(layer).on("work", |_| ready(())).on("more", |_| ready(()));
    let error = tokio::time::timeout(PATIENCE, worker.run(pending())).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidName);
}
