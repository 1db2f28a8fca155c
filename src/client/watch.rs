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
    waiting: Vec<Waker>,
}

impl<T: Clone> Watch<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(Watched { value, version: 1, over: false, waiting: Vec::new() }))
    }

    pub(super) fn get(&self) -> T {
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

    /// Waits for [`end`](Self::end).
    pub(super) async fn ended(&self) {
        std::future::poll_fn(|cx| {
            let mut watched = self.lock();
            if watched.over { Poll::Ready(()) } else { watched.wait(cx) }
        })
        .await;
    }

    fn change(&self, change: impl FnOnce(&mut Watched<T>)) {
        let mut watched = self.lock();
        change(&mut watched);
        let waiting = std::mem::take(&mut watched.waiting);
        drop(watched);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Watched<T>> {
        // Each change is one assignment, so a poisoned value is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Watched<T> {
    fn wait<R>(&mut self, cx: &Context<'_>) -> Poll<R> {
        if !self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// The states that something goes through, as a stream: the present one first, then the newest after each change. It
/// ends with the client.
#[derive(Debug)]
pub struct States<T> {
    watch: Arc<Watch<T>>,
    seen: u64,
}

impl<T> States<T> {
    pub(super) fn new(watch: Arc<Watch<T>>) -> Self {
        Self { watch, seen: 0 }
    }
}

impl<T: Clone> Stream for States<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let mut watched = this.watch.lock();
        if watched.version != this.seen {
            this.seen = watched.version;
            Poll::Ready(Some(watched.value.clone()))
        } else if watched.over {
            Poll::Ready(None)
        } else {
            watched.wait(cx)
        }
    }
}
