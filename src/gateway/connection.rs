//! One task per socket: it holds the awaits, and decides nothing.
//!
//! A hand-written poll loop, because one task waits for six things at once and none of them may be forgotten or cost
//! a relay: signals of others, room to write, what waits for the client, the running operation or else the next frame,
//! and the deadline. The rules it keeps:
//!
//! - While an operation runs no frame is read: a client that asks faster than it is served is held up by TCP.
//! - While the peer does not take what was written nothing more is taken from the queues, so these fill up to their
//!   bound and the client counts as slow; and nothing is read that would have to be answered.
//! - What waits is written in batches, one flush for each.
//! - After a bounded amount of work others may run.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::time::Sleep;

use super::auth::{Credentials, Identity};
use super::connections::LocalChannel;
use super::hub::Membership;
use super::operation::{self, Asker, Finished, Gained, Running};
use super::outbox::{Delivery, Item, Outbox, Signal};
use super::session::{Effect, FrameKind, Input, Operation, Outcome, Session, after};
use super::shared::Shared;
use super::socket::{Gone, Incoming, Socket};
use crate::layer::{ChannelLayer, Mailbox};
use crate::protocol::{CloseCode, Encoding, GroupCode, GroupName, Target};
use crate::queue::{Queue, Waiter};

/// How many rounds of work a connection does before others may run.
const ROUNDS: usize = 32;

/// How many bytes are queued before they are flushed.
const BATCH: usize = 64 * 1024;

/// How many bytes of answers may wait to be written before no more requests are read.
const UNREAD_ANSWERS: usize = 16 * 1024;

/// The most that answering a control frame can take (RFC 6455, section 5.5).
const CONTROL: usize = 127;

/// One connected client. The future ends when the socket has.
pub(crate) struct Connection<L> {
    /// The connection's number among all.
    number: u64,
    shared: Arc<Shared<L>>,
    session: Session,
    socket: Socket,
    outbox: Arc<Outbox>,
    queued: Waiter<Queued, Item>,
    identity: Arc<Identity>,
    /// What the client's HTTP request showed, until it has connected.
    credentials: Option<Box<Credentials>>,
    channel: Option<(Mailbox, LocalChannel)>,
    memberships: HashMap<GroupName, Membership>,
    operation: Option<Running>,
    timer: Pin<Box<Sleep>>,
    /// Bytes of answers since the peer took everything.
    answers: usize,
    /// No more requests are taken, and nobody waits for one.
    hushed: bool,
    /// Our close code, once the connection is closing; nothing in it where the client closed.
    closing: Option<Option<CloseCode>>,
}

/// The outbox as the queue that it holds, so that a place to wait from can own it.
struct Queued(Arc<Outbox>);

impl Deref for Queued {
    type Target = Queue<Item>;

    fn deref(&self) -> &Self::Target {
        &self.0.queue
    }
}

/// Whether there may be more to do at once.
type Progress = Result<bool, Gone>;

impl<L: ChannelLayer> Connection<L> {
    pub(crate) fn new(
        number: u64,
        shared: Arc<Shared<L>>,
        socket: Socket,
        encoding: Encoding,
        outbox: Arc<Outbox>,
        credentials: Box<Credentials>,
    ) -> Self {
        Self {
            number,
            session: Session::new(shared.config.clone(), encoding, now()),
            timer: Box::pin(tokio::time::sleep(shared.config.connect_timeout)),
            shared,
            socket,
            queued: Waiter::new(Queued(outbox.clone())),
            outbox,
            identity: Arc::default(),
            credentials: Some(credentials),
            channel: None,
            memberships: HashMap::new(),
            operation: None,
            answers: 0,
            hushed: false,
            closing: None,
        }
    }

    /// Closes at once with a code: the end of a connection that cannot be served.
    pub(crate) async fn refuse(mut self: Box<Self>, code: CloseCode, reason: &'static str) {
        let refused = poll_fn(|cx| Poll::Ready(self.handle(cx, Input::Violation(code, reason)))).await;
        if refused.is_ok() {
            self.await;
        }
    }

