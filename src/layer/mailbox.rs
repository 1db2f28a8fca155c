//! A channel of this process that is owned: whoever holds the [`Mailbox`] receives, and dropping it gives the channel
//! back. Layers deliver through the other end, which is theirs ([`MailboxSender`] for layers outside this crate).

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};

use futures_util::Stream;
use tokio::time::Instant;

use crate::queue::{Queue, Refused, Waiter};
use crate::{ChannelName, Error, ErrorKind, Message, Result};

/// How a mailbox is bounded, and who takes its messages.
#[derive(Clone)]
#[non_exhaustive]
pub struct MailboxOptions {
    /// The most messages that wait. Default: what the layer is set up with for the channel's name, 100 at first. A
    /// higher number rides out longer pauses of the receiver and costs memory while they last.
    pub capacity: Option<usize>,
    /// The most bytes of messages that wait; one message is always taken, whatever its size. Default: 16 MiB.
    pub bytes: usize,
    /// Who takes the messages where they arrive. Default: nobody, they wait in the mailbox.
    pub sink: Option<Arc<dyn MessageSink>>,
}

impl MailboxOptions {
    /// Bounds the mailbox to this many messages.
    #[must_use]
    pub const fn with_capacity(mut self, messages: usize) -> Self {
        self.capacity = Some(messages);
        self
    }

    /// Bounds the mailbox to this many bytes.
    #[must_use]
    pub const fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Hands messages to `sink` where they arrive, in place of the mailbox's queue: for receivers that have a queue
    /// already, which saves a task and a wake-up between the two. The mailbox still owns the channel and its groups; nothing
    /// can be received on it, and its bounds are the sink's.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn MessageSink>) -> Self {
        self.sink = Some(sink);
        self
    }
}

impl Default for MailboxOptions {
    fn default() -> Self {
        Self { capacity: None, bytes: 16 << 20, sink: None }
    }
}

impl fmt::Debug for MailboxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (capacity, bytes, sink) = (self.capacity, self.bytes, self.sink.is_some());
        f.debug_struct("MailboxOptions")
            .field("capacity", &capacity)
            .field("bytes", &bytes)
            .field("sink", &sink)
            .finish()
    }
}

/// Takes a mailbox's messages where they arrive; see [`MailboxOptions::with_sink`].
///
/// It is called by whoever sends, under the layer's locks: it must not block, must not call the layer, and must not wake
/// anybody, which the layer does once it holds no lock. Deliveries that are under way while the mailbox is dropped may
/// still come a moment later.
pub trait MessageSink: Send + Sync + 'static {
    /// Takes a message. Returns whom to wake for it, if anybody.
    ///
    /// # Errors
    ///
    /// [`NoRoom`]: the sink takes no more. The sender gets [`ErrorKind::ChannelFull`], or a message to a group is counted
    /// for [`Mailbox::dropped`], as with a mailbox that is full.
    fn deliver(&self, message: &Message) -> Result<Option<Waker>, NoRoom>;
}

/// A [`MessageSink`] takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// A message and when it is too old to be delivered.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) message: Message,
    pub(super) expires: Option<Instant>,
}

impl Slot {
    fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What a channel consists of for its receivers.
pub(super) struct Inbox {
    pub(super) name: ChannelName,
    pub(super) queue: Queue<Slot>,
    /// Takes the messages in place of the queue.
    sink: Option<Arc<dyn MessageSink>>,
    /// What the queue knows under its lock, for messages that need nothing else of it.
    closed: AtomicBool,
    /// Messages that did not fit, and that nobody else was told of, since the owner last asked.
    pub(super) dropped: AtomicU64,
    /// Where the layer counts the messages that expired.
    expired: Arc<AtomicU64>,
}

impl Inbox {
    pub(super) fn new(name: ChannelName, capacity: usize, bytes: usize, expired: Arc<AtomicU64>) -> Self {
        let (queue, closed, dropped) = (Queue::new(capacity, bytes), AtomicBool::new(false), AtomicU64::new(0));
        Self { name, queue, sink: None, closed, dropped, expired }
    }

    pub(super) fn with_sink(mut self, sink: Option<Arc<dyn MessageSink>>) -> Self {
        self.sink = sink;
        self
    }

    /// Takes a message in, and returns whom to wake once the caller holds no lock.
    pub(super) fn push(&self, slot: Slot) -> Result<Option<Waker>, Refused<Slot>> {
        let Some(sink) = &self.sink else {
            let size = slot.message.size();
            return self.queue.push_unwoken(slot, size);
        };
        if self.closed.load(Ordering::Acquire) {
            return Err(Refused::Closed(slot));
        }
        sink.deliver(&slot.message).map_err(|NoRoom| Refused::Full(slot))
    }

