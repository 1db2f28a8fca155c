//! Groups in this process: one layer channel per group, whose messages go to the shards that have members.
//!
//! A [`Room`] is a group that has members here. It owns a mailbox that is a member of the group in the layer, and whose
//! [`Relay`] puts each message into the inboxes of the shards, by whoever delivers it: no task stands between the layer
//! and the shards. So a `group_send` costs the layer one message per process, however many clients listen.
//!
//! The layer keeps a mailbox in its groups, through lost connections too. What it cannot bring back is what was sent
//! meanwhile, so when it tells that messages may be missing every room ends and its members are told to join again.
//!
//! What must stay true: rooms live as long as somebody holds a [`Membership`] or waits for one; a room that ends is
//! never joined again, the next join opens a new one on a new channel; a room is in the map before its channel is in
//! the group, so no loss passes it by.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;

use tokio::sync::OnceCell;
use tokio::task::{AbortHandle, yield_now};

use super::config::GatewayConfig;
use super::delivery::Delivery;
use super::roster::{Bounds, Roster};
use super::shard::{Command, Full, Inbox, Reveille};
use super::stats::Counters;
use crate::Result;
use crate::layer::{ChannelLayer, LayerEvent, LayerEvents, Mailbox, MailboxOptions, MessageSink, NoRoom};
use crate::protocol::{GroupCode, GroupName, Message};

/// All rooms of a gateway.
#[derive(Debug)]
pub(crate) struct Hub<L> {
    layer: Arc<L>,
    config: Arc<GatewayConfig>,
    counters: Arc<Counters>,
    inboxes: Arc<[Arc<Inbox>]>,
    /// Wakes the shards that sleep although something waits for them.
    reveille: Waker,
    // One lock: it is held for a look-up, by joins and by the end of rooms, never by messages.
    rooms: Arc<RoomMap>,
    next_room: AtomicU64,
    /// Runs from the first join on: before it nobody can miss anything.
    listener: OnceLock<Task>,
}

type RoomMap = Mutex<HashMap<GroupName, Weak<Room>>>;

/// A group with members in this process.
#[derive(Debug)]
pub(crate) struct Room {
    roster: Arc<Roster>,
    rooms: Arc<RoomMap>,
    inboxes: Arc<[Arc<Inbox>]>,
    ended: AtomicBool,
    /// Set once the room's channel is in the group. Joiners wait for whoever is at it, and take over from one that
    /// gives up.
    mailbox: OnceCell<Mailbox>,
}

/// A running task, stopped when dropped.
#[derive(Debug)]
struct Task(AbortHandle);

/// A connection's right to be in a room. Dropping it leaves.
#[derive(Debug)]
pub(crate) struct Membership {
    room: Arc<Room>,
    shard: usize,
}

impl<L: ChannelLayer> Hub<L> {
    pub(crate) fn new(
        layer: Arc<L>,
        config: Arc<GatewayConfig>,
        counters: Arc<Counters>,
        inboxes: Arc<[Arc<Inbox>]>,
    ) -> Self {
        let reveille = Waker::from(Arc::new(Reveille(Arc::clone(&inboxes))));
        Self {
            layer,
            config,
            counters,
            inboxes,
            reveille,
            rooms: Arc::default(),
            next_room: AtomicU64::new(0),
            listener: OnceLock::new(),
        }
    }

    /// Gives a connection of a shard the right to be in a group's room; the first one in this process opens the room.
    /// The shard makes it a member in the same poll in which this returns, so its answer goes out before any message
    /// of the group.
    ///
    /// Cancel safety: a dropped future joins nothing.
    pub(crate) async fn join(&self, group: &GroupName, shard: usize) -> Result<Membership> {
        loop {
            let membership = Membership::new(self.room(group), shard);
            let room = &membership.room;
            room.mailbox.get_or_try_init(|| self.open(room)).await?;
            // Looked at after the shard counts a member: either the end tells the shard, or this sees the end.
            if !room.ended.load(Ordering::SeqCst) {
                return Ok(membership);
            }
        }
    }

    /// How many members a group has in this process.
    pub(crate) fn members(&self, group: &GroupName) -> usize {
        let room = lock(&self.rooms).get(group).and_then(Weak::upgrade);
        room.map_or(0, |room| room.roster.members())
    }

    /// How many groups have members in this process.
    pub(crate) fn len(&self) -> usize {
        lock(&self.rooms).len()
    }

    /// Groups whose names begin with `prefix` and their members in this process: the first ones by name.
    pub(crate) fn counts(&self, prefix: &str, most: usize) -> Vec<(GroupName, u64)> {
        let wanted = all(&self.rooms).into_iter().filter(|room| room.roster.group().as_str().starts_with(prefix));
        let mut counts: Vec<_> =
            wanted.map(|room| (room.roster.group().clone(), room.roster.members() as u64)).collect();
        counts.sort_unstable();
        counts.truncate(most);
        counts
    }

