//! The Rust side of the benchmark: the same loops as in `peer.py`, over our layers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use channel_layers::layer::{ChannelLayer, Layer, Mailbox, MailboxOptions};
use channel_layers::{GroupName, Message, message};
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub(crate) fn chat() -> Message {
    message! { "type": "bench.message", "text": "x".repeat(64), "n": 1 }
}

/// One layer, and what its measurements need, which is made once and kept.
pub(crate) struct Rust {
    layer: Layer,
    /// Sent over and over, as the other side does with its dictionary.
    message: Message,
    mailbox: Mailbox,
    members: HashMap<usize, Arc<Members>>,
    tasks: JoinSet<()>,
}

/// How many members have yet to receive the message that is on its way, and a bell for the last.
struct Members {
    group: GroupName,
    left: AtomicUsize,
    all: Notify,
}

impl Rust {
    pub(crate) async fn new(layer: Layer) -> Self {
        let mailbox = layer.mailbox("bench", MailboxOptions::default()).await.expect("a mailbox");
        Self { layer, message: chat(), mailbox, members: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Messages sent and received one by one on a channel that nobody owns, by the verbs that Django has, in a second.
    pub(crate) async fn send_by_name(&mut self, time: Duration) -> f64 {
        let name = self.layer.new_channel("bench").await.expect("a name");
        let (begun, mut done) = (Instant::now(), 0);
        while begun.elapsed() < time {
            self.layer.send(&name, self.message.clone()).await.expect("a send");
            self.layer.receive(&name).await.expect("the message");
            done += 1;
        }
        f64::from(done) / begun.elapsed().as_secs_f64()
    }

    /// Messages sent and received one by one, in a second.
    pub(crate) async fn send(&mut self, time: Duration) -> f64 {
        let (begun, mut done) = (Instant::now(), 0.0);
        while begun.elapsed() < time {
            self.layer.send(self.mailbox.channel(), self.message.clone()).await.expect("a send");
            self.mailbox.recv().await.expect("the message");
            done += 1.0;
        }
        done / begun.elapsed().as_secs_f64()
    }

    /// Deliveries in a second, to members that are tasks of their own; each message waits for all of the last one's.
    pub(crate) async fn group(&mut self, time: Duration, count: usize) -> f64 {
        let members = self.members(count).await;
        let (begun, mut done) = (Instant::now(), 0.0);
        while begun.elapsed() < time {
            members.left.store(count, Ordering::Release);
            self.layer.group_send(&members.group, self.message.clone()).await.expect("a send");
            members.all.notified().await;
            done += count as f64;
        }
        done / begun.elapsed().as_secs_f64()
    }

    async fn members(&mut self, count: usize) -> Arc<Members> {
        if let Some(members) = self.members.get(&count) {
            return Arc::clone(members);
        }
        let group = GroupName::new(format!("rust.{}.{count}", self.layer.capabilities().name)).expect("a name");
        let members = Arc::new(Members { group, left: AtomicUsize::new(0), all: Notify::new() });
        for _ in 0..count {
            let mailbox = self.layer.mailbox("bench", MailboxOptions::default()).await.expect("a mailbox");
            self.layer.group_add(&members.group, mailbox.channel()).await.expect("a member");
            self.tasks.spawn(Arc::clone(&members).receive(mailbox));
        }
        self.members.insert(count, Arc::clone(&members));
        members
    }
}

impl Members {
    async fn receive(self: Arc<Self>, mut mailbox: Mailbox) {
        while mailbox.recv().await.is_ok() {
            if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.all.notify_one();
            }
        }
    }
}
