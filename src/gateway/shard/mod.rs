//! A share of the gateway's sockets, all in one task: there is one for each core.
//!
//! A shard owns its connections and knows which of them are in which room, so a message's way through it takes no lock.
//! It takes what its [`Inbox`] holds, appends to what waits for each member, and then writes once to each socket that
//! has something to be written. Between two such rounds others run, so what arrives meanwhile goes along in the next
//! round: the busier the gateway is, the more goes into a write.
//!
//! What must stay true: a connection is looked at when its bell has rung, its time has come, or the shard was told of
//! something for it, and at no other time; whoever has something to write is on the list; a panic in one connection,
//! which an authorizer may raise, ends that one alone.

mod inbox;
mod rooms;
mod slots;
mod timers;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{coop, yield_now};

use super::connection::{Connection, Opening, Taken, Turn};
use super::control::Order;
use super::delivery::{Delivery, Press, Run};
use super::roster::{Bounds, Roster};
use super::session::Input;
use super::shared::Shared;
use crate::layer::ChannelLayer;
use crate::protocol::{GroupCode, Message};
use inbox::Bell;
use slots::Slots;
use timers::Timers;

pub(crate) use inbox::{Full, Inbox, Reveille};
pub(crate) use rooms::{RoomId, Rooms};
pub(crate) use slots::Key;
pub(crate) use timers::Alarm;

/// What is read at once. One buffer serves all connections of a shard.
const READ: usize = 64 * 1024;

/// How many connections are looked at, sockets written to or commands followed in a round, before others may run.
const CHUNK: usize = 256;

/// How many pieces are appended to what waits for members, between two times that it is written.
const APPENDS: usize = 64 * 1024;

/// How many sockets there are to be written to for each look at what is just arriving, before they are.
const SOCKETS_PER_LOOK: usize = 16;

/// What a shard is told, in this order.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new connection.
    Open(Box<Opening>),
    /// A message to the members of a group.
    Group(Arc<Delivery>),
    /// A message to the channel of a connection.
    Send(Key, Message),
    /// The members of a room have missed something, and are put out.
    Lost(Arc<Roster>, GroupCode),
    /// Do as the server wants with the connections that it selects, and say how many those are.
    Order(Arc<Order>, mpsc::Sender<usize>),
    /// Take no more requests. What it is told with is dropped once none is in hand.
    Hush(mpsc::Sender<()>),
    /// Close so many connections that have no request in hand; the first is asked to stay away for the first time, each
    /// further one for `step` longer.
    Retire { most: usize, first: Duration, step: Duration },
    /// Close every connection; the first is asked to stay away for the first time, each further one for the second one
    /// longer.
    ShutDown(Duration, Duration),
    /// Cut every connection.
    Abort,
}

/// What a connection needs of its shard.
pub(crate) struct Host<'a, L> {
    pub(crate) shared: &'a Arc<Shared<L>>,
    pub(crate) shard: usize,
    pub(crate) rooms: &'a mut Rooms,
    /// Where what is written is put together.
    pub(crate) scratch: &'a mut Vec<u8>,
    pub(crate) now: Instant,
    /// No more requests are taken.
    pub(crate) quiet: bool,
}

/// One shard. Its task ends with its last connection; the next one starts a new task.
pub(crate) struct Shard<L> {
    number: usize,
    shared: Arc<Shared<L>>,
    inbox: Arc<Inbox>,
    slots: Slots<Seat>,
    rooms: Rooms,
    timers: Timers,
    /// Taken from the inbox, and not done yet.
    commands: VecDeque<Command>,
    /// Slots to look at.
    ready: Vec<u32>,
    /// Slots with something to write.
    dirty: Vec<u32>,
    /// When the messages arrived here that were handed round since the last write.
    handed: Vec<Instant>,
    /// How often was looked for more to write since the last write, or nothing while the sockets are written to.
    looks: Option<usize>,
    buffer: Box<[u8]>,
    scratch: Vec<u8>,
    press: Press,
    now: Instant,
    quiet: bool,
    /// Held while requests are in hand that were taken before it became quiet.
    busy: Option<mpsc::Sender<()>>,
    /// It has told its inbox that it ends.
    stopped: bool,
}

