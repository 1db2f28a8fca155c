//! What happens to a layer's connections, for applications that want to know.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

/// How many events wait for a listener that is busy. One that misses some is told so with [`LayerEvent::Missed`].
const WAITING: usize = 64;

/// Something that happened to a layer's connections: Django's `on_disconnect` and `on_reconnect`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerEvent {
    /// A server is out of reach: what is sent through it fails, and what others send through it does not arrive. The
    /// layer tries again until it is closed.
    Disconnected {
        /// The server, without its password.
        host: Arc<str>,
        /// What ended the connection.
        reason: Arc<str>,
    },
    /// A server is in reach again, and every subscription and membership that this process had there stands again.
    /// Messages sent in between may be missing.
    Reconnected {
        /// The server, without its password.
        host: Arc<str>,
        /// How long it was out of reach.
        after: Duration,
    },
    /// A server had lost its data, or somebody had emptied it; the memberships of this process stand again. Messages
    /// may be missing.
    DataLost {
        /// The server, without its password.
        host: Arc<str>,
    },
    /// This process emptied the layer: no channel is in a group any more.
    Flushed,
    /// The listener was too slow, and so many events passed it by.
    Missed(u64),
}

/// The sending end of a layer's events, for authors of layers. Clones send to the same listeners.
#[derive(Clone)]
pub struct EventSender(Arc<Mutex<Option<broadcast::Sender<LayerEvent>>>>);

/// The events of a layer from the moment when this was made. It ends when the layer is closed, or gone.
#[derive(Debug)]
pub struct LayerEvents(Option<broadcast::Receiver<LayerEvent>>);

impl EventSender {
    /// A sender that nobody listens to yet.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(broadcast::Sender::new(WAITING)))))
    }

    /// Tells everybody who listens; nobody has to. Never waits: 64 events are kept for a listener that is busy.
    pub fn send(&self, event: LayerEvent) {
        if let Some(sender) = &*self.lock() {
            let _ = sender.send(event);
        }
    }

    /// The events from now on: what a layer's [`events`](super::ChannelLayer::events) returns.
    pub fn listen(&self) -> LayerEvents {
        LayerEvents(self.lock().as_ref().map(broadcast::Sender::subscribe))
    }

    /// Ends the events, for every listener and for those to come: what a layer does when it is closed.
    pub fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<broadcast::Sender<LayerEvent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EventSender {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.lock().as_ref().map(broadcast::Sender::receiver_count);
        f.debug_struct("EventSender").field("listeners", &listeners).finish()
    }
}

impl LayerEvents {
    /// The events of a layer to which nothing ever happens.
    pub fn none() -> Self {
        Self(None)
    }

    /// Waits for the next event; nothing once the layer is closed or gone, and what it told before was taken.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken no event.
    pub async fn next(&mut self) -> Option<LayerEvent> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(LayerEvent::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
