//! Counters: what a worker received, and what became of it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The counters of one worker.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    cut: AtomicU64,
    unknown: AtomicU64,
    receive_errors: AtomicU64,
    running: AtomicUsize,
}

/// How a handler ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Done,
    Failed,
    Panicked,
}

/// A handler that runs. Dropped without an end, it was cut.
#[derive(Debug)]
pub(super) struct Running<'a> {
    counters: &'a Counters,
    end: Option<End>,
}

impl Counters {
    pub(super) fn begin(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running { counters: self, end: None }
    }

    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unknown(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn receive_error(&self) {
        self.receive_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> WorkerStats {
        WorkerStats {
            received: self.received.load(Ordering::Relaxed),
            done: self.done.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            panicked: self.panicked.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
            unknown: self.unknown.load(Ordering::Relaxed),
            receive_errors: self.receive_errors.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
        }
    }
}

impl Running<'_> {
    pub(super) fn end(mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let counters = self.counters;
        counters.running.fetch_sub(1, Ordering::Relaxed);
        let counter = match self.end {
            Some(End::Done) => &counters.done,
            Some(End::Failed) => &counters.failed,
            Some(End::Panicked) => &counters.panicked,
            None => &counters.cut,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a worker has done since it was made; see [`Worker::stats`](super::Worker::stats). The numbers are read one after
/// the other while handlers run, so they need not add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Messages that were taken from the layer.
    pub received: u64,
    /// Messages whose handler succeeded.
    pub done: u64,
    /// Messages whose handler returned an error.
    pub failed: u64,
    /// Messages whose handler panicked.
    pub panicked: u64,
    /// Messages whose handler was cut: at a shutdown after the
    /// [drain timeout](super::Worker::with_drain_timeout), or with [`run`](super::Worker::run) itself.
    pub cut: u64,
    /// Messages that had no handler: their type is unknown, and the channel has none for the rest.
    pub unknown: u64,
    /// How often the layer failed to receive. Each time the worker tried again.
    pub receive_errors: u64,
    /// Handlers that run now.
    pub running: usize,
}
