//! One connected client, as its shard has it: the session's rules, applied to a socket. It holds the awaits, and decides
//! nothing.
//!
//! The rules it keeps:
//!
//! - While an operation runs no frame is read: a client that asks faster than it is served is held up by TCP.
//! - While the peer does not take what was written, nothing is read that would have to be answered, and what waits is
//!   bounded: above the bound the client counts as slow, and is closed.
//! - Whatever it is sent goes through one queue, so it is written in the order in which it was decided.
//! - After a bounded amount of work others may run.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tracing::Span;
use tracing::field::{Empty, display};

use super::auth::{Credentials, Identity};
use super::config::GatewayConfig;
use super::connections::{LocalChannel, Permit};
use super::control::Order;
use super::delivery::{Form, Press, Run};
use super::direct::Direct;
use super::hub::Membership;
use super::operation::{self, Asker, Finished, Gained, Running};
use super::roster::{Bounds, Roster};
use super::session::{Effect, FrameKind, Input, Operation, Outcome, Session, after};
use super::shard::{Alarm, Host, Key, Rooms};
use super::socket::{Gone, Incoming, Socket};
use super::stats::Counters;
use super::tally::Counted;
use super::websocket;
use crate::layer::{ChannelLayer, Mailbox};
use crate::protocol::{CloseCode, Encoding, GroupCode, GroupName, Message, Target};

/// How many frames of a connection are handled before others may run.
const FRAMES: usize = 32;

/// How many bytes of answers may wait to be written before no more requests are read.
const UNREAD_ANSWERS: usize = 16 * 1024;

/// How many orders are kept for a connection whose request runs.
const ORDERS: usize = 64;

/// What a new connection begins with.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) socket: Socket,
    pub(crate) form: Form,
    pub(crate) credentials: Box<Credentials>,
    /// Why it cannot be served, where it cannot.
    pub(crate) refusal: Option<(CloseCode, &'static str)>,
    pub(crate) permit: Permit,
}

/// One connected client.
pub(crate) struct Connection {
    key: Key,
    session: Session,
    socket: Socket,
    form: Form,
    identity: Option<Arc<Identity>>,
    /// What the client's HTTP request showed, until it has connected.
    credentials: Option<Box<Credentials>>,
    channel: Option<OwnChannel>,
    memberships: HashMap<GroupName, Member>,
    operation: Option<Running>,
    /// Orders that came while an operation ran: who the client is and where it is a member may be known only after it.
    orders: Vec<Arc<Order>>,
    pub(crate) alarm: Alarm,
    /// Bytes of answers since the peer took everything.
    answers: usize,
    /// It was welcomed, and its end has not begun. Before and after that it hears nothing of the groups that it is in.
    hears: bool,
    closing: Option<Closing>,
    /// It is on the shard's list of those that have something to write.
    listed: bool,
    /// What the log says of it. Nothing, and without a cost, unless that is asked for.
    span: Span,
    _permit: Permit,
}

/// The connection's own channel.
struct OwnChannel {
    mailbox: Mailbox,
    direct: Arc<Direct>,
    /// Messages and bytes that came over it since the peer took everything.
    taken: (usize, usize),
    _local: LocalChannel,
    _user: Option<Counted<Arc<str>>>,
}

/// A place in a room of the shard.
struct Member {
    membership: Membership,
    place: u32,
}

/// The end has begun.
#[derive(Clone, Copy)]
struct Closing {
    /// Our close code; nothing where the client closed.
    code: Option<CloseCode>,
    /// When the socket is cut.
    until: Instant,
}

/// What a look at a connection came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Turn {
    /// Nothing is left to do until its waker is woken.
    Rest,
    /// There may be more to do at once.
    More,
    /// It has ended.
    Ended,
}

/// What became of a group's messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Taken {
    /// They are queued.
    Queued,
    /// They are queued behind what the client has not taken yet.
    Waiting,
    /// The client is not ready for messages that may be dropped.
    Volatile,
    /// The client is at its bound, and is closed for it.
    Slow,
    /// The connection was not welcomed yet, or is closing.
    Deaf,
}

/// A session that ends by age where that is set, at a time of its own: connections that came together do not go together.
fn session(config: Arc<GatewayConfig>, encoding: Encoding, now: Instant) -> Session {
    let age = config.max_connection_age;
    let session = Session::new(config, encoding, now);
    match age {
        Some(age) => session.with_end(after(now, age.mul_f64(0.9 + fastrand::f64() / 10.0))),
        None => session,
    }
}

