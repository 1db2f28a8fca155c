//! What the application is told of one server: that it is out of reach, and that everything stands there again.
//!
//! What must stay true: the two take turns, beginning with the first, however fast a server goes and comes back.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::layer::LayerEvent;
use crate::layer::events::EventSender;

/// Whether a server is out of reach, as far as the application was told.
#[derive(Debug)]
pub(super) struct Outage {
    host: Arc<str>,
    events: EventSender,
    since: Mutex<Option<Instant>>,
}

impl Outage {
    pub(super) fn new(host: &Arc<str>, events: &EventSender) -> Self {
        Self { host: Arc::clone(host), events: events.clone(), since: Mutex::default() }
    }

    /// There is no connection.
    pub(super) fn begins(&self, reason: &Arc<str>) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_none() {
            *since = Some(Instant::now());
            self.events.send(LayerEvent::Disconnected { host: Arc::clone(&self.host), reason: Arc::clone(reason) });
        }
    }

    pub(super) fn lasts(&self) -> bool {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Everything stands again, over the how many-th connection.
    pub(super) fn ends(&self, made: u64) {
        if made > 1 {
            // Seen or not, something was between two connections.
            self.begins(&"the connection was lost".into());
        }
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(after) = since.map(|since| since.elapsed()) {
            tracing::info!(host = %self.host, ?after, "Redis is in reach again, and what this process had there stands again");
            self.events.send(LayerEvent::Reconnected { host: Arc::clone(&self.host), after });
        }
    }
}