/// A connection, and the waker that stands for it.
struct Seat {
    key: Key,
    connection: Connection,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Seat {
    /// Whether it can close now without leaving a request unanswered.
    fn is_idle(&self) -> bool {
        !self.connection.is_busy() && !self.connection.is_closing()
    }
}

impl<L: ChannelLayer> Shard<L> {
    pub(crate) fn new(number: usize, shared: Arc<Shared<L>>) -> Self {
        Self {
            number,
            inbox: Arc::clone(&shared.connections.inboxes()[number]),
            quiet: shared.connections.shutting_down(),
            shared,
            slots: Slots::new(),
            rooms: Rooms::default(),
            timers: Timers::new(),
            commands: VecDeque::new(),
            ready: Vec::new(),
            dirty: Vec::new(),
            handed: Vec::new(),
            looks: Some(0),
            buffer: vec![0; READ].into(),
            scratch: Vec::new(),
            press: None,
            now: Instant::now(),
            busy: None,
            stopped: false,
        }
    }

    pub(crate) async fn run(mut self) {
        // One poll serves many sockets, which the runtime's budget for a poll is not made for; rounds are bounded here.
        while coop::unconstrained(poll_fn(|cx| self.poll_round(cx))).await {
            yield_now().await;
        }
    }

    /// One round of work; ready when there may be more (true), or never will be (false).
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.now = tokio::time::Instant::now().into_std();
        self.inbox.take(&mut self.commands, &mut self.ready);
        let later = self.ready.split_off(self.ready.len().min(CHUNK));
        for slot in std::mem::replace(&mut self.ready, later) {
            self.look(slot);
        }
        // While sockets are written to, what comes waits in the inbox, which is bounded: no faster sender fills them up.
        if self.looks.is_some() {
            self.obey();
        }
        self.ring();
        if self.gathers() {
            return Poll::Ready(true);
        }
        self.write();
        if self.busy.is_some() && !self.slots.iter().any(|seat| seat.connection.is_busy()) {
            self.busy = None;
        }
        if !self.commands.is_empty() || !self.ready.is_empty() || !self.dirty.is_empty() || self.timers.poll(cx) {
            return Poll::Ready(true);
        }
        if self.slots.is_empty() && self.inbox.stop() {
            self.stopped = true;
            return Poll::Ready(false);
        }
        if self.inbox.sleep(cx.waker()) { Poll::Pending } else { Poll::Ready(true) }
    }

    /// Looks at the connection in a slot, whose bell has rung.
    fn look(&mut self, slot: u32) {
        self.visit(slot, |seat, host, buffer| {
            seat.bell.hear();
            seat.connection.turn(&mut Context::from_waker(&seat.waker), host, buffer)
        });
    }

    /// Does what it was told, as much as goes into a round.
    fn obey(&mut self) {
        let (mut run, mut appended) = (Vec::new(), 0);
        for _ in 0..CHUNK {
            match self.commands.pop_front() {
                None => return,
                Some(Command::Group(delivery)) => {
                    run.push(delivery);
                    self.extend(&mut run);
                    appended += self.hand_round(&run);
                    run.clear();
                    if appended > APPENDS {
                        return;
                    }
                }
                Some(Command::Send(key, message)) => self.send(key, message),
                Some(Command::Open(opening)) => self.open(*opening),
                Some(Command::Lost(roster, code)) => self.lose(&roster, code),
                Some(Command::Order(order, count)) => self.order(&order, &count),
                Some(Command::Hush(busy)) => (self.quiet, self.busy) = (true, Some(busy)),
                Some(Command::Retire { most, first, step }) => self.retire(most, first, step),
                Some(Command::ShutDown(first, step)) => self.shut_down(first, step),
                Some(Command::Abort) => self.slots.taken().into_iter().for_each(|slot| self.remove(slot)),
            }
        }
    }

    /// Takes along what follows for the same group.
    fn extend(&mut self, run: &mut Vec<Arc<Delivery>>) {
        while run.len() < CHUNK {
            match self.commands.pop_front() {
                Some(Command::Group(next)) if Arc::ptr_eq(next.roster(), run[0].roster()) => run.push(next),
                Some(other) => return self.commands.push_front(other),
                None => return,
            }
        }
    }

