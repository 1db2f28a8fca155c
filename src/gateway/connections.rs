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
    /// A connection has ended, or has become quiet.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<u64, Entry>,
    channels: HashSet<ChannelName>,
    next: u64,
    shutting_down: bool,
    /// Those that may still have a request in hand, once all were asked to take no more.
    busy: usize,
}

#[derive(Debug)]
struct Entry {
    outbox: Arc<Outbox>,
    task: AbortHandle,
    /// Has no request in hand and takes no more.
    quiet: bool,
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), limit, changed: Notify::new() }
    }

    /// Starts the task of the connection that `make` gives for its number; false when there are too many, or the
    /// gateway shuts down.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        outbox: Arc<Outbox>,
        make: impl FnOnce(u64) -> F,
    ) -> bool {
        let mut state = self.lock();
        if state.shutting_down || state.open.len() >= self.limit {
            return false;
        }
        let number = state.next;
        state.next += 1;
        let place = Place { connections: self.clone(), number };
        let connection = make(number);
        let task = tokio::spawn(async move {
            let _place = place;
            connection.await;
        });
        state.open.insert(number, Entry { outbox, task: task.abort_handle(), quiet: false });
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

    /// Takes no more connections, asks all to take no more requests, and waits until none has one in hand.
    pub(crate) async fn hush(&self) {
        {
            let mut state = self.lock();
            state.shutting_down = true;
            state.busy = state.open.values().filter(|entry| !entry.quiet).count();
            state.open.values().for_each(|entry| entry.outbox.hush());
        }
        self.wait_until(|state| state.busy == 0).await;
    }

    /// The connection with this number has no request in hand and takes no more.
    pub(crate) fn hushed(&self, number: u64) {
        let mut state = self.lock();
        if let Some(entry) = state.open.get_mut(&number).filter(|entry| !entry.quiet) {
            entry.quiet = true;
            state.busy = state.busy.saturating_sub(1);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Asks all to close. Clients are asked to come back spread over a time.
    pub(crate) fn shut_down(&self, spread: Duration) {
        let state = self.lock();
        let count = u32::try_from(state.open.len()).unwrap_or(u32::MAX).max(1);
        for (place, entry) in (1..).zip(state.open.values()) {
            entry.outbox.shut_down(spread / count * place);
        }
    }

    /// Whether nothing more is accepted.
    pub(crate) fn shutting_down(&self) -> bool {
        self.lock().shutting_down
    }

    /// Waits until every connection has ended.
    pub(crate) async fn wait(&self) {
        self.wait_until(|state| state.open.is_empty()).await;
    }

    async fn wait_until(&self, reached: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if reached(&self.lock()) {
                return;
            }
            changed.await;
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
        let mut state = self.connections.lock();
        let entry = state.open.remove(&self.number);
        if entry.as_ref().is_some_and(|entry| !entry.quiet) {
            state.busy = state.busy.saturating_sub(1);
        }
        drop(state);
        drop(entry);
        self.connections.changed.notify_waiters();
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