    /// Takes no more messages, and has every receiver know. What is queued can still be taken.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.queue.close();
    }

    /// Whether it is its number of messages that keeps it from taking one more, and not their bytes.
    pub(super) fn is_at_capacity(&self) -> bool {
        self.sink.is_some() || self.queue.len() >= self.queue.max_items()
    }

    /// Waits for the next message that has not expired.
    pub(super) async fn receive(&self) -> Result<Message> {
        let mut waiter = self.queue.waiter();
        std::future::poll_fn(|cx| self.poll_next(&mut waiter, cx)).await.ok_or_else(|| self.closed())
    }

    /// Drops the oldest messages that have expired. Returns how many.
    pub(super) fn drop_expired(&self, now: Instant) -> usize {
        let expired = self.queue.drop_while(|slot| slot.is_over(now));
        self.count_expired(expired);
        expired
    }

    fn poll_next<Q>(&self, waiter: &mut Waiter<Q, Slot>, cx: &mut Context<'_>) -> Poll<Option<Message>>
    where
        Q: Deref<Target = Queue<Slot>>,
    {
        loop {
            match ready!(waiter.poll_pop(cx)) {
                Some(slot) if slot.is_over(Instant::now()) => self.count_expired(1),
                popped => return Poll::Ready(popped.map(|slot| slot.message)),
            }
        }
    }

    fn try_receive(&self) -> Result<Option<Message>> {
        while let Some(slot) = self.queue.try_pop() {
            if !slot.is_over(Instant::now()) {
                return Ok(Some(slot.message));
            }
            self.count_expired(1);
        }
        if self.queue.is_closed() { Err(self.closed()) } else { Ok(None) }
    }

    fn count_expired(&self, messages: usize) {
        if messages > 0 {
            self.expired.fetch_add(messages as u64, Ordering::Relaxed);
        }
    }

    fn closed(&self) -> Error {
        Error::new(ErrorKind::Closed, format!("channel {} is closed", self.name))
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("name", &self.name).field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// A layer's channel object: an inbox, and what the layer keeps beside it.
pub(super) trait HasInbox: Send + Sync + 'static {
    fn inbox(&self) -> &Inbox;
}

impl HasInbox for Inbox {
    fn inbox(&self) -> &Inbox {
        self
    }
}

/// The queue of a layer's channel, shared.
#[derive(Clone)]
struct Shared(Arc<dyn HasInbox>);

impl Deref for Shared {
    type Target = Queue<Slot>;

    fn deref(&self) -> &Self::Target {
        &self.0.inbox().queue
    }
}

/// The receiving end of a channel of this process, and its ownership.
///
/// Dropping it leaves the channel's groups and frees its name: for the memory layer at once, for a layer on a server in
/// the background. What is still queued is dropped with it.
///
/// It can be received on as a future ([`recv`](Self::recv)), as a [`Stream`], or in batches from a hand-written `poll`
/// ([`poll_drain`](Self::poll_drain)).
pub struct Mailbox {
    shared: Shared,
    /// The one place to wait from, so that a task that stops receiving and leaves it to another one leaves no waker.
    waiter: Waiter<Shared, Slot>,
    on_drop: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Mailbox {
    /// A mailbox and the end that a layer delivers to, for authors of layers. `on_drop` runs when the mailbox is
    /// dropped; it leaves the groups and frees the name. Where the options leave the capacity open it is 100.
    pub fn pair(
        channel: ChannelName,
        options: &MailboxOptions,
        on_drop: impl FnOnce() + Send + Sync + 'static,
    ) -> (MailboxSender, Mailbox) {
        let inbox = Inbox::new(channel, options.capacity.unwrap_or(100), options.bytes, Arc::default());
        let inbox = Arc::new(inbox.with_sink(options.sink.clone()));
        let sender = MailboxSender(Arc::new(Sender(Arc::clone(&inbox))));
        (sender, Mailbox::new(inbox, on_drop))
    }

    pub(super) fn new(inbox: Arc<impl HasInbox>, on_drop: impl FnOnce() + Send + Sync + 'static) -> Self {
        let shared = Shared(inbox);
        Self { waiter: Waiter::new(shared.clone()), shared, on_drop: Some(Box::new(on_drop)) }
    }

    /// The channel's name: what to send to, and what to add to groups.
    pub fn channel(&self) -> &ChannelName {
        &self.inbox().name
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`]: the layer was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken no message.
    pub async fn recv(&mut self) -> Result<Message> {
        let place = Place(self);
        std::future::poll_fn(|cx| place.0.poll_recv(cx)).await
    }

    /// Polls for the next message: [`recv`](Self::recv) for hand-written futures. While pending, the waker of the last
    /// call of a `poll` method is woken when a message comes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`]: the layer was closed.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message>> {
        let inbox = self.shared.0.inbox();
        inbox.poll_next(&mut self.waiter, cx).map(|next| next.ok_or_else(|| inbox.closed()))
    }

    /// The next message, if one is there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`]: the layer was closed.
    pub fn try_recv(&self) -> Result<Option<Message>> {
        self.inbox().try_receive()
    }

    /// Moves messages to `out` until it holds `max_items`, or the moved ones have `max_bytes`: for tasks that poll
    /// several sources by hand and write what comes in one go. Ready with how many were moved: at least one, unless
    /// `out` had no room.
    ///
    /// While pending, the waker of the last call of a `poll` method is woken when a message comes. A mailbox that was
    /// polled and then left alone holds back its turn from other receivers of the same channel, if there are any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`]: the layer was closed.
    pub fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        max_items: usize,
        max_bytes: usize,
        out: &mut Vec<Message>,
    ) -> Poll<Result<usize>> {
        let room = max_items.saturating_sub(out.len());
        if room == 0 {
            return Poll::Ready(Ok(0));
        }
        // One look at the clock for all of them, and none where nothing has come.
        let (mut now, mut expired) = (None, 0);
        let drained = self.waiter.poll_drain(cx, room, max_bytes, |slot| {
            let over = slot.is_over(*now.get_or_insert_with(Instant::now));
            if over {
                expired += 1;
            } else {
                out.push(slot.message);
            }
            !over
        });
        self.inbox().count_expired(expired);
        drained.map(|moved| if moved == 0 { Err(self.inbox().closed()) } else { Ok(moved) })
    }

    /// How many messages did not fit since this was last asked: those to groups, and where the layer has no
    /// [`mailboxes_refuse`](super::Capabilities::mailboxes_refuse) those to the channel itself as well.
    pub fn dropped(&self) -> u64 {
        self.inbox().dropped.swap(0, Ordering::Relaxed)
    }

    fn inbox(&self) -> &Inbox {
        self.shared.0.inbox()
    }
}

/// The messages until the layer is closed.
impl Stream for Mailbox {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx).map(Result::ok)
    }
}

