//! What a layer knows of itself: small messages that it sends itself over each server, on the path of every message.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::topology::{Place, Topology};
use crate::layer::{Health, HostHealth, Mailbox};
use crate::{Message, Result, message};

/// How long a beat comes after the one before.
pub(super) const PERIOD: Duration = Duration::from_millis(2500);

/// How long a message to oneself may take. With the period, a path that leads nowhere is found in less than ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the servers are.
#[derive(Debug)]
pub(super) struct Pulses(Mutex<Vec<(Place, HostHealth)>>);

/// What became of a beat.
pub(super) enum Beat {
    /// The message came back.
    Came,
    /// It could not be sent.
    Unsent,
    /// It was sent, and did not come: nobody listens at the other end of the path.
    Deaf,
}

impl Pulses {
    /// Nothing is known yet.
    pub(super) fn new(topology: &Topology) -> Self {
        let unknown = |place| {
            let host = Arc::clone(topology.host(place));
            (place, HostHealth { host, lag: None, fault: None })
        };
        Self(Mutex::new(topology.places().map(unknown).collect()))
    }

    pub(super) fn read(&self) -> Health {
        Health { hosts: self.lock().iter().map(|(_, health)| health.clone()).collect() }
    }

    /// Sends one message over a place and waits until the mailbox has it.
    pub(super) async fn beat<F>(&self, place: Place, mailbox: &mut Mailbox, send: impl FnOnce(Message) -> F) -> Beat
    where
        F: Future<Output = Result<()>>,
    {
        let (begun, number) = (Instant::now(), fastrand::i64(..));
        if let Err(e) = send(message! { "type": "channel_layers.canary", "number": number }).await {
            self.note(place, None, Some(e.to_string().into()));
            return Beat::Unsent;
        }
        match timeout(PATIENCE, comes(mailbox, number)).await {
            Ok(()) => {
                self.note(place, Some(begun.elapsed()), None);
                Beat::Came
            }
            Err(_) => {
                let fault = format!("a message to itself did not come within {PATIENCE:?}");
                self.note(place, None, Some(fault.into()));
                Beat::Deaf
            }
        }
    }

    fn note(&self, place: Place, lag: Option<Duration>, fault: Option<Arc<str>>) {
        for (_, health) in self.lock().iter_mut().filter(|(at, _)| *at == place) {
            (health.lag, health.fault) = (lag, fault.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Place, HostHealth)>> {
        // Nothing under the lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the message of this number; those of beats before it may come first.
async fn comes(mailbox: &mut Mailbox, number: i64) {
    loop {
        match mailbox.recv().await {
            Ok(message) if message.get("number").and_then(|value| value.as_int()) == Some(number) => return,
            Ok(_) => {}
            // The layer was closed, and with it the task that waits here ends.
            Err(_) => std::future::pending().await,
        }
    }
}