    /// Queues messages for each member of their group. Returns in how many pieces.
    fn hand_round(&mut self, run: &[Arc<Delivery>]) -> usize {
        let roster = run[0].roster();
        let (config, counters) = (&self.shared.config, &self.shared.counters);
        let bounds = Bounds { messages: config.outbound_messages, bytes: config.outbound_bytes };
        run.iter().for_each(|delivery| roster.part(self.number).release(delivery.size()));
        let (mut slow, mut appended) = (Vec::new(), 0);
        let mut rest = run;
        while !rest.is_empty() {
            let (mut some, others) = Run::split(rest);
            let (mut queued, mut lost, mut volatile, mut backlog) = (0usize, 0, 0, 0);
            for slot in self.rooms.members(roster.id()) {
                let Some(seat) = self.slots.get(slot) else { continue };
                match seat.connection.take(&mut some, &mut self.press, roster.is_volatile(), bounds) {
                    Taken::Queued => {
                        queued += 1;
                        seat.connection.list(slot, &mut self.dirty);
                    }
                    Taken::Waiting => {
                        queued += 1;
                        backlog = backlog.max(seat.connection.backlog());
                    }
                    Taken::Volatile => volatile += 1,
                    Taken::Slow => {
                        lost += 1;
                        slow.push(slot);
                    }
                    Taken::Deaf => {}
                }
            }
            let messages = some.len() as u64;
            counters.deliveries.add(queued as u64 * messages);
            counters.frames_out.add(queued as u64 * messages);
            counters.dropped_slow.add(lost * messages);
            counters.dropped_volatile.add(volatile * messages);
            counters.longest_backlog.raise(backlog as u64);
            if queued > 0 {
                self.handed.push(some.arrived());
            }
            appended += queued;
            rest = others;
        }
        for slot in slow {
            self.input(slot, Input::Overflow);
        }
        appended
    }

    fn send(&mut self, key: Key, message: Message) {
        let Some(seat) = self.slots.find(key) else { return };
        seat.connection.take_direct(message, &mut self.press, &self.shared.counters);
        seat.connection.list(key.slot(), &mut self.dirty);
    }

    fn open(&mut self, opening: Opening) {
        if self.shared.connections.is_aborted() {
            return;
        }
        let inbox = Arc::clone(&self.inbox);
        let (config, now) = (Arc::clone(&self.shared.config), self.now);
        let refusal = opening.refusal;
        self.shared.counters.opened(opening.form.encoding);
        let key = self.slots.insert(|key| {
            let bell = Arc::new(Bell::new(inbox, key.slot()));
            Seat { key, connection: Connection::new(key, opening, config, now), waker: Arc::clone(&bell).into(), bell }
        });
        if let Some((code, reason)) = refusal {
            self.input(key.slot(), Input::Violation(code, reason));
        }
        if let Some(wait) = self.shared.connections.farewell() {
            self.input(key.slot(), Input::Shutdown(wait));
        }
        self.look(key.slot());
    }

    /// Puts the members of a room out.
    fn lose(&mut self, roster: &Roster, code: GroupCode) {
        let members: Vec<_> = self.rooms.members(roster.id()).collect();
        for slot in members {
            self.visit(slot, |seat, host, _| {
                seat.connection.lose(host, roster, code);
                Turn::Rest
            });
        }
        roster.part(self.number).end_losing();
    }

    fn order(&mut self, order: &Arc<Order>, count: &mpsc::Sender<usize>) {
        let mut concerned = 0;
        for slot in self.slots.taken() {
            self.visit(slot, |seat, host, _| {
                concerned += usize::from(seat.connection.obey(host, order));
                Turn::Rest
            });
        }
        // There is room for one of each shard; nobody may want to know any more.
        let _ = count.try_send(concerned);
    }

    fn retire(&mut self, most: usize, first: Duration, step: Duration) {
        let mut idle = self.slots.taken();
        idle.retain(|slot| self.slots.get(*slot).is_some_and(|seat| seat.is_idle()));
        idle.truncate(most);
        for (place, slot) in (0..).zip(idle) {
            self.input(slot, Input::Shutdown(first + step * place));
        }
    }

