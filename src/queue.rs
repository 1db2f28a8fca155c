//! The crate's one queue: bounded in messages and bytes, any number of waiting receivers, each message to one of them.
//!
//! Its invariants: an item that was pushed is popped once or dropped with the queue; a receiver that is dropped while
//! it waits passes its wake-up on, so no item waits while a receiver does. The lock is held for a few instructions
//! and never across an await, and wakers run and are dropped outside it: a waker may own a task that owns a receiver.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::row::Row;
use crate::sync::{Mutex, MutexGuard};

/// A queue of `T`, each item with a size in bytes.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    max_items: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
    /// Receivers that wait, oldest first, each under the key of its [`Waiter`]. Keys only grow, so it is sorted by them.
    waiting: Row<(u64, Waker)>,
    next_key: u64,
}

/// Why an item was not queued; it comes back.
#[derive(Debug)]
pub(crate) enum Refused<T> {
    /// The queue is at one of its bounds.
    Full(T),
    /// The queue was closed.
    Closed(T),
}

/// Room for so many items is kept by an empty queue; more is given back, so that a burst costs no memory afterwards.
const KEPT_ROOM: usize = 32;

impl<T> Queue<T> {
    /// A queue that refuses an item when it holds `max_items`, or when it holds anything and would pass `max_bytes`. So
    /// one item always fits, whatever its size.
    pub(crate) fn new(max_items: usize, max_bytes: usize) -> Self {
        let state = State { items: VecDeque::new(), bytes: 0, closed: false, waiting: Row::new(), next_key: 0 };
        Self { state: Mutex::new(state), max_items, max_bytes }
    }

    /// Appends an item and wakes one receiver.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), Refused<T>> {
        self.push_unwoken(item, bytes)?.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Appends an item, and returns the waker of the receiver that it is for: the caller wakes it once it holds no lock.
    pub(crate) fn push_unwoken(&self, item: T, bytes: usize) -> Result<Option<Waker>, Refused<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed(item));
        }
        let heavy = !state.items.is_empty() && state.bytes.saturating_add(bytes) > self.max_bytes;
        if heavy || state.items.len() >= self.max_items {
            return Err(Refused::Full(item));
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        Ok(state.waiting.pop_front().map(|(_, waker)| waker))
    }

    /// Takes the oldest item, if there is one.
    pub(crate) fn try_pop(&self) -> Option<T> {
        self.lock().pop()
    }

    /// Takes the oldest items while `wanted` says so, and returns how many. For expiry: the items are dropped.
    pub(crate) fn drop_while(&self, mut wanted: impl FnMut(&T) -> bool) -> usize {
        let mut state = self.lock();
        let mut dropped = 0;
        while state.items.front().is_some_and(|(item, _)| wanted(item)) {
            state.pop();
            dropped += 1;
        }
        dropped
    }

    /// A place to wait from, for hand-written polling.
    pub(crate) fn waiter(&self) -> Waiter<&Self, T> {
        Waiter::new(self)
    }

    /// Refuses items from now on and wakes every receiver. What is queued can still be taken.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Drops every item, and returns how many.
    pub(crate) fn clear(&self) -> usize {
        let mut state = self.lock();
        state.bytes = 0;
        let items = std::mem::take(&mut state.items);
        drop(state);
        items.len()
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// How many bytes the waiting items have.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// How many receivers wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        (&self.lock().waiting).into_iter().count()
    }

    /// The most items that it holds.
    pub(crate) fn max_items(&self) -> usize {
        self.max_items
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing under the lock can panic half-way, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn pop(&mut self) -> Option<T> {
        let (item, bytes) = self.items.pop_front()?;
        self.bytes -= bytes;
        if self.items.is_empty() && self.items.capacity() > KEPT_ROOM {
            self.items = VecDeque::new();
        }
        Some(item)
    }

    /// Registers the receiver with this key for a wake-up; ready when there will be none. A waker that is no longer
    /// needed comes back, to be dropped outside the lock.
    fn wait(&mut self, key: &mut Option<u64>, cx: &Context<'_>) -> (Poll<()>, Option<Waker>) {
        if self.closed {
            return (Poll::Ready(()), None);
        }
        let place = key.and_then(|key| self.waiting.find(&key, |(key, _)| *key));
        let old = match place {
            Some((_, waker)) if waker.will_wake(cx.waker()) => None,
            Some((_, waker)) => Some(std::mem::replace(waker, cx.waker().clone())),
            None => {
                self.waiting.push_back((self.next_key, cx.waker().clone()));
                *key = Some(self.next_key);
                self.next_key += 1;
                None
            }
        };
        (Poll::Pending, old)
    }

    /// Gives up the place of the receiver with this key; its waker comes back, to be dropped outside the lock.
    fn leave(&mut self, key: &mut Option<u64>) -> Option<Waker> {
        let key = key.take()?;
        self.waiting.remove(&key, |(key, _)| *key).map(|(_, waker)| waker)
    }
}

