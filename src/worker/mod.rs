//! Background workers: handlers for the messages of general channels, as Django's `runworker` runs consumers.
//!
//! Parts of an application send work to a channel by name, and any number of processes with a [`Worker`] share it:
//!
//! ```
//! use channel_layers::layer::{ChannelLayer, MemoryLayer};
//! use channel_layers::worker::Worker;
//! use channel_layers::{ChannelName, Message, message};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> channel_layers::Result<()> {
//! let layer = MemoryLayer::default();
//! let (done, finished) = tokio::sync::oneshot::channel::<()>();
//! let done = std::sync::Mutex::new(Some(done));
//! let worker = Worker::new(layer.clone()).on("thumbnails-generate", move |message: Message| {
//!     let done = done.lock().unwrap().take();
//!     async move { drop((message, done)) }
//! });
//! layer.send(&ChannelName::new("thumbnails-generate")?, message! { "type": "generate", "id": 42 }).await?;
//! worker.run(async { drop(finished.await) }).await?;
//! assert_eq!(worker.stats().done, 1);
//! # Ok(())
//! # }
//! ```
//!
//! `routes` knows which handler a message is for, `run` receives and keeps handlers within their bounds.

mod routes;
mod run;
mod stats;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::layer::ChannelLayer;
use crate::{Error, ErrorKind, Message, Result};
use routes::Routes;
use stats::Counters;

pub use routes::Outcome;
pub use stats::WorkerStats;

/// Receives on channels and runs a handler for each message.
///
/// # What it promises
///
/// - **At most once**, as the layer: a message is taken when there is room to handle it, and is gone if its handler fails,
///   panics, or is cut at the end. A handler that must not lose work repeats it, or sends the message again.
/// - **Bounds.** Of each channel at most [`concurrency`](Self::with_concurrency) messages are handled at once; the others
///   wait in the layer, for this worker or another one. Channels do not share that bound, so a busy one does not hold up
///   the rest.
/// - **Order.** Messages of a channel are taken in order. With a concurrency of 1 they are handled in order, as a Django
///   consumer does.
/// - **Faults.** A handler that fails or panics is logged and counted, and concerns no other message. While the layer's
///   server is out of reach the worker tries again, ever less often up to every 30 seconds, with jitter.
pub struct Worker<L> {
    layer: Arc<L>,
    routes: Routes,
    concurrency: usize,
    drain_timeout: Duration,
    counters: Arc<Counters>,
    /// The first mistake in the calls that set it up.
    wrong: Option<Error>,
}

impl<L: ChannelLayer> Worker<L> {
    /// A worker that has no handlers yet.
    pub fn new(layer: L) -> Self {
        Self {
            layer: Arc::new(layer),
            routes: Routes::default(),
            concurrency: 16,
            drain_timeout: Duration::from_secs(30),
            counters: Arc::default(),
            wrong: None,
        }
    }

    /// Handles every message of a channel that [`on_type`](Self::on_type) has no handler for. A handler is an async
    /// function or closure of a [`Message`], which returns nothing or a `Result` with any error.
    #[must_use]
    pub fn on<F, R>(self, channel: &str, handler: F) -> Self
    where
        F: Fn(Message) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.add(channel, None, handler)
    }

    /// Handles the messages of a channel whose `type` is `kind`: what is a method of a consumer in Django, where
    /// `thumbnail.generate` is handled by `thumbnail_generate`.
    #[must_use]
    pub fn on_type<F, R>(self, channel: &str, kind: &str, handler: F) -> Self
    where
        F: Fn(Message) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.add(channel, Some(kind), handler)
    }

    /// Sets how many messages of each channel are handled at once. Default: 16. More helps handlers that wait for others
    /// and costs memory; handlers that compute belong on `tokio::task::spawn_blocking`. Zero counts as 1.
    #[must_use]
    pub fn with_concurrency(mut self, messages: usize) -> Self {
        self.concurrency = messages.max(1);
        self
    }

    /// Sets how long handlers may take to end at a shutdown. Default: 30 seconds. Those that take longer are cut where
    /// they wait next, which a longer time avoids.
    #[must_use]
    pub fn with_drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Receives and handles until `shutdown` is ready; then takes no more messages, waits for the handlers that run, and
    /// returns. It can be run again.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidName`]: a channel's name breaks the rules, or the layer refuses to receive on it.
    /// - [`ErrorKind::Config`]: there is no handler, or two for the same messages.
    /// - [`ErrorKind::Closed`]: the layer was closed. Handlers that ran have ended, as at a shutdown.
    ///
    /// # Cancel safety
    ///
    /// A dropped future takes no more messages, and cuts the handlers that run.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<()> {
        if let Some(wrong) = &self.wrong {
            return Err(Error::new(wrong.kind(), wrong.to_string()));
        }
        if self.routes.is_empty() {
            return Err(Error::new(ErrorKind::Config, "the worker has no handlers: give it some with `on`"));
        }
        run::run(self, shutdown).await
    }

    /// What the worker has done since it was made.
    pub fn stats(&self) -> WorkerStats {
        self.counters.snapshot()
    }

    fn add<F, R>(mut self, channel: &str, kind: Option<&str>, handler: F) -> Self
    where
        F: Fn(Message) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        if let Err(error) = self.routes.add(channel, kind, handler) {
            self.wrong.get_or_insert(error);
        }
        self
    }
}

impl<L> fmt::Debug for Worker<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut s = f.debug_struct("Worker");
        s.field("routes", &self.routes).field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}
