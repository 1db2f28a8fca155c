//! A value that changes, and those who follow it. Latest wins: a follower that is slow sees the newest value.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

/// The value and its followers' wakers.
#[derive(Debug)]
pub(super) struct Watch<T>(Mutex<Watched<T>>);

#[derive(Debug)]
struct Watched<T> {
    value: T,
    version: u64,
    over: bool,
    /// Followers that wait, each under its own key.
    waiting: Vec<(u64, Waker)>,
    next_key: u64,
}

impl<T> Watch<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(Watched { value, version: 1, over: false, waiting: Vec::new(), next_key: 0 }))
    }

    pub(super) fn get(&self) -> T
    where
        T: Clone,
    {
        self.lock().value.clone()
    }

    pub(super) fn set(&self, value: T) {
        self.change(|watched| {
            watched.value = value;
            watched.version += 1;
        });
    }

    /// There will be no other value.
    pub(super) fn end(&self) {
        self.change(|watched| watched.over = true);
    }

    fn change(&self, change: impl FnOnce(&mut Watched<T>)) {
        let mut watched = self.lock();
        change(&mut watched);
        let waiting = std::mem::take(&mut watched.waiting);
        drop(watched);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn lock(&self) -> MutexGuard<'_, Watched<T>> {
        // Each change is one assignment, so a poisoned value is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The states that something goes through, as a stream: the present one first, then the newest after each change. It
/// ends with the client.
#[derive(Debug)]
pub struct States<T> {
    watch: Arc<Watch<T>>,
    key: u64,
    seen: u64,
}

impl<T> States<T> {
    pub(super) fn new(watch: Arc<Watch<T>>) -> Self {
        let mut watched = watch.lock();
        let key = watched.next_key;
        watched.next_key += 1;
        drop(watched);
        Self { watch, key, seen: 0 }
    }
}

impl<T: Clone> Stream for States<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let mut watched = this.watch.lock();
        if watched.version != this.seen {
            this.seen = watched.version;
            return Poll::Ready(Some(watched.value.clone()));
        }
        if watched.over {
            return Poll::Ready(None);
        }
        let waker = cx.waker().clone();
        let old = match watched.waiting.iter_mut().find(|(key, _)| *key == this.key) {
            Some((_, waiting)) => Some(std::mem::replace(waiting, waker)),
            None => {
                watched.waiting.push((this.key, waker));
                None
            }
        };
        // A waker may own what locks this: it is dropped outside.
        drop(watched);
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for States<T> {
    fn drop(&mut self) {
        let mut watched = self.watch.lock();
        let at = watched.waiting.iter().position(|(key, _)| *key == self.key);
        let waker = at.map(|at| watched.waiting.swap_remove(at));
        drop(watched);
        drop(waker);
    }
}
