//! What the fault tests share: a layer that listens, somebody who talks all the time, and clocks.

use std::collections::HashSet;
use std::future::Future;
use std::time::{Duration, Instant};

use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer, RedisStats};
use channel_layers::layer::{ChannelLayer, LayerEvent, LayerEvents, Mailbox, MailboxOptions};
use channel_layers::{ChannelName, ErrorKind, GroupName, Message, Result, message};
use rig::{RedisServer, within};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A layer over Redis.
pub(crate) trait Redis: ChannelLayer + Clone {
    /// Whether messages wait in Redis.
    const KEEPS: bool;

    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send;

    fn begin(config: RedisConfig) -> Self;

    fn count(&self) -> RedisStats;
}

impl Redis for RedisLayer {
    const KEEPS: bool = true;

    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send {
        Self::connect(config)
    }

    fn begin(config: RedisConfig) -> Self {
        Self::new(config).unwrap()
    }

    fn count(&self) -> RedisStats {
        self.stats()
    }
}

impl Redis for RedisPubSubLayer {
    const KEEPS: bool = false;

    fn open(config: RedisConfig) -> impl Future<Output = Result<Self>> + Send {
        Self::connect(config)
    }

    fn begin(config: RedisConfig) -> Self {
        Self::new(config).unwrap()
    }

    fn count(&self) -> RedisStats {
        self.stats()
    }
}

/// Runs tests that are generic over the layer on both.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod core {
            $(#[tokio::test]
            async fn $test() {
                super::$test::<channel_layers::layer::redis::RedisLayer>().await;
            })+
        }

        mod pubsub {
            $(#[tokio::test]
            async fn $test() {
                super::$test::<channel_layers::layer::redis::RedisPubSubLayer>().await;
            })+
        }
    };
}
pub(crate) use on_both;

pub(crate) fn config(url: &str) -> RedisConfig {
    RedisConfig::new([Host::url(url).unwrap()])
}

pub(crate) fn name(channel: &str) -> ChannelName {
    ChannelName::new(channel).unwrap()
}

pub(crate) fn room() -> GroupName {
    GroupName::new("room").unwrap()
}

/// The key of [`room`] in Redis.
pub(crate) const ROOM: &str = "asgi:group:room";

pub(crate) fn numbered(number: i64) -> Message {
    message! { "type": "number", "number": number }
}

pub(crate) fn number(message: &Message) -> i64 {
    message.get("number").and_then(|value| value.as_int()).unwrap()
}

