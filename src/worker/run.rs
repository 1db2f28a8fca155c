//! Running: one task for each channel, which takes a message when there is room for one more handler, and one task for
//! each handler.
//!
//! What must stay true: a message is only taken by whoever can begin to handle it at once; whatever ends a channel's task
//! ends its handlers; a handler's panic or error stops at its own task.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Worker;
use super::routes::{Handler, Route};
use super::stats::{Counters, End};
use crate::layer::ChannelLayer;
use crate::{ChannelName, Error, ErrorKind, Message, Result};

/// How long until the layer is asked again after it failed: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How much of a message's type is logged.
const LOGGED: usize = 100;

pub(super) async fn run<L: ChannelLayer>(worker: &Worker<L>, shutdown: impl Future<Output = ()>) -> Result<()> {
    let stop = watch::Sender::new(false);
    let mut channels = JoinSet::new();
    for (name, route) in worker.routes.iter() {
        let channel = Channel {
            layer: Arc::clone(&worker.layer),
            name: name.clone(),
            route: Arc::clone(route),
            room: Arc::new(Semaphore::new(worker.concurrency)),
            drain_timeout: worker.drain_timeout,
            counters: Arc::clone(&worker.counters),
            handlers: JoinSet::new(),
            stop: stop.clone(),
        };
        channels.spawn(channel.run());
    }
    // A channel that ends by itself says stop, because the layer is of no more use.
    select(pin!(shutdown), pin!(stopped(&stop))).await;
    stop.send_replace(true);
    let mut result = Ok(());
    while let Some(ended) = channels.join_next().await {
        result = result.and(ended.unwrap_or_else(|error| Err(broken(error))));
    }
    result
}

async fn stopped(stop: &watch::Sender<bool>) {
    // It cannot fail: a sender is there.
    let _ = stop.subscribe().wait_for(|stop| *stop).await;
}

fn broken(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Closed, "the worker's runtime ended a task of it").with_source(error)
}

/// One channel that is received on.
struct Channel<L> {
    layer: Arc<L>,
    name: ChannelName,
    route: Arc<Route>,
    room: Arc<Semaphore>,
    drain_timeout: Duration,
    counters: Arc<Counters>,
    handlers: JoinSet<()>,
    /// Whether it is time to end, for all channels.
    stop: watch::Sender<bool>,
}

impl<L: ChannelLayer> Channel<L> {
    async fn run(mut self) -> Result<()> {
        let result = self.receive().await;
        self.stop.send_replace(true);
        let handlers = &mut self.handlers;
        let ended = async { while handlers.join_next().await.is_some() {} };
        if timeout(self.drain_timeout, ended).await.is_err() {
            let cut = self.handlers.len();
            tracing::warn!(channel = %self.name, cut, "handlers did not end in time and are cut");
            self.handlers.shutdown().await;
        }
        result
    }

    /// Receives until it is time to end.
    async fn receive(&mut self) -> Result<()> {
        let stop = self.stop.clone();
        let mut stopping = pin!(stopped(&stop));
        let mut failed = 0;
        loop {
            while self.handlers.try_join_next().is_some() {}
            let next = async {
                let room = Arc::clone(&self.room).acquire_owned().await;
                (room, self.layer.receive(&self.name).await)
            };
            let (room, received) = match select(stopping.as_mut(), pin!(next)).await {
                Either::Left(_) => return Ok(()),
                Either::Right((next, _)) => next,
            };
            match received {
                Ok(message) => {
                    failed = 0;
                    self.counters.received();
                    if let Some(handler) = self.find(&message) {
                        let handling = handle(handler, message, self.name.clone(), Arc::clone(&self.counters));
                        self.handlers.spawn(async move {
                            handling.await;
                            drop(room);
                        });
                    }
                }
                Err(error) => {
                    let pause = self.failed(error, failed)?;
                    failed += 1;
                    if let Either::Left(_) = select(stopping.as_mut(), pin!(sleep(pause))).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn find(&self, message: &Message) -> Option<Handler> {
        let handler = self.route.handler(message).cloned();
        if handler.is_none() {
            self.counters.unknown();
            let (kind, known) = (kind(message), self.route.kinds());
            tracing::warn!(channel = %self.name, kind, ?known, "no handler for a message of this type: it is dropped");
        }
        handler
    }

    /// How long to wait before receiving is tried again, where that can help.
    fn failed(&self, error: Error, before: u32) -> Result<Duration> {
        if matches!(error.kind(), ErrorKind::Closed | ErrorKind::InvalidName | ErrorKind::Config) {
            return Err(error);
        }
        self.counters.receive_error();
        let pause = FIRST_PAUSE.saturating_mul(1 << before.min(10)).min(LONGEST_PAUSE);
        // Many workers lose one server at the same moment, and are not to come back at the same moment.
        let pause = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        tracing::warn!(channel = %self.name, %error, ?pause, "the worker cannot receive; trying again");
        Ok(pause)
    }
}

/// Runs one handler to its end, whatever that is.
async fn handle(handler: Handler, message: Message, channel: ChannelName, counters: Arc<Counters>) {
    let running = counters.begin();
    let kind = kind(&message);
    // In the future, so that a handler that panics before its first await is caught as well.
    let handled = AssertUnwindSafe(async move { handler(message).await }).catch_unwind().await;
    running.end(match handled {
        Ok(Ok(())) => End::Done,
        Ok(Err(error)) => {
            tracing::error!(%channel, kind, %error, "a handler failed");
            End::Failed
        }
        Err(panic) => {
            tracing::error!(%channel, kind, panic = said(&*panic), "a handler panicked");
            End::Panicked
        }
    });
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not with a text")
}

/// A message's type, as far as it is logged.
fn kind(message: &Message) -> Option<String> {
    message.kind().map(|kind| kind.chars().take(LOGGED).collect())
}
