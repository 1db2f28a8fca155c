//! Gateways talk to each other, through the layer that they share.
//!
//! Each is a member of one group ([`Order::GROUP`]), in which it hears what the server wants of open sockets (`order`),
//! what other gateways tell of themselves (`nodes`) and what they ask (`survey`). Nothing here is needed to carry
//! messages: a gateway that cannot reach the others serves its sockets on.
//!
//! What must stay true: the message types are reserved ones (they begin with `_`), so no client can send them whatever
//! group or channel it may send to.

mod nodes;
mod order;
mod survey;

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::seldom::Seldom;
use super::shard::Command;
use super::shared::Shared;
use crate::layer::{ChannelLayer, Mailbox, MailboxOptions};
use crate::protocol::{ChannelName, GroupName};
use crate::{ErrorKind, Message, Result};
use nodes::{HEARTBEAT, Nodes};
use survey::Surveys;

pub use nodes::Node;
pub use order::{Order, Selector};
pub use survey::{GroupCount, Survey};

/// How long joining the group rests after it failed.
const RETRY: Duration = Duration::from_secs(1);

/// How the types begin of what gateways say to each other.
const FAMILY: &str = "_gateway.";

/// The most bytes of a type that is named in the log.
const KIND: usize = 40;

/// What gateways say to each other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Word {
    Order(Order),
    Told(Told),
}

/// What gateways say of themselves.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Told {
    /// One is there.
    #[serde(rename = "_gateway.node")]
    Node {
        #[serde(flatten)]
        node: Node,
        /// It has just begun, and wants to know of the others at once.
        #[serde(default)]
        new: bool,
    },
    /// One ends.
    #[serde(rename = "_gateway.bye")]
    Bye { node: String },
    /// One asks how many members groups have.
    #[serde(rename = "_gateway.ask")]
    Ask { from: String, reply: ChannelName, id: u64, prefix: String },
    /// The answer.
    #[serde(rename = "_gateway.answer")]
    Answer { id: u64, groups: Vec<(GroupName, u64)> },
}

/// A gateway's part in the talk.
#[derive(Debug)]
pub(crate) struct Control {
    /// This process' name among the gateways.
    name: String,
    begun: Instant,
    nodes: Nodes,
    surveys: Surveys,
    /// The channel that answers come to, once it is open.
    channel: OnceLock<ChannelName>,
    task: OnceLock<AbortHandle>,
}

fn group() -> GroupName {
    GroupName::new(Order::GROUP).expect("a valid name")
}

impl Control {
    pub(crate) fn new() -> Self {
        Self {
            name: format!("{:016x}", fastrand::u64(..)),
            begun: Instant::now(),
            nodes: Nodes::default(),
            surveys: Surveys::default(),
            channel: OnceLock::new(),
            task: OnceLock::new(),
        }
    }