impl Connection {
    pub(crate) fn new(key: Key, opening: Opening, config: Arc<GatewayConfig>, now: Instant) -> Self {
        let peer = opening.credentials.peer.map(display);
        let span = tracing::debug_span!("connection", peer, channel = Empty, user = Empty);
        Self {
            key,
            session: session(config, opening.form.encoding, now),
            socket: opening.socket,
            form: opening.form,
            identity: None,
            credentials: Some(opening.credentials),
            channel: None,
            memberships: HashMap::new(),
            operation: None,
            orders: Vec::new(),
            alarm: Alarm::default(),
            answers: 0,
            hears: false,
            closing: None,
            listed: false,
            span,
            _permit: opening.permit,
        }
    }

    /// When it has to be looked at.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.closing.map_or_else(|| self.session.deadline(), |closing| Some(closing.until))
    }

    /// Whether a request of the client is in hand.
    pub(crate) fn is_busy(&self) -> bool {
        self.operation.is_some()
    }

    /// Whether its end has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// How its messages are encoded.
    pub(crate) fn encoding(&self) -> Encoding {
        self.form.encoding
    }

    /// How many bytes wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        self.socket.waiting().1
    }

    /// Whether something waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.socket.has_output()
    }

    /// Puts it on the list of those that have something to write, once.
    pub(crate) fn list(&mut self, slot: u32, dirty: &mut Vec<u32>) {
        if !std::mem::replace(&mut self.listed, true) {
            dirty.push(slot);
        }
    }

    /// Tells the log that it has ended.
    pub(crate) fn log_end(&self) {
        tracing::debug!(parent: &self.span, code = self.close_code().map(|code| code.0), "the connection has ended");
    }

    /// Our close code, if the connection has ended by it.
    pub(crate) fn close_code(&self) -> Option<CloseCode> {
        self.closing.and_then(|closing| closing.code)
    }

    /// Does what there is to do, but for writing. `buffer` is what is read into.
    pub(crate) fn turn<L: ChannelLayer>(
        &mut self,
        cx: &mut Context<'_>,
        host: &mut Host<'_, L>,
        buffer: &mut [u8],
    ) -> Turn {
        while self.poll_operation(cx, host) {}
        let more = self.poll_read(cx, host, buffer);
        match self.closing {
            Some(_) => self.poll_closing(cx, host, buffer),
            None if more => Turn::More,
            None => Turn::Rest,
        }
    }

    /// Takes note of the time.
    pub(crate) fn timer<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>) -> Turn {
        match self.closing {
            Some(closing) if closing.until <= host.now => return Turn::Ended,
            Some(_) => {}
            None => self.handle(host, Input::Timer),
        }
        Turn::Rest
    }

    /// Writes what waits. After it all was taken, reading may go on that was held up.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>, scratch: &mut Vec<u8>) -> Turn {
        self.listed = false;
        match self.socket.poll_flush(cx, scratch) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(Gone)) => return Turn::Ended,
            Poll::Pending => return Turn::Rest,
        }
        if let Some(channel) = &mut self.channel {
            let (messages, bytes) = std::mem::take(&mut channel.taken);
            if messages > 0 {
                channel.direct.release(messages, bytes);
            }
        }
        let held_up = std::mem::take(&mut self.answers) > UNREAD_ANSWERS;
        if held_up || self.closing.is_some() { Turn::More } else { Turn::Rest }
    }

    /// Queues a group's messages.
    pub(crate) fn take(&mut self, run: &mut Run<'_>, press: &mut Press, volatile: bool, bounds: Bounds) -> Taken {
        if !self.hears {
            return Taken::Deaf;
        }
        let blocked = self.socket.is_blocked();
        if blocked && volatile {
            return Taken::Volatile;
        }
        let (messages, bytes) = (run.len(), run.bytes(self.form, press));
        let (frames, waiting) = self.socket.waiting();
        if blocked && (frames + messages > bounds.messages || waiting + bytes.len() > bounds.bytes) {
            return Taken::Slow;
        }
        self.socket.push(bytes.clone(), messages);
        if blocked { Taken::Waiting } else { Taken::Queued }
    }

    /// Queues a message to the connection's own channel.
    pub(crate) fn take_direct(&mut self, message: Message, press: &mut Press, counters: &Counters) {
        let Some(channel) = &mut self.channel else { return };
        channel.taken.0 += 1;
        channel.taken.1 += message.size();
        let target = Target::Channel(channel.mailbox.channel().clone());
        self.socket.push(self.form.frame(target, message, press), 1);
        counters.frames_out.add(1);
    }

    /// The connection is put out of a room.
    pub(crate) fn lose<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>, roster: &Roster, code: GroupCode) {
        let group = roster.group();
        if self.memberships.get(group).is_some_and(|member| member.membership.roster().id() == roster.id()) {
            self.leave(host.rooms, group);
            self.handle(host, Input::GroupLost(group.clone(), code));
        }
    }

    /// Does as the server wants, if it concerns this connection.
    pub(crate) fn obey<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>, order: &Arc<Order>) -> bool {
        let concerned = self.carry_out(host, order);
        match &self.operation {
            None => {}
            Some(_) if self.orders.len() < ORDERS => self.orders.push(Arc::clone(order)),
            Some(_) => self.handle(host, Input::Close(CloseCode::INTERNAL, "a request takes too long".into())),
        }
        concerned
    }

    fn carry_out<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>, order: &Order) -> bool {
        let (Some(identity), Some(channel), None) = (&self.identity, &self.channel, self.closing) else { return false };
        if !order.who().selects(identity, channel.mailbox.channel()) {
            return false;
        }
        match order {
            Order::Disconnect { reconnect, reason, .. } => {
                let (code, reason) = Order::close(*reconnect, reason.as_deref());
                self.handle(host, Input::Close(code, reason));
            }
            Order::Leave { group, .. } => self.remove(host, group.clone(), GroupCode::BY_SERVER),
        }
        true
    }

    /// Takes the client out of a group that it did not ask to leave.
    fn remove<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>, group: GroupName, code: GroupCode) {
        self.leave(host.rooms, &group);
        self.handle(host, Input::GroupLost(group, code));
    }

    /// Lets the session know of something, and does what it says.
    pub(crate) fn handle<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>, input: Input) {
        match self.session.handle(input, host.now) {
            Effect::None => {}
            Effect::Write(payload) => self.answer(host, &payload),
            Effect::Refuse(code, payload) => {
                tracing::debug!(parent: &self.span, code = code.name(), "a request was refused");
                host.shared.counters.rejected(code);
                self.answer(host, &payload);
            }
            Effect::Run(Operation::Leave(group)) => {
                tracing::debug!(parent: &self.span, %group, "left");
                self.leave(host.rooms, &group);
                self.handle(host, Input::Done(Outcome::Done));
            }
            Effect::Run(operation) => {
                let joined = match &operation {
                    Operation::Refresh { .. } => self.memberships.keys().cloned().collect(),
                    _ => Vec::new(),
                };
                let (identity, span) = (self.identity.clone().unwrap_or_default(), self.span.clone());
                let asker = Asker { identity, joined, key: self.key, shard: host.shard, span };
                let credentials = self.credentials.take();
                self.operation = Some(operation::start(Arc::clone(host.shared), asker, credentials, operation));
            }
            Effect::Close(code, reason) => {
                if code == CloseCode::SLOW_CONSUMER {
                    // Too slow for what waits, it would be too slow for a close frame behind that.
                    host.shared.counters.dropped_slow.add(self.socket.discard() as u64);
                }
                self.socket.close(code, &reason);
                self.end(host, Some(code));
            }
        }
    }

    /// Gives everything back but the socket, which has a bounded time to close.
    pub(crate) fn end<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>, code: Option<CloseCode>) {
        let until = after(host.now, host.shared.config.close_timeout);
        self.closing = self.closing.or(Some(Closing { code, until }));
        self.hears = false;
        self.operation = None;
        self.leave_all(host.rooms);
        self.channel = None;
    }

    fn answer<L>(&mut self, host: &Host<'_, L>, payload: &Bytes) {
        let frame = websocket::frame(FrameKind::of(self.form.encoding), payload);
        self.answers += frame.len();
        self.socket.push(frame, 1);
        host.shared.counters.frames_out.add(1);
    }

    fn leave(&mut self, rooms: &mut Rooms, group: &GroupName) {
        if let Some(member) = self.memberships.remove(group) {
            rooms.remove(member.membership.roster().id(), member.place);
        }
    }

    /// Leaves every room.
    pub(crate) fn leave_all(&mut self, rooms: &mut Rooms) {
        for (_, member) in self.memberships.drain() {
            rooms.remove(member.membership.roster().id(), member.place);
        }
    }

    /// Looks at the running operation; true when it has ended.
    fn poll_operation<L: ChannelLayer>(&mut self, cx: &mut Context<'_>, host: &mut Host<'_, L>) -> bool {
        let Some(running) = &mut self.operation else { return false };
        let Poll::Ready(Finished { outcome, gained }) = running.as_mut().poll(cx) else { return false };
        self.operation = None;
        let mut lost = Vec::new();
        match gained {
            Gained::Nothing => {}
            Gained::Identity { identity, withdrawn } => {
                self.identity = Some(identity);
                lost = withdrawn;
            }
            Gained::Channel { identity, mailbox, direct, local, user } => {
                self.span.record("channel", display(mailbox.channel())).record("user", identity.user.as_deref());
                self.identity = Some(identity);
                self.channel = Some(OwnChannel { mailbox, direct, taken: (0, 0), _local: local, _user: user });
            }
            Gained::Membership(group, membership) => {
                self.leave(host.rooms, &group);
                let place = host.rooms.add(membership.roster().id(), self.key.slot());
                self.memberships.insert(group, Member { membership, place });
            }
        }
        self.handle(host, Input::Done(outcome));
        for group in lost {
            self.remove(host, group, GroupCode::PERMISSION_WITHDRAWN);
        }
        // After the welcome is queued, so that nothing comes before it.
        self.hears = self.session.is_open();
        for order in std::mem::take(&mut self.orders) {
            self.carry_out(host, &order);
        }
        true
    }

    /// Reads and handles what came in, so many frames or a buffer full at most, since bytes that complete no frame are work
    /// as well; true when there may be more at once.
    fn poll_read<L: ChannelLayer>(&mut self, cx: &mut Context<'_>, host: &mut Host<'_, L>, buffer: &mut [u8]) -> bool {
        let (mut frames, mut read) = (0, 0);
        while frames < FRAMES && read < buffer.len() && self.wants_frames(host) {
            let size = match self.socket.poll_fill(cx, buffer) {
                Poll::Ready(Some(size)) => size,
                Poll::Ready(None) => {
                    self.end(host, None);
                    return false;
                }
                Poll::Pending => return false,
            };
            read += size;
            let mut input = &buffer[..size];
            while !input.is_empty() && frames < FRAMES && self.wants_frames(host) {
                let (used, incoming) = self.socket.decode(input);
                input = &input[used..];
                if let Some(incoming) = incoming {
                    frames += 1;
                    self.incoming(host, incoming);
                    while self.poll_operation(cx, host) {}
                }
            }
            host.shared.counters.bytes_in.add((size - input.len()) as u64);
            self.socket.keep(input);
        }
        self.wants_frames(host)
    }

    fn wants_frames<L>(&self, host: &Host<'_, L>) -> bool {
        self.closing.is_none() && !host.quiet && self.session.wants_frames() && self.answers <= UNREAD_ANSWERS
    }

    fn incoming<L: ChannelLayer>(&mut self, host: &mut Host<'_, L>, incoming: Incoming) {
        let input = match incoming {
            Incoming::Frame(kind, bytes) => {
                host.shared.counters.frames_in.add(1);
                Input::Frame(kind, bytes)
            }
            Incoming::Control(answer) => {
                self.answers += answer;
                Input::Alive
            }
            Incoming::Violation(code, reason) => Input::Violation(code, reason),
            Incoming::Closed => return self.end(host, None),
        };
        self.handle(host, input);
    }

    fn poll_closing<L>(&mut self, cx: &mut Context<'_>, host: &mut Host<'_, L>, buffer: &mut [u8]) -> Turn {
        let before = self.backlog();
        let closed = self.socket.poll_closed(cx, buffer, host.scratch);
        host.shared.counters.bytes_out.add(before.saturating_sub(self.backlog()) as u64);
        match closed {
            Poll::Ready(true) => Turn::Ended,
            Poll::Ready(false) => Turn::More,
            Poll::Pending => Turn::Rest,
        }
    }
}