    fn poll_round(&mut self, cx: &mut Context<'_>) -> Progress {
        // What waits goes out before a signal is looked at, so a shutdown cuts nothing off that could still be written.
        let mut more = self.poll_write(cx)?;
        if !more {
            self.poll_signal(cx)?;
        }
        more |= self.poll_operation(cx)?;
        more |= self.poll_read(cx)?;
        more |= self.poll_timer(cx)?;
        Ok(more)
    }

    fn poll_signal(&mut self, cx: &mut Context<'_>) -> Result<(), Gone> {
        let input = match self.outbox.signal(cx.waker()) {
            None => return Ok(()),
            Some(Signal::Overflow) => Input::Overflow,
            Some(Signal::Shutdown(wait)) => Input::Shutdown(wait),
        };
        self.handle(cx, input)
    }

    /// Writes what waits for the client, as long as it takes it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Progress {
        match self.socket.poll_flush(cx) {
            Poll::Pending => return Ok(false),
            Poll::Ready(flushed) => flushed?,
        }
        self.answers = 0;
        let (mut frames, mut bytes) = (0, 0);
        while bytes < BATCH && self.closing.is_none() {
            let Some(item) = self.poll_item(cx) else { break };
            bytes += self.write_item(cx, item)?;
            frames += 1;
        }
        self.shared.counters.frames_out.add(frames);
        match self.socket.poll_flush(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(flushed) => flushed.map(|()| bytes >= BATCH),
        }
    }

    /// The next of what waits: from the queue, or what was sent to the connection's own channel.
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Option<Item> {
        if let Poll::Ready(Some(item)) = self.queued.poll_pop(cx) {
            return Some(item);
        }
        let (mailbox, _) = self.channel.as_mut()?;
        let Poll::Ready(Ok(message)) = mailbox.poll_recv(cx) else { return None };
        Some(Item::Message(Delivery::new(Target::Channel(mailbox.channel().clone()), message)))
    }

    fn write_item(&mut self, cx: &mut Context<'_>, item: Item) -> Result<usize, Gone> {
        match item {
            Item::Message(delivery) => self.feed(cx, delivery.frame(self.session.encoding()).clone()),
            Item::Frame(frame) => self.feed(cx, *frame),
            Item::Lost(id, code) => self.lose(cx, id, code).map(|()| 1),
        }
    }

    fn feed(&mut self, cx: &mut Context<'_>, frame: Bytes) -> Result<usize, Gone> {
        let size = frame.len();
        self.socket.feed(cx, FrameKind::of(self.session.encoding()), frame)?;
        Ok(size)
    }

    fn lose(&mut self, cx: &mut Context<'_>, id: u64, code: GroupCode) -> Result<(), Gone> {
        // A membership that was given up since, or replaced by a new one of the same group, has another number.
        let lost = self.memberships.iter().find(|(_, membership)| membership.id() == id);
        let Some(group) = lost.map(|(group, _)| group.clone()) else { return Ok(()) };
        self.memberships.remove(&group);
        self.handle(cx, Input::GroupLost(group, code))
    }

    fn poll_operation(&mut self, cx: &mut Context<'_>) -> Progress {
        let Some(running) = &mut self.operation else { return Ok(false) };
        let Poll::Ready(Finished { outcome, gained }) = running.as_mut().poll(cx) else { return Ok(false) };
        self.operation = None;
        match gained {
            Gained::Nothing => {}
            Gained::Identity(identity) => self.identity = identity,
            Gained::Channel(identity, mailbox, local) => {
                self.identity = identity;
                self.channel = Some((mailbox, local));
            }
            Gained::Membership(group, membership) => {
                self.memberships.insert(group, membership);
            }
        }
        self.handle(cx, Input::Done(outcome)).map(|()| true)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.outbox.is_quiet() {
            self.hush();
            return Ok(false);
        }
        if !self.session.wants_frames() || self.answers > UNREAD_ANSWERS {
            return Ok(false);
        }
        let Poll::Ready(incoming) = self.socket.poll_read(cx) else { return Ok(false) };
        let input = match incoming {
            Incoming::Frame(kind, bytes) => {
                self.shared.counters.frames_in.add(1);
                Input::Frame(kind, bytes)
            }
            Incoming::Control => {
                self.answers += CONTROL;
                Input::Alive
            }
            Incoming::Violation(code, reason) => Input::Violation(code, reason),
            Incoming::Closed => {
                self.end(None);
                return Ok(true);
            }
        };
        self.handle(cx, input).map(|()| true)
    }

    /// Tells the gateway once that no request is in hand, so that nothing more will be acknowledged.
    fn hush(&mut self) {
        if !self.hushed && self.operation.is_none() {
            self.hushed = true;
            self.shared.connections.hushed(self.number);
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Progress {
        let Some(due) = self.session.deadline() else { return Ok(false) };
        // Deadlines mostly move away, and then the timer may ring too early; it is only moved when it would be late.
        if due < self.timer.deadline().into_std() {
            self.timer.as_mut().reset(due.into());
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return Ok(false);
        }
        self.handle(cx, Input::Timer)?;
        if let Some(due) = self.session.deadline() {
            self.timer.as_mut().reset(due.into());
        }
        Ok(true)
    }

    fn handle(&mut self, cx: &mut Context<'_>, input: Input) -> Result<(), Gone> {
        match self.session.handle(input, now()) {
            Effect::None => Ok(()),
            Effect::Write(frame) => {
                self.shared.counters.frames_out.add(1);
                self.answers += self.feed(cx, frame)?;
                Ok(())
            }
            Effect::Run(Operation::Leave(group)) => self.leave(cx, &group),
            Effect::Run(operation) => {
                let asker = Asker { identity: self.identity.clone(), outbox: self.outbox.clone() };
                let credentials = self.credentials.take();
                self.operation = Some(operation::start(self.shared.clone(), asker, credentials, operation));
                Ok(())
            }
            Effect::Close(code, reason) => self.close(cx, code, &reason),
        }
    }

    /// Leaves a group. The answer goes through the queue, behind the messages of the group that are in it.
    fn leave(&mut self, cx: &mut Context<'_>, group: &GroupName) -> Result<(), Gone> {
        self.memberships.remove(group);
        match self.session.handle(Input::Done(Outcome::Done), now()) {
            Effect::Write(frame) => {
                let size = frame.len();
                self.outbox.put(Item::Frame(Box::new(frame)), size);
                Ok(())
            }
            Effect::Close(code, reason) => self.close(cx, code, &reason),
            Effect::None | Effect::Run(_) => Ok(()),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Result<(), Gone> {
        self.end(Some(code));
        self.socket.close(cx, code, reason)
    }

    /// Gives everything back but the socket, which has a bounded time to close.
    fn end(&mut self, code: Option<CloseCode>) {
        self.closing = Some(code);
        self.operation = None;
        self.memberships.clear();
        self.channel = None;
        self.outbox.queue.close();
        self.timer.as_mut().reset(after(now(), self.shared.config.close_timeout).into());
    }

    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.socket.poll_closed(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => self.timer.as_mut().poll(cx),
        }
    }
}

impl<L: ChannelLayer> Future for Connection<L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS {
            if self.closing.is_some() {
                return self.poll_closing(cx);
            }
            match self.poll_round(cx) {
                Ok(true) => {}
                Ok(false) if self.closing.is_some() => {}
                Ok(false) => return Poll::Pending,
                Err(Gone) => {
                    self.closing = self.closing.or(Some(None));
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<L> Drop for Connection<L> {
    fn drop(&mut self) {
        self.shared.counters.closed(self.closing.flatten());
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
