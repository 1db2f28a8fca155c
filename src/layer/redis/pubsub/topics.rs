//! The Redis channels that this process wants to hear on one host, and the tasks that see to it: one for each server,
//! of which a cluster has several.
//!
//! What must stay true: a topic is wanted as long as a [`Subscription`] to it lives. Each wanted topic has one source at
//! most, and is subscribed to at a new one only after the old one was given up; what the old one still sends is not
//! listened to from then on. So no message comes twice, however a topic moves: the new source has what was published
//! after it was subscribed to, the old one gave what was published before it was given up. Whether a server has a
//! subscription is known by what it pushes, never by its answers: on a cluster it ends subscriptions unasked, and the
//! library takes that for the answer to whatever command is on its way.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Pipeline, PushInfo, PushKind, RedisError, Value};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Result;
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::fault;
use crate::layer::redis::link::{Link, State};

/// How many topics are subscribed to, and how many given up, in one go.
const CHUNK: usize = 500;

/// The topics of one host.
#[derive(Debug)]
pub(super) struct Topics {
    state: Mutex<Wants>,
    /// Moves on when there is something to do.
    changed: watch::Sender<()>,
    /// Moves on with each change of what is confirmed.
    done: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Wants {
    /// How many want each topic.
    wanted: HashMap<Arc<str>, usize>,
    /// The wanted topics without a source.
    pending: HashSet<Arc<str>>,
    sources: HashMap<Arc<str>, Held>,
    /// What is to be given up where.
    surplus: HashMap<Source, HashSet<Arc<str>>>,
    /// Whether a wanted topic has lost its source since somebody asked.
    disturbed: bool,
}

#[derive(Debug)]
struct Held {
    source: Source,
    confirmed: bool,
}

/// Where a topic is heard: a server, and the how many-th connection to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) node: Arc<str>,
    pub(super) connection: u64,
}

/// How a server is subscribed to.
#[derive(Clone, Copy)]
pub(super) struct Verbs {
    subscribe: &'static str,
    unsubscribe: &'static str,
}

/// Of a server of its own.
pub(super) const PLAIN: Verbs = Verbs { subscribe: "SUBSCRIBE", unsubscribe: "UNSUBSCRIBE" };

/// Of a node of a cluster.
pub(super) const SHARDED: Verbs = Verbs { subscribe: "SSUBSCRIBE", unsubscribe: "SUNSUBSCRIBE" };

/// Somebody's interest in a topic. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Subscription {
    topics: Arc<Topics>,
    topic: Arc<str>,
}

