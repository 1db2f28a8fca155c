//! General channels: work queues that several processes take from.
//!
//! What must stay true: a message is popped for somebody who waits, one at a time, and belongs to that receiver from
//! when its future is ready. A message whose receiver is gone by then goes back under its key with the score it had, so
//! it stands where it stood.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Core;
use super::demand::{Demand, Wanted};
use super::reader::{Popped, Reader, Source};
use crate::layer::redis::topology::Place;
use crate::{ChannelName, Error, ErrorKind, Message, Result};

/// Who waits for work in this process.
#[derive(Debug, Default)]
pub(super) struct Work {
    demand: Arc<Demand>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The receivers of each key, in the order in which they began to wait.
    waiting: HashMap<Arc<str>, VecDeque<Waiting>>,
    /// What goes back, by place.
    returned: HashMap<Place, Vec<(Arc<str>, Popped)>>,
    closed: bool,
}

/// A receiver that was handed nothing yet: as long as there is one its key is popped, and no longer.
#[derive(Debug)]
struct Waiting {
    receiver: oneshot::Sender<Job>,
    _wanted: Wanted,
}

/// A message for a receiver, and how to give it back.
#[derive(Debug)]
struct Job {
    message: Message,
    place: Place,
    popped: Popped,
}

/// A receiver that waits. Dropping it gives back what it was handed and did not take.
struct Ticket<'a> {
    core: &'a Core,
    key: Arc<str>,
    job: oneshot::Receiver<Job>,
}

impl Work {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a message to the first receiver that still waits; returns it where there is none.
    fn hand_over(&self, key: &str, mut job: Job) -> Option<Job> {
        let mut state = self.lock();
        let Some(waiting) = state.waiting.get_mut(key) else { return Some(job) };
        while let Some(next) = waiting.pop_front() {
            match next.receiver.send(job) {
                Ok(()) => return None,
                Err(back) => job = back,
            }
        }
        Some(job)
    }

    fn give_back(&self, key: Arc<str>, place: Place, popped: Popped) {
        self.lock().returned.entry(place).or_default().push((key, popped));
        self.demand.tell(place);
    }

    /// Lets nobody wait any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
    }

    /// Waits until nothing is popped any more, and what was popped for nobody is back.
    pub(super) async fn end(&self) {
        self.demand.close().await;
    }
}

impl Source for Work {
    const BATCH: usize = 1;

    fn demand(&self) -> &Arc<Demand> {
        &self.demand
    }

    fn take(&self, core: &Core, place: Place, key: &str, popped: Vec<Popped>) {
        for popped in popped {
            let Some((message, _)) = core.open(&popped) else { continue };
            if let Some(job) = self.hand_over(key, Job { message, place, popped }) {
                self.give_back(key.into(), place, job.popped);
            }
        }
    }

    fn returned(&self, place: Place) -> Vec<(Arc<str>, Popped)> {
        self.lock().returned.remove(&place).unwrap_or_default()
    }

    fn keep(&self, place: Place, returned: Vec<(Arc<str>, Popped)>) {
        self.lock().returned.entry(place).or_default().extend(returned);
    }
}

impl Core {
    /// Takes the next message of a general channel.
    pub(super) async fn receive_work(self: &Arc<Self>, name: &ChannelName) -> Result<Message> {
        let closed = || Error::new(ErrorKind::Closed, "the channel layer was closed");
        let mut place = self.wait_for_work(name).ok_or_else(closed)?;
        let job = (&mut place.job).await;
        job.map(|job| job.message).map_err(|_| closed())
    }

    /// Gives back what no reader gives back any more.
    pub(super) async fn return_all(&self) {
        let returned = std::mem::take(&mut self.work.lock().returned);
        for (place, returned) in returned {
            for (key, popped) in returned {
                if !self.give_back(place, &key, &popped).await {
                    self.counters.lost.add(1);
                }
            }
        }
    }

    fn wait_for_work(self: &Arc<Self>, name: &ChannelName) -> Option<Ticket<'_>> {
        let key: Arc<str> = self.keys.messages(name.non_local()).into();
        let (receiver, job) = oneshot::channel();
        let mut state = self.work.lock();
        if state.closed {
            return None;
        }
        let wanted = self.work.demand.want(&key, self.topology.places_of(&key), Reader::beginner(self, &self.work));
        state.waiting.entry(Arc::clone(&key)).or_default().push_back(Waiting { receiver, _wanted: wanted });
        Some(Ticket { core: self, key, job })
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.job.close();
        if let Ok(job) = self.job.try_recv() {
            self.core.work.give_back(Arc::clone(&self.key), job.place, job.popped);
        }
        let mut state = self.core.work.lock();
        if let Some(waiting) = state.waiting.get_mut(&self.key) {
            waiting.retain(|waiting| !waiting.receiver.is_closed());
            if waiting.is_empty() {
                state.waiting.remove(&self.key);
            }
        }
    }
}