/// A mailbox that is waited on by a future, which gives the place up when it is dropped.
struct Place<'a>(&'a mut Mailbox);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiter.leave();
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        if let Some(on_drop) = self.on_drop.take() {
            on_drop();
        }
        self.inbox().close();
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("channel", self.channel()).field("waiting", &self.shared.len()).finish()
    }
}

/// The end of a [`Mailbox`] that a layer delivers to. When the last clone is dropped the mailbox is closed.
#[derive(Clone, Debug)]
pub struct MailboxSender(Arc<Sender>);

#[derive(Debug)]
struct Sender(Arc<Inbox>);

impl MailboxSender {
    /// Delivers a message that was sent to the channel.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::ChannelFull`]: the mailbox holds as much as it may.
    /// - [`ErrorKind::Closed`]: the mailbox was dropped or closed.
    pub fn send(&self, message: Message) -> Result<()> {
        let inbox = &self.0.0;
        match inbox.push(Slot { message, expires: None }) {
            Ok(waker) => {
                waker.into_iter().for_each(Waker::wake);
                Ok(())
            }
            Err(Refused::Closed(_)) => Err(inbox.closed()),
            Err(Refused::Full(_)) => {
                let (name, capacity) = (&inbox.name, inbox.queue.max_items());
                let text = format!("channel {name} is full: its capacity is {capacity} messages, or so many bytes");
                Err(Error::new(ErrorKind::ChannelFull, text))
            }
        }
    }

    /// Delivers a message that was sent to a group. Returns whether it fitted; one that did not is counted for
    /// [`Mailbox::dropped`].
    pub fn group_send(&self, message: Message) -> bool {
        let sent = self.send(message);
        if sent.is_err() {
            self.0.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        sent.is_ok()
    }

    /// Drops what is queued, without counting it for [`Mailbox::dropped`]: what a flush asks for, and a layer that is
    /// closed before it closes the mailbox.
    pub fn clear(&self) {
        self.0.0.queue.clear();
    }

    /// Closes the mailbox: what is queued can still be received, then its receiver fails with [`ErrorKind::Closed`].
    pub fn close(&self) {
        self.0.0.close();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.close();
    }
}
