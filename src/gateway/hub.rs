//! Groups in this process: one layer channel per group, fanned out to the members' outboxes.
//!
//! A [`Room`] is a group that has members here. It owns a mailbox that is a member of the group in the layer, and a
//! pump, the task that moves what arrives there to the members. So a `group_send` costs the layer one message per
//! process, however many clients listen.
//!
//! The layer keeps a mailbox in its groups, through lost connections too. What it cannot bring back is what was sent
//! meanwhile, so when it tells that messages may be missing every room ends and its members are told to join again.
//!
//! What must stay true: rooms live as long as somebody holds a [`Membership`] or waits for one; a room that ends is
//! never joined again, the next join opens a new one on a new channel; a member is in the room from the moment its
//! join returns until its membership is dropped, and never after; a room is in the map before its channel is in the
//! group, so no loss passes it by.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::sync::{Notify, OnceCell, oneshot};
use tokio::task::{AbortHandle, yield_now};

use super::members::Members;
use super::outbox::{Delivery, Outbox};
use super::stats::Counters;
use crate::Result;
use crate::layer::{ChannelLayer, LayerEvent, LayerEvents, Mailbox, MailboxOptions};
use crate::protocol::{GroupCode, GroupName, Message, Target};

/// How many members get a message before others may run. Under the room's lock, so joins wait no longer than that.
const CHUNK: usize = 256;

/// How many messages go round together, and of how many bytes.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 64 * 1024;

/// How many members a room has for each look at what is arriving, before a round.
const MEMBERS_PER_LOOK: usize = 16;

/// All rooms of a gateway.
#[derive(Debug)]
pub(crate) struct Hub<L> {
    layer: Arc<L>,
    mailbox: MailboxOptions,
    counters: Arc<Counters>,
    // One lock: it is held for a look-up, by joins and by the end of rooms, never by messages.
    rooms: Arc<Rooms>,
    next_member: AtomicU64,
    /// Runs from the first join on: before it nobody can miss anything.
    listener: OnceLock<Task>,
}

type Rooms = Mutex<HashMap<GroupName, Weak<Room>>>;

/// A group with members in this process.
#[derive(Debug)]
pub(crate) struct Room {
    group: GroupName,
    rooms: Arc<Rooms>,
    members: Arc<Members>,
    drain: Arc<Drain>,
    /// Set once the room's channel is in the group. Joiners wait for whoever is at it, and take over from one that
    /// gives up.
    pump: OnceCell<Task>,
}

/// A question to a pump: when has everything gone round that the layer had for the room?
#[derive(Debug, Default)]
struct Drain {
    asked: Notify,
    /// Dropped when it has, or with the room.
    answer: Mutex<Option<oneshot::Sender<()>>>,
}

impl Drain {
    fn ask(&self, answer: oneshot::Sender<()>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.asked.notify_one();
    }

    fn answer(&self) {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A running task, stopped when dropped. With a pump goes its mailbox, which leaves the group.
#[derive(Debug)]
struct Task(AbortHandle);

/// A connection's place in a room. Dropping it leaves.
#[derive(Debug)]
pub(crate) struct Membership {
    room: Arc<Room>,
    slot: usize,
    id: u64,
}

impl<L: ChannelLayer> Hub<L> {
    pub(crate) fn new(layer: Arc<L>, mailbox: MailboxOptions, counters: Arc<Counters>) -> Self {
        Self {
            layer,
            mailbox,
            counters,
            rooms: Arc::default(),
            next_member: AtomicU64::new(0),
            listener: OnceLock::new(),
        }
    }

    /// Puts a connection into a group; the first one in this process opens the room.
    ///
    /// The connection becomes a member in the same poll in which this returns, so its answer goes out before any
    /// message of the group.
    ///
    /// Cancel safety: a dropped future joins nothing.
    pub(crate) async fn join(&self, group: &GroupName, outbox: &Arc<Outbox>) -> Result<Membership> {
        loop {
            let room = self.room(group);
            room.pump.get_or_try_init(|| self.open(&room)).await?;
            let id = self.next_member.fetch_add(1, Ordering::Relaxed);
            if let Some(slot) = room.members.insert(id, outbox.clone()) {
                return Ok(Membership { room, slot, id });
            }
            // The room ended between the two lines; its place in the map is free by now.
        }
    }

    /// How many members a group has in this process.
    pub(crate) fn members(&self, group: &GroupName) -> usize {
        let room = lock(&self.rooms).get(group).and_then(Weak::upgrade);
        room.map_or(0, |room| room.members.len())
    }

    /// Waits until everything that the layer has for the groups here by now waits in their members' outboxes.
    pub(crate) async fn drain(&self) {
        let drains: Vec<_> = all(&self.rooms).iter().map(|room| room.drain()).collect();
        for drained in drains {
            // The answer is that the other end is dropped.
            let _ = drained.await;
        }
    }

    fn room(&self, group: &GroupName) -> Arc<Room> {
        let mut rooms = lock(&self.rooms);
        if let Some(room) = rooms.get(group).and_then(Weak::upgrade) {
            return room;
        }
        let room = Arc::new(Room {
            group: group.clone(),
            rooms: self.rooms.clone(),
            members: Arc::default(),
            drain: Arc::default(),
            pump: OnceCell::new(),
        });
        rooms.insert(group.clone(), Arc::downgrade(&room));
        room
    }

    /// Stops listening to the layer: for the end of a gateway, whose handles may be kept.
    pub(crate) fn stop(&self) {
        if let Some(listener) = self.listener.get() {
            listener.0.abort();
        }
    }

    async fn open(&self, room: &Arc<Room>) -> Result<Task> {
        self.listener.get_or_init(|| {
            let listening = listen(self.layer.events(), self.rooms.clone(), self.counters.clone());
            Task(tokio::spawn(listening).abort_handle())
        });
        let mailbox = self.layer.mailbox("gateway", self.mailbox.clone()).await?;
        self.layer.group_add(&room.group, mailbox.channel()).await?;
        let pump = PumpTask {
            mailbox,
            group: room.group.clone(),
            room: Arc::downgrade(room),
            members: room.members.clone(),
            drain: room.drain.clone(),
            counters: self.counters.clone(),
        };
        Ok(Task(tokio::spawn(pump.run()).abort_handle()))
    }
}

impl Membership {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.members.remove(self.slot, self.id);
    }
}

impl Room {
    fn drain(&self) -> oneshot::Receiver<()> {
        let (answer, drained) = oneshot::channel();
        // A room without a pump has nothing to hand round.
        if self.pump.initialized() {
            self.drain.ask(answer);
        }
        // A pump that ended answers what was asked before it did; this is for what was asked after.
        if self.members.has_ended() {
            self.drain.answer();
        }
        drained
    }