    fn shut_down(&mut self, first: Duration, step: Duration) {
        for (place, slot) in (0..).zip(self.slots.taken()) {
            self.input(slot, Input::Shutdown(first + step * place));
        }
    }

    /// Looks at the connections whose time has come.
    fn ring(&mut self) {
        while let Some((at, key)) = self.timers.pop(self.now) {
            if self.slots.find(key).is_some_and(|seat| seat.connection.alarm.rings(at)) {
                self.visit(key.slot(), |seat, host, _| seat.connection.timer(host));
            }
        }
    }

    /// Whether to take along what is just arriving, before so many sockets are written to. A look costs a thousandth of
    /// what that does, and each message that goes along saves each of them a write.
    fn gathers(&mut self) -> bool {
        match self.looks {
            Some(looks) if looks < self.dirty.len() / SOCKETS_PER_LOOK => self.looks = Some(looks + 1),
            _ => self.looks = None,
        }
        self.looks.is_some()
    }

    /// Writes to as many sockets as go into a round.
    fn write(&mut self) {
        let count = self.dirty.len().min(CHUNK);
        let mut written = 0;
        for at in 0..count {
            let slot = self.dirty[at];
            let Some(seat) = self.slots.get(slot) else { continue };
            let before = seat.connection.backlog();
            let turn = seat.connection.flush(&mut Context::from_waker(&seat.waker), &mut self.scratch);
            written += before - seat.connection.backlog();
            match turn {
                Turn::Rest => {}
                Turn::More => self.ready.push(slot),
                Turn::Ended => self.remove(slot),
            }
        }
        self.dirty.drain(..count);
        self.shared.counters.bytes_out.add(written as u64);
        if self.dirty.is_empty() {
            self.looks = Some(0);
            self.time_deliveries();
        }
    }

    /// Notes how long what is written now has taken, from the layer to the sockets.
    fn time_deliveries(&mut self) {
        if self.handed.is_empty() {
            return;
        }
        let now = Instant::now();
        for arrived in self.handed.drain(..) {
            self.shared.counters.delivery_times.note(now.saturating_duration_since(arrived));
        }
    }

    fn input(&mut self, slot: u32, input: Input) {
        self.visit(slot, |seat, host, _| {
            seat.connection.handle(host, input);
            Turn::Rest
        });
    }

    /// Does something with the connection in a slot, and sees to what comes of it.
    fn visit(&mut self, slot: u32, act: impl FnOnce(&mut Seat, &mut Host<'_, L>, &mut [u8]) -> Turn) {
        let Some(seat) = self.slots.get(slot) else { return };
        let mut host = Host {
            shared: &self.shared,
            shard: self.number,
            rooms: &mut self.rooms,
            scratch: &mut self.scratch,
            now: self.now,
            quiet: self.quiet,
        };
        let turn = catch_unwind(AssertUnwindSafe(|| act(seat, &mut host, &mut self.buffer)));
        let turn = turn.unwrap_or_else(|_| {
            tracing::error!("a connection was cut: the code that serves it, or an authorizer, has panicked");
            Turn::Ended
        });
        match turn {
            Turn::Ended => return self.remove(slot),
            Turn::More => self.ready.push(slot),
            Turn::Rest => {}
        }
        if seat.connection.has_output() {
            seat.connection.list(slot, &mut self.dirty);
        }
        let deadline = seat.connection.deadline();
        self.timers.set(seat.key, &mut seat.connection.alarm, deadline);
    }

    fn remove(&mut self, slot: u32) {
        let Some(mut seat) = self.slots.remove(slot) else { return };
        seat.connection.leave_all(&mut self.rooms);
        seat.connection.log_end();
        self.shared.counters.closed(seat.connection.encoding(), seat.connection.close_code());
    }
}

/// With its runtime, or by a panic of its own: others must find the inbox as if it had never run.
impl<L> Drop for Shard<L> {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        self.commands.append(&mut self.inbox.abandon());
        for command in &self.commands {
            match command {
                Command::Group(delivery) => delivery.roster().part(self.number).release(delivery.size()),
                Command::Lost(roster, _) => roster.part(self.number).end_losing(),
                _ => {}
            }
        }
    }
}
