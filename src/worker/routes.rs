//! Which handler a message is for: by channel, then by the message's `type`.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{ChannelName, Error, ErrorKind, Message, Result};

/// Why a handler failed.
pub(super) type Fault = Box<dyn StdError + Send + Sync>;

/// A handler that runs.
pub(super) type Handling = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

pub(super) type Handler = Arc<dyn Fn(Message) -> Handling + Send + Sync>;

/// What a handler may return: nothing, or a `Result` whose error is logged and counted.
pub trait Outcome {
    /// The same as a result.
    ///
    /// # Errors
    ///
    /// What the handler failed with.
    fn into_result(self) -> Result<(), Box<dyn StdError + Send + Sync>>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), Fault> {
        Ok(())
    }
}

impl<E: Into<Fault>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), Fault> {
        self.map_err(Into::into)
    }
}

/// All handlers of a worker.
#[derive(Debug, Default)]
pub(super) struct Routes(BTreeMap<ChannelName, Arc<Route>>);

/// The handlers of one channel.
#[derive(Clone, Default)]
pub(super) struct Route {
    by_kind: BTreeMap<String, Handler>,
    rest: Option<Handler>,
}

impl Routes {
    /// Adds a handler for the messages of a type, or for the rest of a channel's.
    pub(super) fn add<F, R>(&mut self, channel: &str, kind: Option<&str>, handler: F) -> Result<()>
    where
        F: Fn(Message) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        let name = ChannelName::new(channel)?;
        let handler: Handler = Arc::new(move |message| {
            let handling = handler(message);
            Box::pin(async move { handling.await.into_result() })
        });
        let route = Arc::make_mut(self.0.entry(name).or_default());
        let before = match kind {
            Some(kind) => route.by_kind.insert(kind.to_owned(), handler),
            None => route.rest.replace(handler),
        };
        if before.is_none() {
            return Ok(());
        }
        let what = kind.map_or("all other messages".to_owned(), |kind| format!("messages of type {kind:?}"));
        Err(Error::new(ErrorKind::Config, format!("channel {channel} has two handlers for {what}: keep one")))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ChannelName, &Arc<Route>)> {
        self.0.iter()
    }
}

impl Route {
    pub(super) fn handler(&self, message: &Message) -> Option<&Handler> {
        let kind = message.kind();
        kind.and_then(|kind| self.by_kind.get(&*kind)).or(self.rest.as_ref())
    }

    /// The types that have a handler.
    pub(super) fn kinds(&self) -> Vec<&str> {
        self.by_kind.keys().map(String::as_str).collect()
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("kinds", &self.kinds()).field("rest", &self.rest.is_some()).finish()
    }
}
