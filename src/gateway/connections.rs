//! Which connections there are: how many, where they are, and how they all end.
//!
//! Every socket counts from before its shard has it until it has ended, so a shutdown forgets none. HTTP servers do not
//! do that: an upgraded connection is none of theirs any more.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use super::config::GatewayConfig;
use super::shard::{Command, Inbox};
use super::tally::{Counted, Tally, place};
use crate::protocol::ChannelName;

/// How often a draining gateway asks connections to close.
const DRAIN_STEP: Duration = Duration::from_millis(50);

/// So few connections are closed at once.
const DRAIN_LEAST: usize = 64;

/// The connections of a gateway.
#[derive(Debug)]
pub(crate) struct Connections {
    inboxes: Arc<[Arc<Inbox>]>,
    open: AtomicUsize,
    limit: usize,
    user_limit: usize,
    address_limit: usize,
    users: Tally<Arc<str>>,
    addresses: Tally<IpAddr>,
    channels: Mutex<HashSet<ChannelName>>,
    draining: AtomicBool,
    shutting_down: AtomicBool,
    /// Set once connections are asked to close: for how long one is to stay away that comes even now.
    farewell: OnceLock<Duration>,
    aborted: AtomicBool,
    /// A connection has ended, or all are to.
    changed: Notify,
}

impl Connections {
    pub(crate) fn new(inboxes: Arc<[Arc<Inbox>]>, config: &GatewayConfig) -> Self {
        Self {
            inboxes,
            open: AtomicUsize::new(0),
            limit: config.max_connections,
            user_limit: config.user_connections,
            address_limit: config.address_connections,
            users: Tally::default(),
            addresses: Tally::default(),
            channels: Mutex::default(),
            draining: AtomicBool::new(false),
            shutting_down: AtomicBool::new(false),
            farewell: OnceLock::new(),
            aborted: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// A place for one more connection, in the shard with the fewest.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Permit, Crowded> {
        let limited = address.filter(|_| self.address_limit < usize::MAX);
        let counted = limited.map(|address| self.addresses.enter(place(address), self.address_limit));
        let address = match counted {
            Some(None) => return Err(Crowded::Address),
            counted => counted.flatten(),
        };
        let more = |open| (open < self.limit).then_some(open + 1);
        self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).map_err(|_| Crowded::Gateway)?;
        let loads = self.inboxes.iter().map(|inbox| inbox.load().load(Ordering::Relaxed));
        let (shard, _) = loads.enumerate().min_by_key(|(_, load)| *load).expect("there is a shard");
        self.inboxes[shard].load().fetch_add(1, Ordering::Relaxed);
        let permit = Permit { connections: Arc::clone(self), shard, _address: address };
        // Looked at after it counts: either it is waited for, or it sees that it is too late.
        if self.draining() { Err(Crowded::Gateway) } else { Ok(permit) }
    }

    /// A place for one more connection of a user; nothing when there are too many.
    pub(crate) fn admit_user(&self, user: &str) -> Option<Counted<Arc<str>>> {
        self.users.enter(user.into(), self.user_limit)
    }

    /// How many users are connected.
    pub(crate) fn users(&self) -> usize {
        self.users.len()
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

    /// Takes no more connections, and asks those there are to close, a few at a time over `pace`, while the others go on.
    /// Each client is asked to stay away for its share of `spread`.
    pub(crate) async fn drain(&self, pace: Duration, spread: Duration) {
        self.draining.store(true, Ordering::SeqCst);
        let steps = usize::try_from(pace.as_millis() / DRAIN_STEP.as_millis()).unwrap_or(usize::MAX);
        let step = spread / count(self.len());
        let mut ended = 0;
        for left in (1..=steps).rev() {
            if self.len() <= DRAIN_LEAST {
                return;
            }
            for inbox in self.inboxes.iter() {
                let share = inbox.load().load(Ordering::Relaxed).div_ceil(left);
                inbox.tell(Command::Retire { most: share, first: step * ended, step });
                ended += count(share);
            }
            sleep(DRAIN_STEP).await;
        }
    }

    /// Takes no more connections, asks all to take no more requests, and waits until none has one in hand.
    pub(crate) async fn hush(&self) {
        self.draining.store(true, Ordering::SeqCst);
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
        let shards = count(self.inboxes.len());
        let step = spread / count(self.len());
        for (place, inbox) in (1..).zip(self.inboxes.iter()) {
            inbox.tell(Command::ShutDown(step * place, step * shards));
        }
    }

    /// For how long a connection is to stay away that comes when all are closing.
    pub(crate) fn farewell(&self) -> Option<Duration> {
        self.farewell.get().copied()
    }

    /// Whether no more connections are taken.
    pub(crate) fn draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
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

/// A number of connections to divide a time by.
fn count(connections: usize) -> u32 {
    u32::try_from(connections).unwrap_or(u32::MAX).max(1)
}

/// Why there is no place for a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Crowded {
    /// The gateway has as many as it may, or shuts down.
    Gateway,
    /// The address has as many as it may.
    Address,
}

/// A connection's place among the others; given up when it has ended, however it ends.
#[derive(Debug)]
pub(crate) struct Permit {
    connections: Arc<Connections>,
    shard: usize,
    _address: Option<Counted<IpAddr>>,
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
