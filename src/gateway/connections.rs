//! Which connections there are: their tasks, how to reach them, and how they all end.
//!
//! Every socket's task is in here from before it starts until it has ended, so a shutdown forgets none. HTTP servers
//! do not do that: an upgraded connection is none of theirs any more.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::outbox::Outbox;
use crate::protocol::ChannelName;

/// The connections of a gateway.
#[derive(Debug)]
pub(crate) struct Connections {
    state: Mutex<State>,
    limit: usize,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<u64, Entry>,
    channels: HashSet<ChannelName>,
    next: u64,
    shutting_down: bool,
}

#[derive(Debug)]
struct Entry {
    outbox: Arc<Outbox>,
    task: AbortHandle,
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), limit, ended: Notify::new() }
    }

    /// Starts a connection's task; false when there are too many, or the gateway shuts down.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        outbox: Arc<Outbox>,
        connection: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        let mut state = self.lock();
        if state.shutting_down || state.open.len() >= self.limit {
            return false;
        }
        let number = state.next;
        state.next += 1;
        let place = Place { connections: self.clone(), number };
        let task = tokio::spawn(async move {
            let _place = place;
            connection.await;
        });
        state.open.insert(number, Entry { outbox, task: task.abort_handle() });
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// Notes a channel as one of a connection here, for as long as the guard lives.
    pub(crate) fn channel(self: &Arc<Self>, name: ChannelName) -> LocalChannel {
        self.lock().channels.insert(name.clone());
        LocalChannel { connections: self.clone(), name }
    }

    /// Whether a channel is that of a connection here.
    pub(crate) fn has_channel(&self, name: &ChannelName) -> bool {
        self.lock().channels.contains(name)
    }

    /// Takes no more connections and asks all to close. Clients are asked to come back spread over a time.
    pub(crate) fn shut_down(&self, spread: Duration) {
        let mut state = self.lock();
        state.shutting_down = true;
        let count = u32::try_from(state.open.len()).unwrap_or(u32::MAX).max(1);
        for (place, entry) in (1..).zip(state.open.values()) {
            entry.outbox.shut_down(spread / count * place);
        }
    }

    /// Waits until every connection has ended.
    pub(crate) async fn wait(&self) {
        loop {
            let ended = self.ended.notified();
            if self.lock().open.is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Cuts those that are left.
    pub(crate) fn abort(&self) -> usize {
        let state = self.lock();
        state.open.values().for_each(|entry| entry.task.abort());
        state.open.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics half-way, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the others; given up when its task ends, however it ends.
struct Place {
    connections: Arc<Connections>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let entry = self.connections.lock().open.remove(&self.number);
        drop(entry);
        self.connections.ended.notify_waiters();
    }
}

/// A channel of a connection here.
#[derive(Debug)]
pub(crate) struct LocalChannel {
    connections: Arc<Connections>,
    name: ChannelName,
}

impl Drop for LocalChannel {
    fn drop(&mut self) {
        self.connections.lock().channels.remove(&self.name);
    }
}