    /// Begins to listen, if it does not yet. Needs a tokio runtime.
    pub(crate) fn start<L: ChannelLayer>(shared: &Arc<Shared<L>>) {
        let weak = Arc::downgrade(shared);
        shared.control.task.get_or_init(|| tokio::spawn(run(weak)).abort_handle());
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl<L: ChannelLayer> Shared<L> {
    /// Carries an order out here, and has the other gateways do so. Returns how many connections here it concerned.
    pub(crate) async fn order(self: &Arc<Self>, order: Order) -> Result<usize> {
        Control::start(self);
        order.check()?;
        let here = self.obey(order.clone()).await;
        let message = Message::encode(&Sent { node: &self.control.name, order: &order })?;
        self.layer.group_send(&group(), message).await.map(|()| here)
    }

    /// Carries an order out here.
    async fn obey(&self, order: Order) -> usize {
        let inboxes = self.connections.inboxes();
        let (count, mut counts) = mpsc::channel(inboxes.len());
        let order = Arc::new(order);
        inboxes.iter().for_each(|inbox| inbox.tell(Command::Order(Arc::clone(&order), count.clone())));
        drop(count);
        let mut sum = 0;
        while let Some(count) = counts.recv().await {
            sum += count;
        }
        sum
    }

    /// This gateway, as it is now.
    pub(crate) fn node(&self) -> Node {
        Node {
            node: self.control.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            uptime: self.control.begun.elapsed().as_secs(),
            connections: self.connections.len(),
            users: self.connections.users(),
            groups: self.hub.len(),
            draining: self.connections.draining(),
        }
    }

    /// The other gateways on the layer, as far as they have told of themselves.
    pub(crate) fn other_nodes(self: &Arc<Self>) -> Vec<Node> {
        Control::start(self);
        self.control.nodes.present(Instant::now())
    }

    /// Tells the other gateways that this one ends, for as long as that takes no time.
    pub(crate) async fn say_goodbye(&self) {
        let Some(task) = self.control.task.get() else { return };
        task.abort();
        if self.control.channel.get().is_some() {
            self.tell(&Told::Bye { node: self.control.name.clone() }).await;
        }
    }

    async fn tell(&self, told: &Told) {
        if let Err(error) = self.try_tell(told).await {
            tracing::debug!(%error, "the other gateways were not told of this one");
        }
    }

    async fn try_tell(&self, told: &Told) -> Result<()> {
        self.layer.group_send(&group(), Message::encode(told)?).await
    }

    async fn hear(&self, message: &Message) {
        if message.decode::<Own>().is_ok_and(|own| own.node == self.control.name) {
            return;
        }
        match message.decode::<Word>() {
            Ok(Word::Order(order)) => drop(self.obey(order).await),
            Ok(Word::Told(Told::Node { node, new })) => {
                self.control.nodes.hear(node, Instant::now());
                if new {
                    self.tell(&Told::Node { node: self.node(), new: false }).await;
                }
            }
            Ok(Word::Told(Told::Bye { node })) => self.control.nodes.forget(&node),
            Ok(Word::Told(Told::Ask { reply, id, prefix, from: _ })) => {
                self.answer(&reply, id, &prefix).await;
            }
            Ok(Word::Told(Told::Answer { id, groups })) => self.control.surveys.answer(id, groups),
            // Of a later version, or not for gateways. The error is not told: it may quote what the message says.
            Err(_) => {
                let kind = message.kind().filter(|kind| kind.starts_with(FAMILY) && kind.len() <= KIND);
                tracing::debug!(kind, "a message in the gateways' group was not understood");
            }
        }
    }
}

/// An order, and who has carried it out already.
#[derive(Serialize)]
struct Sent<'a> {
    node: &'a str,
    #[serde(flatten)]
    order: &'a Order,
}

/// Who says something.
#[derive(Deserialize)]
struct Own {
    #[serde(alias = "from")]
    node: String,
}

/// Listens for as long as the gateway is there.
async fn run<L: ChannelLayer>(shared: Weak<Shared<L>>) {
    let Some(mut mailbox) = join(&shared).await else { return };
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut new = true;
    loop {
        let message = tokio::select! {
            _ = heartbeat.tick() => None,
            received = mailbox.recv() => match received {
                Ok(message) => Some(message),
                Err(_) => return,
            },
        };
        let Some(shared) = shared.upgrade() else { return };
        match message {
            Some(message) => shared.hear(&message).await,
            None => shared.tell(&Told::Node { node: shared.node(), new: std::mem::take(&mut new) }).await,
        }
    }
}

/// Opens this gateway's channel in the group. The layer keeps it there.
async fn join<L: ChannelLayer>(shared: &Weak<Shared<L>>) -> Option<Mailbox> {
    let trouble = Seldom::default();
    loop {
        let shared = shared.upgrade()?;
        match try_join(&shared).await {
            Ok(mailbox) => {
                shared.control.channel.get_or_init(|| mailbox.channel().clone());
                return Some(mailbox);
            }
            Err(error) if error.kind() == ErrorKind::Closed => return None,
            Err(error) if trouble.may() => {
                tracing::warn!(%error, "the other gateways cannot be reached; trying again");
            }
            Err(_) => {}
        }
        drop(shared);
        sleep(RETRY).await;
    }
}

async fn try_join<L: ChannelLayer>(shared: &Shared<L>) -> Result<Mailbox> {
    let mailbox = shared.layer.mailbox("gateway", MailboxOptions::default()).await?;
    shared.layer.group_add(&group(), mailbox.channel()).await?;
    Ok(mailbox)
}