    fn room(&self, group: &GroupName) -> Arc<Room> {
        let mut rooms = lock(&self.rooms);
        if let Some(room) = rooms.get(group).and_then(Weak::upgrade) {
            return room;
        }
        let id = self.next_room.fetch_add(1, Ordering::Relaxed);
        let volatile = self.config.volatile.iter().any(|pattern| pattern.matches(group));
        let room = Arc::new(Room {
            roster: Roster::new(id, group.clone(), volatile, self.inboxes.len()),
            rooms: Arc::clone(&self.rooms),
            inboxes: Arc::clone(&self.inboxes),
            ended: AtomicBool::new(false),
            mailbox: OnceCell::new(),
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

    async fn open(&self, room: &Arc<Room>) -> Result<Mailbox> {
        self.listener.get_or_init(|| {
            let listening = listen(self.layer.events(), Arc::clone(&self.rooms), Arc::clone(&self.counters));
            Task(tokio::spawn(listening).abort_handle())
        });
        let relay = Arc::new(Relay {
            roster: Arc::clone(&room.roster),
            inboxes: Arc::clone(&self.inboxes),
            bounds: Bounds { messages: self.config.group_capacity, bytes: self.config.group_bytes },
            reveille: self.reveille.clone(),
            counters: Arc::clone(&self.counters),
        });
        let mailbox = self.layer.mailbox("gateway", MailboxOptions::default().with_sink(relay)).await?;
        self.layer.group_add(room.roster.group(), mailbox.channel()).await?;
        Ok(mailbox)
    }
}

/// Puts what arrives for a room into the inboxes of the shards that have members.
struct Relay {
    roster: Arc<Roster>,
    inboxes: Arc<[Arc<Inbox>]>,
    bounds: Bounds,
    reveille: Waker,
    counters: Arc<Counters>,
}

impl Relay {
    /// Tells a shard that its members of the room have missed something. Returns whether it sleeps.
    fn lose(&self, shard: usize) -> bool {
        if !self.roster.part(shard).begin_losing() {
            return false;
        }
        self.counters.rooms_lost.add(1);
        self.inboxes[shard].put(Command::Lost(Arc::clone(&self.roster), GroupCode::INSUFFICIENT_STATE))
    }
}

impl MessageSink for Relay {
    /// A message that does not fit is the members' loss, and they are told; nobody else is.
    fn deliver(&self, message: &Message) -> std::result::Result<Option<Waker>, NoRoom> {
        let (mut delivery, mut asleep) = (None, false);
        for (shard, part) in self.roster.parts().iter().enumerate() {
            if !part.has_members() || part.is_losing() {
                continue;
            }
            let delivery =
                delivery.get_or_insert_with(|| Arc::new(Delivery::new(Arc::clone(&self.roster), message.clone())));
            let size = delivery.size();
            asleep |= match part.admit(size, self.bounds) {
                false => self.lose(shard),
                true => self.inboxes[shard].push(Command::Group(Arc::clone(delivery)), size).unwrap_or_else(|Full| {
                    part.release(size);
                    self.lose(shard)
                }),
            };
        }
        Ok(asleep.then(|| self.reveille.clone()))
    }
}

impl Membership {
    fn new(room: Arc<Room>, shard: usize) -> Self {
        room.roster.part(shard).enter();
        Self { room, shard }
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.room.roster
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.roster.part(self.shard).leave();
    }
}

impl Room {
    /// Ends the room because messages may be missing: its members are told to join again, which opens a new one.
    fn lose(&self, code: GroupCode, counters: &Counters) {
        self.retire();
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        counters.rooms_lost.add(1);
        for (part, inbox) in self.roster.parts().iter().zip(self.inboxes.iter()) {
            if part.has_members() {
                inbox.tell(Command::Lost(Arc::clone(&self.roster), code));
            }
        }
    }

    /// Frees the room's place in the map, so that the next join opens a new room.
    fn retire(&self) {
        let mut rooms = lock(&self.rooms);
        if rooms.get(self.roster.group()).is_some_and(|room| std::ptr::eq(room.as_ptr(), self)) {
            rooms.remove(self.roster.group());
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

fn lock(rooms: &RoomMap) -> MutexGuard<'_, HashMap<GroupName, Weak<Room>>> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rooms, held outside the lock: the last reference to a room may go with them, and its end takes the lock.
fn all(rooms: &RoomMap) -> Vec<Arc<Room>> {
    lock(rooms).values().filter_map(Weak::upgrade).collect()
}

/// Ends every room whenever the layer tells that messages may be missing, until the layer is closed.
async fn listen(mut events: LayerEvents, rooms: Arc<RoomMap>, counters: Arc<Counters>) {
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
