//! The tasks of a layer, which end with it.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::{Error, ErrorKind, Result};

/// Tasks on the runtime that a layer was made in, whoever calls its verbs.
#[derive(Debug)]
pub(super) struct Tasks {
    runtime: Handle,
    running: Mutex<JoinSet<()>>,
}

impl Tasks {
    /// # Errors
    ///
    /// [`ErrorKind::Config`]: there is no runtime here.
    pub(super) fn new() -> Result<Self> {
        let runtime = Handle::try_current().map_err(|_| {
            let text = "a Redis layer needs a tokio runtime: make it inside of one, as in #[tokio::main]";
            Error::new(ErrorKind::Config, text)
        })?;
        Ok(Self { runtime, running: Mutex::default() })
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs something until the layer ends.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.lock();
        while running.try_join_next().is_some() {}
        running.spawn_on(task, &self.runtime);
    }

    /// Ends all that run.
    pub(super) fn end(&self) {
        self.lock().abort_all();
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        // Nothing under the lock panics half-way.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