impl Topics {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: watch::Sender::new(()), done: watch::Sender::new(()) })
    }

    /// Wants a topic.
    pub(super) fn want(self: &Arc<Self>, topic: &str) -> Subscription {
        let topic: Arc<str> = topic.into();
        let mut state = self.lock();
        let count = state.wanted.entry(Arc::clone(&topic)).or_default();
        *count += 1;
        if *count == 1 {
            state.pending.insert(Arc::clone(&topic));
            self.changed.send_replace(());
        }
        drop(state);
        Subscription { topics: Arc::clone(self), topic }
    }

    /// Whether a topic is heard from there.
    pub(super) fn hears(&self, topic: &str, source: &Source) -> bool {
        self.lock().sources.get(topic).is_some_and(|held| held.source == *source)
    }

    /// Takes note of what a server says of a subscription.
    pub(super) fn note(&self, source: &Source, push: &PushInfo) {
        let Some(Value::BulkString(topic)) = push.data.first() else { return };
        let Ok(topic) = std::str::from_utf8(topic) else { return };
        let mut state = self.lock();
        let Some(held) = state.sources.get_mut(topic).filter(|held| held.source == *source) else { return };
        match push.kind {
            PushKind::Subscribe | PushKind::SSubscribe => held.confirmed = true,
            // One that was not confirmed yet is that of a subscription before.
            PushKind::Unsubscribe | PushKind::SUnsubscribe if held.confirmed => {
                state.lose(topic);
                self.changed.send_replace(());
            }
            _ => return,
        }
        drop(state);
        self.done.send_replace(());
    }

    /// Keeps the subscriptions at a server as they are wanted, over the connections of a link, for the topics that it
    /// `owns`. `refused` is told an error that the server answered with, `restored` the number of each connection once it
    /// has everything.
    pub(super) async fn run(
        &self,
        link: &Link,
        verbs: Verbs,
        owns: impl Fn(&str) -> bool,
        refused: impl Fn(&RedisError),
        mut restored: impl FnMut(u64),
    ) {
        let (mut state, mut changed, mut made) = (link.watch(), self.changed.subscribe(), 0);
        let (mut backoff, mut known) = (Backoff::default(), 0);
        loop {
            changed.mark_unchanged();
            let now = state.borrow_and_update().clone();
            let connection = if let State::Up(_, number) = &now { *number } else { 0 };
            let source = Source { node: Arc::clone(link.host()), connection };
            if connection != known {
                self.forget(&source);
                known = connection;
            }
            if let State::Up(opened, number) = now {
                match self.reconcile(&mut opened.connection.clone(), &source, verbs, &owns).await {
                    Ok(()) => {
                        backoff = Backoff::default();
                        if number != made {
                            restored(number);
                            self.done.send_replace(());
                        }
                        made = number;
                    }
                    Err(e) => {
                        tracing::debug!(host = %link.host(), error = %e, "subscriptions were not made; trying again");
                        link.suspect();
                        refused(&e);
                        backoff.wait().await;
                        continue;
                    }
                }
            }
            tokio::select! {
                changed = state.changed() => if changed.is_err() { return },
                // It cannot fail: the sender is here.
                _ = changed.changed() => {}
            }
        }
    }

    /// Makes a server's subscriptions those that are wanted.
    async fn reconcile(
        &self,
        connection: &mut MultiplexedConnection,
        source: &Source,
        verbs: Verbs,
        owns: &impl Fn(&str) -> bool,
    ) -> Result<(), RedisError> {
        loop {
            let (surplus, missing) = self.lock().take(source, owns);
            if missing.is_empty() && surplus.is_empty() {
                return Ok(());
            }
            // Each in a command of its own, which has one answer: the library counts them.
            let mut commands = Pipeline::with_capacity(surplus.len() + missing.len());
            for topic in &surplus {
                commands.cmd(verbs.unsubscribe).arg(&**topic);
            }
            for topic in &missing {
                commands.cmd(verbs.subscribe).arg(&**topic);
            }
            let answers = connection.req_packed_commands(&commands, 0, commands.len()).await;
            self.lock().put_back(source, &missing);
            self.done.send_replace(());
            let answers: Result<Vec<Value>, RedisError> = answers?.into_iter().map(Value::extract_error).collect();
            answers?;
        }
    }

    /// Takes back what was subscribed to over another connection of a server.
    fn forget(&self, now: &Source) {
        let stale = |source: &Source| source.node == now.node && source.connection != now.connection;
        let mut state = self.lock();
        state.surplus.retain(|source, _| !stale(source));
        state.lose_if(|_, source| stale(source));
    }

    /// Takes back what was subscribed to at a server that is none any more.
    pub(super) fn leave(&self, node: &Arc<str>) {
        self.forget(&Source { node: Arc::clone(node), connection: 0 });
        self.changed.send_replace(());
    }

    /// Gives up every source that is not where its topic belongs.
    pub(super) fn reassign(&self, belongs: impl Fn(&str, &Source) -> bool) {
        let mut state = self.lock();
        let lost = state.lose_if(|topic, source| !belongs(topic, source));
        for (topic, source) in lost {
            state.surplus.entry(source).or_default().insert(topic);
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Whether a wanted topic has lost its source since this was asked last.
    pub(super) fn was_disturbed(&self) -> bool {
        std::mem::take(&mut self.lock().disturbed)
    }

    /// Whether everything that is wanted is confirmed.
    pub(super) fn is_complete(&self) -> bool {
        let state = self.lock();
        state.pending.is_empty() && state.sources.values().all(|held| held.confirmed)
    }

    /// Moves on with each change of what is confirmed.
    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.done.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Wants> {
        // Nothing under the lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wants {
    /// Some of what is to be given up at a source, and of what is to be subscribed to there, which has it for its source
    /// from now on.
    fn take(&mut self, source: &Source, owns: &impl Fn(&str) -> bool) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let missing: Vec<_> = self.pending.iter().filter(|topic| owns(topic)).take(CHUNK).cloned().collect();
        let mut surplus = self.surplus.remove(source).unwrap_or_default();
        for topic in &missing {
            surplus.remove(topic);
            self.pending.remove(topic);
            self.sources.insert(Arc::clone(topic), Held { source: source.clone(), confirmed: false });
        }
        let now: Vec<_> = surplus.iter().take(CHUNK).cloned().collect();
        surplus.retain(|topic| !now.contains(topic));
        if !surplus.is_empty() {
            self.surplus.insert(source.clone(), surplus);
        }
        (now, missing)
    }

    /// Has what was not confirmed after all subscribed to again.
    fn put_back(&mut self, source: &Source, topics: &[Arc<str>]) {
        for topic in topics {
            let unconfirmed = |held: &Held| held.source == *source && !held.confirmed;
            if self.sources.get(topic).is_some_and(unconfirmed) {
                self.sources.remove(topic);
                self.pending.insert(Arc::clone(topic));
            }
        }
    }

    /// A topic has lost its source.
    fn lose(&mut self, topic: &str) -> Option<(Arc<str>, Source)> {
        let (topic, held) = self.sources.remove_entry(topic)?;
        self.pending.insert(Arc::clone(&topic));
        self.disturbed = true;
        Some((topic, held.source))
    }

    fn lose_if(&mut self, lost: impl Fn(&str, &Source) -> bool) -> Vec<(Arc<str>, Source)> {
        let topics = self.sources.iter().filter(|(topic, held)| lost(topic, &held.source));
        let topics: Vec<_> = topics.map(|(topic, _)| Arc::clone(topic)).collect();
        topics.iter().filter_map(|topic| self.lose(topic)).collect()
    }
}

impl Subscription {
    /// Waits until the server has confirmed it, so that what is published from now on arrives.
    pub(super) async fn confirmed(&self, host: &str, patience: Duration) -> Result<()> {
        let mut done = self.topics.watch();
        let confirmed =
            done.wait_for(|()| self.topics.lock().sources.get(&self.topic).is_some_and(|held| held.confirmed));
        match timeout(patience, confirmed).await {
            Ok(_) => Ok(()),
            Err(_) => Err(fault::unreachable(host, "a subscription was not confirmed in time")),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut guard = self.topics.lock();
        let state = &mut *guard;
        let Some(count) = state.wanted.get_mut(&self.topic) else { return };
        *count -= 1;
        if *count == 0 {
            state.wanted.remove(&self.topic);
            state.pending.remove(&self.topic);
            if let Some((topic, held)) = state.sources.remove_entry(&self.topic) {
                state.surplus.entry(held.source).or_default().insert(topic);
            }
            self.topics.changed.send_replace(());
        }
    }
}
