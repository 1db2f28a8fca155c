//! Which connections there are: how many, where they are, and how they all end.
//!
//! Every socket counts from before its shard has it until it has ended, so a shutdown forgets none. HTTP servers do not
//! do that: an upgraded connection is none of theirs any more.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::shard::{Command, Inbox};
use crate::protocol::ChannelName;

/// The connections of a gateway.
#[derive(Debug)]
pub(crate) struct Connections {
    inboxes: Arc<[Arc<Inbox>]>,
    open: AtomicUsize,
    limit: usize,
    channels: Mutex<HashSet<ChannelName>>,
    shutting_down: AtomicBool,
    /// Set once connections are asked to close: for how long one is to stay away that comes even now.
    farewell: OnceLock<Duration>,
    aborted: AtomicBool,
    /// A connection has ended, or all are to.
    changed: Notify,
}

impl Connections {
    pub(crate) fn new(inboxes: Arc<[Arc<Inbox>]>, limit: usize) -> Self {
        Self {
            inboxes,
            open: AtomicUsize::new(0),
            limit,
            channels: Mutex::default(),
            shutting_down: AtomicBool::new(false),
            farewell: OnceLock::new(),
            aborted: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// A place for one more connection, in the shard with the fewest; nothing when there are too many, or the gateway
    /// shuts down.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Permit> {
        let more = |open| (open < self.limit).then_some(open + 1);
        self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        let loads = self.inboxes.iter().map(|inbox| inbox.load().load(Ordering::Relaxed));
        let (shard, _) = loads.enumerate().min_by_key(|(_, load)| *load).expect("there is a shard");
        self.inboxes[shard].load().fetch_add(1, Ordering::Relaxed);
        let permit = Permit { connections: Arc::clone(self), shard };
        // Looked at after it counts: either it is waited for, or it sees that it is too late.
        (!self.shutting_down()).then_some(permit)
    }

    pub(crate) fn inboxes(&self) -> &Arc<[Arc<Inbox>]> {
        &self.inboxes
    }

    pub(crate) fn len(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Notes a channel as one of a connection here, for as long as the guard lives.
    pub(crate) fn channel(self: &Arc<Self>, name: ChannelName) -> LocalChannel {
        self.channels().insert(name.clone());
        LocalChannel { connections: self.clone(), name }
    }

    /// Whether a channel is that of a connection here.
    pub(crate) fn has_channel(&self, name: &ChannelName) -> bool {
        self.channels().contains(name)
    }

    /// Takes no more connections, asks all to take no more requests, and waits until none has one in hand.
    pub(crate) async fn hush(&self) {
        self.shutting_down.store(true, Ordering::SeqCst);
        let (busy, mut quiet) = mpsc::channel(1);
        self.inboxes.iter().for_each(|inbox| inbox.tell(Command::Hush(busy.clone())));
        drop(busy);
        // Nothing is sent: it ends when every shard has dropped its end.
        quiet.recv().await;
    }

    /// Asks all to close. Clients are asked to come back spread over a time.
    pub(crate) fn shut_down(&self, spread: Duration) {
        self.farewell.get_or_init(|| spread);
        let shards = u32::try_from(self.inboxes.len()).unwrap_or(u32::MAX);
        let step = spread / u32::try_from(self.len()).unwrap_or(u32::MAX).max(1);
        for (place, inbox) in (1..).zip(self.inboxes.iter()) {
            inbox.tell(Command::ShutDown(step * place, step * shards));
        }
    }

    /// For how long a connection is to stay away that comes when all are closing.
    pub(crate) fn farewell(&self) -> Option<Duration> {
        self.farewell.get().copied()
    }

    /// Whether nothing more is accepted.
    pub(crate) fn shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::SeqCst)
    }

    /// Waits until every connection has ended.
    pub(crate) async fn wait(&self) {
        self.wait_until(|| self.len() == 0).await;
    }

    /// Waits until connections are cut.
    pub(crate) async fn aborted(&self) {
        self.wait_until(|| self.is_aborted()).await;
    }

    /// Whether connections were cut.
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::SeqCst)
    }

    async fn wait_until(&self, reached: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if reached() {
                return;
            }
            changed.await;
        }
    }

    /// Cuts those that are left.
    pub(crate) fn abort(&self) -> usize {
        self.aborted.store(true, Ordering::SeqCst);
        self.inboxes.iter().for_each(|inbox| inbox.tell(Command::Abort));
        self.changed.notify_waiters();
        self.len()
    }

    fn channels(&self) -> MutexGuard<'_, HashSet<ChannelName>> {
        // Nothing under the lock panics half-way, so a poisoned set is whole.
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the others; given up when it has ended, however it ends.
#[derive(Debug)]
pub(crate) struct Permit {
    connections: Arc<Connections>,
    shard: usize,
}

impl Permit {
    /// The shard that the connection belongs to.
    pub(crate) fn shard(&self) -> usize {
        self.shard
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connections.inboxes[self.shard].load().fetch_sub(1, Ordering::Relaxed);
        self.connections.open.fetch_sub(1, Ordering::SeqCst);
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
        self.connections.channels().remove(&self.name);
    }
}