/// One receiver's place among those that wait on a queue held as `Q` (a reference or an `Arc`). Dropping it gives the
/// place up, and passes a wake-up that it was given on to the next receiver.
#[derive(Debug)]
pub(crate) struct Waiter<Q, T>
where
    Q: std::ops::Deref<Target = Queue<T>>,
{
    queue: Q,
    key: Option<u64>,
}

impl<Q, T> Waiter<Q, T>
where
    Q: std::ops::Deref<Target = Queue<T>>,
{
    pub(crate) fn new(queue: Q) -> Self {
        Self { queue, key: None }
    }

    /// The oldest item, or nothing once the queue is closed and empty; registers for a wake-up otherwise.
    pub(crate) fn poll_pop(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.queue.lock();
        let (popped, waker) = match state.pop() {
            Some(item) => (Poll::Ready(Some(item)), state.leave(&mut self.key)),
            None => {
                let (closed, waker) = state.wait(&mut self.key, cx);
                (closed.map(|()| None), waker)
            }
        };
        drop(state);
        drop(waker);
        popped
    }

    /// Hands items to `take` until it has kept `max_items` (it says whether it keeps one), or the handed ones have
    /// `max_bytes`; ready with how many were kept, at least one, or with zero once the queue is closed and empty. With no
    /// room for any it is pending without a wake-up, and gives its place up: who has no room does not wait. `take` runs
    /// under the lock.
    pub(crate) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        max_items: usize,
        max_bytes: usize,
        mut take: impl FnMut(T) -> bool,
    ) -> Poll<usize> {
        if max_items == 0 {
            self.leave();
            return Poll::Pending;
        }
        let mut state = self.queue.lock();
        let (mut kept, mut bytes) = (0, 0);
        while kept < max_items && (kept == 0 || bytes < max_bytes) {
            let before = state.bytes;
            let Some(item) = state.pop() else { break };
            bytes += before - state.bytes;
            kept += usize::from(take(item));
        }
        let (drained, waker) = if kept > 0 {
            (Poll::Ready(kept), state.leave(&mut self.key))
        } else {
            let (closed, waker) = state.wait(&mut self.key, cx);
            (closed.map(|()| 0), waker)
        };
        drop(state);
        drop(waker);
        drained
    }

    /// Gives the place up, and passes a wake-up that it was given on to the next receiver.
    pub(crate) fn leave(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut state = self.queue.lock();
        let was_waiting = state.leave(&mut Some(key));
        // Without a place it was woken for an item: if that is still there it will not take it, so somebody else must.
        let next = match was_waiting {
            None if !state.items.is_empty() => state.waiting.pop_front(),
            _ => None,
        };
        drop(state);
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

impl<Q, T> Drop for Waiter<Q, T>
where
    Q: std::ops::Deref<Target = Queue<T>>,
{
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
#[path = "queue/tests.rs"]
mod tests;
