//! Where messages wait to be received: bounded, and the oldest give way.
//!
//! A receiver that falls behind learns how many messages it lost before it gets the next one. Nobody else waits for it.

use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::Stream;

use super::session::Failure;
use crate::queue::{Queue, Refused, Waiter};
use crate::{Error, ErrorKind, Message, Result};

/// What waits: a message, or the news that there will be none for now.
type Item = Result<Message, Failure>;

#[derive(Debug)]
pub(super) struct Inbox {
    queue: Queue<Item>,
    /// Messages dropped since the receiver was last told.
    dropped: AtomicUsize,
    /// Why there will be no more.
    end: OnceLock<Failure>,
}

impl Inbox {
    pub(super) fn new(messages: usize, bytes: usize) -> Self {
        Self { queue: Queue::new(messages, bytes), dropped: AtomicUsize::new(0), end: OnceLock::new() }
    }

    /// Puts an item in; only the driver does.
    pub(super) fn push(&self, item: Item) {
        let size = item.as_ref().map_or(0, Message::size);
        let mut item = item;
        while let Err(Refused::Full(refused)) = self.queue.push(item, size) {
            item = refused;
            if self.queue.try_pop().is_some() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Lets receivers take what is there and then fail with this.
    pub(super) fn close(&self, why: Failure) {
        let _ = self.end.set(why);
        self.queue.close();
    }

    /// The next item; fails for ever once the client has ended and everything was taken.
    pub(super) async fn recv(&self) -> Result<Message> {
        let mut messages = self.stream();
        match std::future::poll_fn(|cx| messages.poll_item(cx)).await {
            Some(item) => item,
            None => Err(self.end.get().map_or_else(closed, |why| why.clone().into())),
        }
    }

    pub(super) fn stream(&self) -> Messages<'_> {
        Messages { inbox: self, waiter: self.queue.waiter() }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client was closed")
}

/// The messages of a group or of the own channel as a stream. It gives what `recv` gives, and ends with the client.
#[derive(Debug)]
pub struct Messages<'a> {
    inbox: &'a Inbox,
    waiter: Waiter<&'a Queue<Item>, Item>,
}

impl Messages<'_> {
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        let dropped = self.inbox.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let text = format!("{dropped} messages were dropped: they came faster than they were received");
            return Poll::Ready(Some(Err(Error::new(ErrorKind::Lagged, text))));
        }
        self.waiter.poll_pop(cx).map(|item| item.map(|item| item.map_err(Error::from)))
    }
}

impl Stream for Messages<'_> {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}
