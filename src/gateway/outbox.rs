//! What waits for one client, and the flags that others raise for its connection.
//!
//! Anybody may put something in, from any thread, without waiting. A client that does not take it out is flagged, and
//! its own connection closes it: nobody else is held up.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use crate::protocol::{Encoding, GroupCode, Message, ServerFrame, Target};
use crate::queue::{Queue, Refused};

/// What a message takes on the wire besides its own bytes, roughly: frame header, `op`, the group's name.
const ENVELOPE: usize = 64;

/// One message on its way to any number of clients, written once per encoding, by the first that needs it.
#[derive(Debug)]
pub(crate) struct Delivery {
    target: Target,
    message: Message,
    frames: [OnceLock<Bytes>; Encoding::ALL.len()],
}

impl Delivery {
    pub(crate) fn new(target: Target, message: Message) -> Arc<Self> {
        Arc::new(Self { target, message, frames: Default::default() })
    }

    /// The frame that carries the message.
    pub(crate) fn frame(&self, encoding: Encoding) -> &Bytes {
        self.frames[encoding as usize].get_or_init(|| {
            let (target, message) = (self.target.clone(), self.message.clone());
            ServerFrame::Message { target, message, offset: None }.encode(encoding)
        })
    }

    fn size(&self) -> usize {
        self.message.size() + ENVELOPE
    }
}

/// Something for the client, in order.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message.
    Message(Arc<Delivery>),
    /// An answer that must not overtake the messages before it.
    Frame(Box<Bytes>),
    /// The membership with this number is over.
    Lost(u64, GroupCode),
}

/// The queue and flags of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) queue: Queue<Item>,
    flags: AtomicU8,
    /// Milliseconds that a shutdown asks the client to stay away.
    retry_after: AtomicU32,
    waker: AtomicWaker,
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The client is at its bound; [`Outbox::overflow`] is due.
    Full,
    /// It was, or the connection is closing.
    Closed,
}

const OVERFLOW: u8 = 1;
const SHUTDOWN: u8 = 2;
const QUIET: u8 = 4;

/// What others want of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Signal {
    /// The queue ran over; the client has missed something.
    Overflow,
    /// The gateway shuts down.
    Shutdown(Duration),
}

impl Outbox {
    pub(crate) fn new(max_items: usize, max_bytes: usize) -> Self {
        Self {
            queue: Queue::new(max_items, max_bytes),
            flags: AtomicU8::new(0),
            retry_after: AtomicU32::new(0),
            waker: AtomicWaker::new(),
        }
    }

    /// Queues a message and returns whom to wake, once the caller holds no lock: a waker may own a task that owns a
    /// membership, whose end takes that lock.
    pub(crate) fn deliver(&self, delivery: &Arc<Delivery>) -> Result<Option<Waker>, Refusal> {
        match self.queue.push_unwoken(Item::Message(delivery.clone()), delivery.size()) {
            Ok(waker) => Ok(waker),
            Err(Refused::Full(_)) => Err(Refusal::Full),
            Err(Refused::Closed(_)) => Err(Refusal::Closed),
        }
    }

    /// Queues anything else.
    pub(crate) fn put(&self, item: Item, bytes: usize) {
        if let Err(Refused::Full(_)) = self.queue.push(item, bytes) {
            self.overflow();
        }
    }

    /// The client has missed something: nothing more is queued for it, and its connection closes.
    pub(crate) fn overflow(&self) {
        self.queue.close();
        self.raise(OVERFLOW);
    }

    /// Asks the connection to take no more requests.
    pub(crate) fn hush(&self) {
        self.raise(QUIET);
    }

    /// Whether the connection is to take no more requests.
    pub(crate) fn is_quiet(&self) -> bool {
        self.flags.load(Ordering::Acquire) & QUIET != 0
    }

    /// Asks the connection to close.
    pub(crate) fn shut_down(&self, retry_after: Duration) {
        let millis = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
        self.retry_after.store(millis, Ordering::Relaxed);
        self.raise(SHUTDOWN);
    }

    fn raise(&self, flag: u8) {
        self.flags.fetch_or(flag, Ordering::Release);
        self.waker.wake();
    }

    /// What others want, if anything; `waker` is woken when that changes.
    pub(crate) fn signal(&self, waker: &Waker) -> Option<Signal> {
        self.waker.register(waker);
        match self.flags.load(Ordering::Acquire) {
            flags if flags & OVERFLOW != 0 => Some(Signal::Overflow),
            flags if flags & SHUTDOWN != 0 => {
                Some(Signal::Shutdown(Duration::from_millis(self.retry_after.load(Ordering::Relaxed).into())))
            }
            _ => None,
        }
    }
}
