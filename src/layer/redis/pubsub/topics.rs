//! The Redis channels that this process wants to hear, place by place, and the tasks that see to it.
//!
//! What must stay true: a topic is wanted as long as a [`Subscription`] to it lives. One task at each place makes what
//! the server has equal to what is wanted, on every connection from its first moment, so nothing that the library
//! remembers of subscriptions is relied on.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::Result;
use crate::layer::redis::fault;
use crate::layer::redis::link::{Link, State};

/// How many topics one command names.
const CHUNK: usize = 500;

/// The topics of one place.
#[derive(Debug)]
pub(super) struct Topics {
    state: Mutex<Wants>,
    changed: Notify,
    /// Moves on with each change of what the server has.
    done: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Wants {
    /// How many want each topic.
    wanted: HashMap<Arc<str>, usize>,
    subscribed: HashSet<Arc<str>>,
}

/// Somebody's interest in a topic. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Subscription {
    topics: Arc<Topics>,
    topic: Arc<str>,
}

impl Topics {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Notify::new(), done: watch::Sender::new(0) })
    }

    /// Wants a topic.
    pub(super) fn want(self: &Arc<Self>, topic: &str) -> Subscription {
        let topic: Arc<str> = topic.into();
        let mut state = self.lock();
        let count = state.wanted.entry(Arc::clone(&topic)).or_default();
        *count += 1;
        if *count == 1 {
            self.changed.notify_one();
        }
        drop(state);
        Subscription { topics: Arc::clone(self), topic }
    }

    /// Keeps the server's subscriptions as they are wanted, over the connections of a link; `restored` is told
    /// the number of each connection once it has all of them.
    pub(super) async fn run(&self, link: &Link, mut restored: impl FnMut(u64)) {
        let (mut state, mut made) = (link.watch(), 0);
        loop {
            let now = state.borrow_and_update().clone();
            if let State::Up(opened, number) = now {
                let fresh = number != made;
                if fresh {
                    self.lock().subscribed.clear();
                }
                match self.reconcile(&mut opened.connection.clone()).await {
                    Ok(()) => {
                        if fresh {
                            restored(number);
                        }
                        made = number;
                    }
                    Err(e) => {
                        tracing::debug!(host = %link.host(), error = %e, "subscriptions were not made; trying again");
                        link.suspect();
                    }
                }
            }
            tokio::select! {
                changed = state.changed() => if changed.is_err() { return },
                () = self.changed.notified() => {}
            }
        }
    }

    /// Makes the server's subscriptions those that are wanted.
    async fn reconcile(&self, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
        loop {
            let (missing, surplus) = self.differences();
            if missing.is_empty() && surplus.is_empty() {
                return Ok(());
            }
            if !missing.is_empty() {
                connection.subscribe(names(&missing)).await?;
                self.lock().subscribed.extend(missing);
            }
            if !surplus.is_empty() {
                connection.unsubscribe(names(&surplus)).await?;
            }
            self.done.send_modify(|number| *number += 1);
        }
    }

    /// Some of what is wanted and not subscribed, and of what is subscribed and not wanted. The latter counts as ended at
    /// once, so that whoever wants it again meanwhile waits until it is made again.
    fn differences(&self) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let mut state = self.lock();
        let missing = state.wanted.keys().filter(|topic| !state.subscribed.contains(*topic));
        let missing: Vec<_> = missing.take(CHUNK).cloned().collect();
        let surplus = state.subscribed.iter().filter(|topic| !state.wanted.contains_key(*topic));
        let surplus: Vec<_> = surplus.take(CHUNK).cloned().collect();
        for topic in &surplus {
            state.subscribed.remove(topic);
        }
        (missing, surplus)
    }

    fn lock(&self) -> MutexGuard<'_, Wants> {
        // Nothing under the lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn names(topics: &[Arc<str>]) -> Vec<&str> {
    topics.iter().map(|topic| &**topic).collect()
}

impl Subscription {
    /// Waits until the server has confirmed it, so that what is published from now on arrives.
    pub(super) async fn confirmed(&self, host: &str, patience: Duration) -> Result<()> {
        let mut done = self.topics.done.subscribe();
        let confirmed = done.wait_for(|_| self.topics.lock().subscribed.contains(&self.topic));
        match timeout(patience, confirmed).await {
            Ok(_) => Ok(()),
            Err(_) => Err(fault::unreachable(host, "a subscription was not confirmed in time")),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.topics.lock();
        if let Some(count) = state.wanted.get_mut(&self.topic) {
            *count -= 1;
            if *count == 0 {
                state.wanted.remove(&self.topic);
                self.topics.changed.notify_one();
            }
        }
    }
}