    /// Ends the room because messages may be missing: its members are told to join again, which opens a new one.
    fn lose(&self, code: GroupCode, counters: &Counters) {
        self.retire();
        if self.members.expel(code) {
            counters.rooms_lost.add(1);
        }
    }

    /// Frees the room's place in the map, so that the next join opens a new room.
    fn retire(&self) {
        let mut rooms = lock(&self.rooms);
        if rooms.get(&self.group).is_some_and(|room| std::ptr::eq(room.as_ptr(), self)) {
            rooms.remove(&self.group);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn lock(rooms: &Rooms) -> MutexGuard<'_, HashMap<GroupName, Weak<Room>>> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rooms, held outside the lock: the last reference to a room may go with them, and its end takes the lock.
fn all(rooms: &Rooms) -> Vec<Arc<Room>> {
    lock(rooms).values().filter_map(Weak::upgrade).collect()
}

/// Ends every room whenever the layer tells that messages may be missing, until the layer is closed.
async fn listen(mut events: LayerEvents, rooms: Arc<Rooms>, counters: Arc<Counters>) {
    while let Some(event) = events.next().await {
        match event {
            // What is sent through other servers still arrives; what did not is told of once this one is back.
            LayerEvent::Disconnected { host, reason } => {
                tracing::warn!(%host, %reason, "the channel layer lost a server");
            }
            LayerEvent::Reconnected { .. }
            | LayerEvent::DataLost { .. }
            | LayerEvent::Flushed
            | LayerEvent::Missed(_) => {
                tracing::warn!(?event, "messages of the channel layer may be missing: every group is joined again");
                counters.layer_reconnects.add(1);
                for room in all(&rooms) {
                    room.lose(GroupCode::LAYER_RECONNECTED, &counters);
                    yield_now().await;
                }
            }
        }
    }
}

/// Moves messages from a room's channel to its members.
struct PumpTask {
    mailbox: Mailbox,
    group: GroupName,
    room: Weak<Room>,
    members: Arc<Members>,
    drain: Arc<Drain>,
    counters: Arc<Counters>,
}

impl PumpTask {
    async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                received = poll_fn(|cx| self.mailbox.poll_drain(cx, BATCH, BATCH_BYTES, &mut batch)) => {
                    if received.is_err() || self.mailbox.dropped() > 0 {
                        break;
                    }
                    self.gather(&mut batch).await;
                    self.fan_out(&mut batch).await;
                }
                // Only looked at when nothing waits in the mailbox.
                () = self.drain.asked.notified() => self.drain.answer(),
            }
        }
        self.end();
    }

    /// Takes along what is just arriving. A look costs a thousandth of what a round through a large room does, and each
    /// message that goes along saves every member a write.
    async fn gather(&mut self, batch: &mut Vec<Message>) {
        for _ in 0..self.members.len() / MEMBERS_PER_LOOK {
            yield_now().await;
            let look =
                |cx: &mut Context<'_>| Poll::Ready(self.mailbox.poll_drain(cx, BATCH, BATCH_BYTES, batch).is_ready());
            poll_fn(look).await;
        }
    }

    /// Hands messages to every member, and lets the members' connections write them before there can be more: what
    /// arrives meanwhile goes out together, which is ten times cheaper than one by one.
    async fn fan_out(&self, batch: &mut Vec<Message>) {
        let target = || Target::Group(self.group.clone());
        let batch: Vec<_> = batch.drain(..).map(|message| Delivery::new(target(), message)).collect();
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.members.deliver(&batch, at, CHUNK, &self.counters);
            yield_now().await;
        }
    }

    /// Messages were lost between the layer and here.
    fn end(&self) {
        if let Some(room) = self.room.upgrade() {
            room.lose(GroupCode::INSUFFICIENT_STATE, &self.counters);
        }
        self.drain.answer();
    }
}