/// Waits for an event; others may come first.
pub(crate) async fn happens(events: &mut LayerEvents, what: &str, wanted: fn(&LayerEvent) -> bool) -> LayerEvent {
    within(what, async {
        loop {
            let event = events.next().await.expect("the layer is open");
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
}

pub(crate) async fn disconnected(events: &mut LayerEvents) {
    happens(events, "disconnected", |event| matches!(event, LayerEvent::Disconnected { .. })).await;
}

/// Waits until the layer is in reach again; returns for how long it says that it was not.
pub(crate) async fn reconnected(events: &mut LayerEvents) -> Duration {
    let event = happens(events, "reconnected", |event| matches!(event, LayerEvent::Reconnected { .. })).await;
    let LayerEvent::Reconnected { after, .. } = event else { unreachable!() };
    after
}

/// How long something takes.
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// It is done by now, and that was soon enough.
    pub(crate) fn done(&self, what: &str, bound: Duration) {
        let took = self.elapsed();
        println!("measured: {what}: {took:.2?}");
        assert!(took <= bound, "{what}: took {took:?}, {bound:?} are allowed");
    }
}

/// A layer with a mailbox in [`room`].
pub(crate) struct Member<L> {
    pub(crate) layer: L,
    pub(crate) mailbox: Mailbox,
    pub(crate) events: LayerEvents,
    /// What it has heard.
    pub(crate) heard: Vec<i64>,
}

impl<L: Redis> Member<L> {
    pub(crate) async fn join(config: RedisConfig) -> Self {
        let layer = L::open(config).await.unwrap();
        let events = layer.events();
        let mailbox = layer.mailbox("member", MailboxOptions::default().with_capacity(100_000)).await.unwrap();
        layer.group_add(&room(), mailbox.channel()).await.unwrap();
        Self { layer, mailbox, events, heard: Vec::new() }
    }

    /// Waits for a number at least so high.
    pub(crate) async fn hears(&mut self, at_least: i64) {
        within(&format!("number {at_least}"), async {
            while self.heard.last().is_none_or(|last| *last < at_least) {
                let message = self.mailbox.recv().await.unwrap();
                self.heard.push(number(&message));
            }
        })
        .await;
    }

    /// Nothing was delivered twice, and everything in the order in which it was sent.
    pub(crate) fn heard_once_in_order(&self) {
        let wrong = self.heard.windows(2).find(|pair| pair[0] >= pair[1]);
        assert!(wrong.is_none(), "{wrong:?} in {:?}", self.heard);
    }
}

/// What somebody who talks has said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// The number that is said next.
    pub(crate) next: i64,
    /// The numbers that were taken.
    pub(crate) taken: Vec<i64>,
    /// How others failed.
    pub(crate) failures: HashSet<ErrorKind>,
}

/// Somebody who sends rising numbers to [`room`] until told to stop.
pub(crate) struct Chatter {
    said: watch::Receiver<Said>,
    task: JoinHandle<()>,
}

impl Chatter {
    pub(crate) fn begin<L: Redis>(layer: &L) -> Self {
        let (log, said) = watch::channel(Said::default());
        let layer = layer.clone();
        let task = tokio::spawn(async move {
            loop {
                let next = log.borrow().next;
                let sent = layer.group_send(&room(), numbered(next)).await;
                log.send_modify(|said| {
                    said.next += 1;
                    match sent {
                        Ok(()) => said.taken.push(next),
                        Err(e) => drop(said.failures.insert(e.kind())),
                    }
                });
                rig::pause().await;
            }
        });
        Self { said, task }
    }

    pub(crate) fn said(&self) -> Said {
        self.said.borrow().clone()
    }

    /// Waits until sending has failed like this.
    pub(crate) async fn fails(&mut self, kind: ErrorKind) {
        let failed = self.said.wait_for(|said| said.failures.contains(&kind));
        within(&format!("a failure: {kind:?}"), failed).await.unwrap();
    }

    /// Waits until what is being said now arrives.
    pub(crate) async fn is_heard_by<L: Redis>(&mut self, member: &mut Member<L>) {
        let next = self.said().next;
        member.hears(next).await;
    }

    /// Ends it; what it said is known by then.
    pub(crate) async fn stop(self) -> Said {
        self.task.abort();
        let _ = self.task.await;
        self.said.borrow().clone()
    }
}

/// A connection as its server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) port: u16,
    command: String,
    subscriptions: u32,
    pub(crate) waits: bool,
    pub(crate) idle: u64,
}

impl Seen {
    /// The connection that pops, or one of them.
    pub(crate) fn reads(&self) -> bool {
        self.command == "bzmpop"
    }

    pub(crate) fn listens(&self) -> bool {
        self.subscriptions > 0
    }

    pub(crate) fn commands(&self) -> bool {
        !self.reads() && !self.listens()
    }
}

/// The connections of layers.
pub(crate) async fn seen(server: &RedisServer) -> Vec<Seen> {
    let clients = server.clients().await;
    let of_layers = clients.into_iter().filter(|client| !client["addr"].contains("sock"));
    let seen = of_layers.map(|client| Seen {
        id: client["id"].clone(),
        port: client["addr"].rsplit(':').next().unwrap().parse().unwrap_or_default(),
        command: client["cmd"].clone(),
        subscriptions: client["sub"].parse().unwrap(),
        waits: client["flags"].contains('b'),
        idle: client["idle"].parse().unwrap(),
    });
    seen.collect()
}

/// Waits for the only connection of a kind.
pub(crate) async fn the(server: &RedisServer, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
    within(what, async {
        loop {
            if let [only] = &seen(server).await.into_iter().filter(&wanted).collect::<Vec<_>>()[..] {
                return only.clone();
            }
            rig::pause().await;
        }
    })
    .await
}

pub(crate) async fn kill(server: &RedisServer, connection: &Seen) {
    let killed = server.ok(&["CLIENT", "KILL", "ID", &connection.id]).await.int();
    assert_eq!(killed, 1, "{connection:?}");
}
