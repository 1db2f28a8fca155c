//! The channels of this process: their keys in Redis, which nobody else reads, and what arrives under them.
//!
//! What arrives goes to the queues of this process at once, so a key is never full because one receiver is slow, and
//! nothing is lost when a receive is dropped. Mailboxes are spread over several keys, since `channels_redis` refuses to
//! send to all channels of a key together once its capacity of messages waits there. On a cluster all of these keys are
//! in one slot, since one pop takes from one slot; each process has another, so all masters have work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Core;
use super::demand::{Demand, Wanted};
use super::reader::{Popped, Reader, Source};
use crate::layer::redis::topology::Place;
use crate::layer::redis::wire::slot;
use crate::layer::{Mailbox, MailboxOptions};
use crate::{ChannelName, Error, ErrorKind, Message, Result};

/// Over how many keys the mailboxes of a process with one name prefix are spread.
const LANES: usize = 16;

/// The most messages that one pop takes: what may wait under a key by default.
const BATCH: usize = 100;

/// For how many name prefixes lanes are kept. Those of any other are looked for at each mailbox, which takes a fraction
/// of a millisecond.
const PREFIXES: usize = 256;

/// How long the key of a channel is read beyond the last receive on it.
const LINGER: Duration = Duration::from_millis(500);

/// The most keys that are.
const LINGERING: usize = 1000;

/// The keys of this process.
#[derive(Debug)]
pub(super) struct Own {
    demand: Arc<Demand>,
    lanes: Vec<String>,
    next: AtomicUsize,
    /// The keys of channels that somebody has just received on, and until when they are read. Whoever receives in a loop
    /// finds the key being read.
    lingering: Mutex<HashMap<Arc<str>, (Wanted, Instant)>>,
    /// The slot of all keys, where there is a cluster.
    slot: Option<u16>,
    /// The lanes in that slot, by what stands before them in a key.
    slotted: Mutex<HashMap<String, Vec<String>>>,
}

impl Own {
    pub(super) fn new(clustered: bool) -> Self {
        let lanes = (0..LANES).map(|_| format!("{:016x}", fastrand::u64(..))).collect();
        let slot = clustered.then(|| fastrand::u16(..slot::SLOTS));
        Self {
            demand: Arc::default(),
            lanes,
            next: AtomicUsize::new(0),
            lingering: Mutex::default(),
            slot,
            slotted: Mutex::default(),
        }
    }

    /// Keeps a key wanted for a moment.
    fn linger(&self, wanted: Wanted) {
        let mut lingering = self.lingering();
        if lingering.len() < LINGERING || lingering.contains_key(wanted.key()) {
            lingering.insert(Arc::clone(wanted.key()), (wanted, Instant::now() + LINGER));
        }
    }

    fn lingering(&self) -> MutexGuard<'_, HashMap<Arc<str>, (Wanted, Instant)>> {
        // Nothing under the lock panics half-way.
        self.lingering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next lane for a key that begins like this.
    fn lane(&self, before: impl FnOnce() -> String) -> String {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % LANES;
        let slotted = self.slot.and_then(|slot| self.slotted(slot, before(), at));
        // A tag in the layer's prefix decides the slot, of any lane.
        slotted.unwrap_or_else(|| self.lanes[at].clone())
    }

    fn slotted(&self, slot: u16, before: String, at: usize) -> Option<String> {
        let search = |count| slot::digits(&before, "!", count, &mut fastrand::Rng::new(), |found| found == slot);
        // Nothing under the lock panics half-way.
        let mut slotted = self.slotted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lanes) = slotted.get(&before) {
            return lanes.get(at).or(lanes.first()).cloned();
        }
        if slotted.len() >= PREFIXES {
            drop(slotted);
            return search(1).pop();
        }
        let lanes = search(LANES);
        let lane = lanes.get(at).or(lanes.first()).cloned();
        slotted.insert(before, lanes);
        lane
    }
}

/// Somebody who receives on a channel that no mailbox owns.
struct Receiving<'a> {
    own: &'a Own,
    wanted: Option<Wanted>,
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.wanted.take().into_iter().for_each(|wanted| self.own.linger(wanted));
    }
}

impl Source for Own {
    const BATCH: usize = BATCH;

    fn demand(&self) -> &Arc<Demand> {
        &self.demand
    }

    fn take(&self, core: &Core, _: Place, _: &str, popped: Vec<Popped>) {
        for popped in popped {
            let Some((message, recipients)) = core.open(&popped) else { continue };
            let age = core.age(&popped);
            if recipients.is_empty() {
                core.counters.unaddressed.add(1);
            }
            core.counters.unaddressed.add(core.local.arrive(recipients.iter(), &message, age));
        }
    }

    fn returned(&self, _: Place) -> Vec<(Arc<str>, Popped)> {
        Vec::new()
    }

    fn keep(&self, _: Place, _: Vec<(Arc<str>, Popped)>) {}
}

impl Core {
    /// Opens a mailbox, whose key is read from now on. `ended` is called when it is dropped.
    pub(super) fn open_mailbox(
        self: &Arc<Self>,
        prefix: &str,
        options: &MailboxOptions,
        ended: impl FnOnce() + Send + Sync + 'static,
    ) -> Result<Mailbox> {
        let before = || self.keys.messages(&[prefix, ".", self.local.mailbox_stem()].concat());
        let channel = self.local.open(prefix, Some(&self.own.lane(before)), options)?;
        let wanted = self.want_own(&channel.inbox.name);
        let (core, owned) = (Arc::clone(self), Arc::clone(&channel));
        Ok(Mailbox::new(channel, move || {
            drop(wanted);
            core.leave(&owned.inbox.name, core.local.release(&owned));
            ended();
        }))
    }

    /// Receives on a channel that this process made the name of.
    pub(super) async fn receive_own(self: &Arc<Self>, name: &ChannelName) -> Result<Message> {
        if !self.local.is_own(name) {
            let text = format!(
                "channel {name} belongs to another process or another layer: receive on names that this layer's \
                 new_channel made, or on names without a '!'"
            );
            return Err(Error::new(ErrorKind::InvalidName, text));
        }
        let _receiving = Receiving { own: &self.own, wanted: Some(self.want_own(name)) };
        self.local.receive(name).await
    }

    /// Ends the interest in keys that nobody receives on any more.
    pub(super) async fn run_lingering(self: Arc<Self>) {
        loop {
            sleep(LINGER).await;
            let now = Instant::now();
            self.own.lingering().retain(|_, (_, until)| *until > now);
        }
    }

    /// Has the key of a channel of this process read, at every host: `channels_redis` sends to the wrong one of several.
    fn want_own(self: &Arc<Self>, name: &ChannelName) -> Wanted {
        let key = self.keys.messages(name.non_local());
        self.own.demand.want(&key, self.topology.places_of(&key), Reader::beginner(self, &self.own))
    }
}
