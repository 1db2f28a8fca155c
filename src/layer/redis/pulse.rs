//! What a layer knows of itself: small messages that it sends itself over each server, on the path of every message.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::topology::{Place, Topology};
use crate::layer::{Health, HostHealth, Mailbox};
use crate::{Message, Result, message};

/// How long a beat comes after the one before.
const PERIOD: Duration = Duration::from_millis(2500);

/// How long a message to oneself may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many messages in a row have to stay away until the path is given up: a connection that was just made anew may have
/// missed one. With the period and the patience that takes less than ten seconds.
const MISSED: u32 = 2;

/// How the servers are.
#[derive(Debug)]
pub(super) struct Pulses(Mutex<Vec<(Place, HostHealth)>>);

/// What became of a message.
enum Beat {
    /// It came back.
    Came,
    /// It could not be sent.
    Unsent,
    /// It was sent, and did not come: nobody listens at the other end of the path.
    Missed,
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

    /// Sends messages over a place, and waits for each in the mailbox, until the path turns out to lead nowhere.
    pub(super) async fn until_deaf<F>(&self, place: Place, mailbox: &mut Mailbox, send: impl Fn(Message) -> F)
    where
        F: Future<Output = Result<()>>,
    {
        let mut missed = 0;
        while missed < MISSED {
            match self.beat(place, mailbox, &send).await {
                Beat::Missed => missed += 1,
                Beat::Came | Beat::Unsent => {
                    missed = 0;
                    sleep(PERIOD).await;
                }
            }
        }
    }

    async fn beat<F>(&self, place: Place, mailbox: &mut Mailbox, send: impl Fn(Message) -> F) -> Beat
    where
        F: Future<Output = Result<()>>,
    {
        let (begun, number) = (Instant::now(), fastrand::i64(..));
        let mut sending = pin!(send(message! { "type": "channel_layers.canary", "number": number }));
        let sent = match timeout(PATIENCE, &mut sending).await {
            Ok(sent) => sent,
            Err(_) => {
                // However long a verb may wait: readiness is told of it now.
                self.note(
                    place,
                    None,
                    Some(format!("a message to itself could not be sent within {PATIENCE:?}").into()),
                );
                sending.await
            }
        };
        if let Err(e) = sent {
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
                Beat::Missed
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
