//! What is sent to the channel of one connection: straight into its shard's inbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use super::roster::Bounds;
use super::shard::{Command, Full, Inbox, Key};
use crate::layer::{MessageSink, NoRoom};
use crate::protocol::Message;

/// Takes what is sent to a connection's channel. What its client has not taken yet counts against the bounds, so that
/// senders learn of a client that does not read.
#[derive(Debug)]
pub(crate) struct Direct {
    inbox: Arc<Inbox>,
    key: Key,
    bounds: Bounds,
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Direct {
    pub(crate) fn new(inbox: Arc<Inbox>, key: Key, bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { inbox, key, bounds, messages: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }

    /// The client has taken so much.
    pub(crate) fn release(&self, messages: usize, bytes: usize) {
        self.messages.fetch_sub(messages, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl MessageSink for Direct {
    fn deliver(&self, message: &Message) -> Result<Option<Waker>, NoRoom> {
        let size = message.size();
        let messages = self.messages.fetch_add(1, Ordering::Relaxed);
        let bytes = self.bytes.fetch_add(size, Ordering::Relaxed);
        let fits = messages < self.bounds.messages && (messages == 0 || bytes + size <= self.bounds.bytes);
        let pushed = match fits {
            true => self.inbox.push(Command::Send(self.key, message.clone()), size),
            false => Err(Full),
        };
        match pushed {
            Ok(asleep) => Ok(asleep.then(|| Arc::clone(&self.inbox).into())),
            Err(Full) => {
                self.release(1, size);
                Err(NoRoom)
            }
        }
    }
}
