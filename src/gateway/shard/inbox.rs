//! What others want of a shard: the one place where threads meet on a message's way out.
//!
//! Anybody may put something in, from any thread, without waiting. The shard takes all of it at once, in order. It sleeps
//! only after a look, under the same lock, has found nothing, and leaves its waker there; so whatever comes later finds
//! the waker, and nothing waits while the shard sleeps. Wakers are handed out and run outside every lock.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use super::Command;
use crate::sync::atomic::{AtomicBool, AtomicUsize};
use crate::sync::{Mutex, MutexGuard};

/// The way into one shard.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    /// How many connections the shard has or will have.
    load: AtomicUsize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    commands: VecDeque<Command>,
    /// The bytes of the messages among them.
    bytes: usize,
    /// Slots whose socket, operation or timer has something.
    ready: Vec<u32>,
    /// The shard, while it sleeps.
    waker: Option<Waker>,
    running: bool,
}

/// The inbox holds as many bytes of messages as it may.
#[derive(Debug)]
pub(crate) struct Full;

impl Inbox {
    /// An inbox that takes messages until they have `max_bytes`; one is always taken.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { state: Mutex::default(), load: AtomicUsize::new(0), max_bytes }
    }

    /// Puts a message in. Returns whether the shard sleeps: the caller wakes it once it holds no lock.
    pub(crate) fn push(&self, command: Command, bytes: usize) -> Result<bool, Full> {
        let mut state = self.lock();
        if state.bytes > 0 && state.bytes + bytes > self.max_bytes {
            return Err(Full);
        }
        state.bytes += bytes;
        state.commands.push_back(command);
        Ok(state.waker.is_some())
    }

    /// Puts in what must not get lost, as [`push`](Self::push) does: there are few of these, each for something that is
    /// bounded elsewhere. A shard that does not run has nothing that it could be meant for.
    pub(crate) fn put(&self, command: Command) -> bool {
        let mut state = self.lock();
        if state.running {
            state.commands.push_back(command);
        }
        state.waker.is_some()
    }

    /// Puts in what must not get lost, and wakes the shard.
    pub(crate) fn tell(&self, command: Command) {
        if self.put(command) {
            self.rouse();
        }
    }

    /// Puts in the first word about a connection. Returns whether the shard has to be started for it.
    pub(crate) fn open(&self, command: Command) -> bool {
        let mut state = self.lock();
        state.commands.push_back(command);
        let start = !std::mem::replace(&mut state.running, true);
        drop(state);
        self.rouse();
        start
    }

    /// Takes the slots that are ready, and all commands once the last ones are done.
    pub(super) fn take(&self, commands: &mut VecDeque<Command>, ready: &mut Vec<u32>) {
        let mut state = self.lock();
        ready.append(&mut state.ready);
        if commands.is_empty() {
            std::mem::swap(&mut state.commands, commands);
            state.bytes = 0;
        }
    }

    /// Leaves a waker, unless something is there.
    pub(super) fn sleep(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        let nothing = state.is_empty();
        let old = if nothing { state.waker.replace(waker.clone()) } else { None };
        drop(state);
        drop(old);
        nothing
    }

    /// Ends the shard, unless something is there.
    pub(super) fn stop(&self) -> bool {
        let mut state = self.lock();
        if state.is_empty() {
            state.running = false;
        }
        !state.running
    }

    /// Ends a shard that was dropped before it had done everything. Returns what it was told.
    pub(super) fn abandon(&self) -> VecDeque<Command> {
        std::mem::take(&mut *self.lock()).commands
    }

    /// How many connections the shard has.
    pub(crate) fn load(&self) -> &AtomicUsize {
        &self.load
    }

    fn ready(&self, slot: u32) {
        self.lock().ready.push(slot);
        self.rouse();
    }

    /// Wakes the shard if it sleeps although something waits for it.
    pub(crate) fn rouse(&self) {
        let mut state = self.lock();
        let waker = if state.is_empty() { None } else { state.waker.take() };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic half-way, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rouses the shard, for those whose waker somebody else runs.
impl Wake for Inbox {
    fn wake(self: Arc<Self>) {
        self.rouse();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rouse();
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.ready.is_empty()
    }
}

/// Wakes one connection of a shard, whose socket and operations are registered with it: puts its slot among the ready
/// ones, once.
#[derive(Debug)]
pub(super) struct Bell {
    inbox: Arc<Inbox>,
    slot: u32,
    rung: AtomicBool,
}

impl Bell {
    pub(super) fn new(inbox: Arc<Inbox>, slot: u32) -> Self {
        Self { inbox, slot, rung: AtomicBool::new(false) }
    }

    /// To be called before the connection is looked at: what happens from now on rings again.
    pub(super) fn hear(&self) {
        self.rung.store(false, Ordering::SeqCst);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            self.inbox.ready(self.slot);
        }
    }
}

/// Wakes every shard of a gateway for which something waits.
#[derive(Debug)]
pub(crate) struct Reveille(pub(crate) Arc<[Arc<Inbox>]>);

impl Wake for Reveille {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.iter().for_each(|inbox| inbox.rouse());
    }
}
