//! Which keys somebody in this process waits for, place by place.
//!
//! What must stay true: a key is wanted as long as a [`Wanted`] for it lives; whoever reads at a place is told of a key
//! that becomes wanted there, and need not be told of one that ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::layer::redis::topology::Place;

/// The wanted keys of one kind of channels.
#[derive(Debug, Default)]
pub(super) struct Demand {
    places: Mutex<HashMap<Place, PlaceDemand>>,
    /// Set when the readers are to end.
    closing: AtomicBool,
    /// How many readers there are.
    readers: watch::Sender<usize>,
}

/// A reader that is at work.
#[derive(Debug)]
pub(super) struct Reading(Arc<Demand>);

#[derive(Debug, Default)]
struct PlaceDemand {
    /// How many want each key.
    keys: BTreeMap<Arc<str>, usize>,
    signals: Signals,
}

/// What the reader of a place is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    /// There is a key to read, or something to give back.
    pub(super) changed: Arc<Notify>,
    /// The connection has to be made anew.
    pub(super) deaf: Arc<Notify>,
}

/// Somebody's interest in a key, at all the places where it may appear.
#[derive(Debug)]
pub(super) struct Wanted {
    demand: Arc<Demand>,
    places: Box<[Place]>,
    key: Arc<str>,
}

impl Demand {
    /// Wants a key. `begin` is called for each place where nobody reads yet, with what the reader is told by.
    pub(super) fn want(
        self: &Arc<Self>,
        key: &str,
        places: impl IntoIterator<Item = Place>,
        mut begin: impl FnMut(Place, Signals),
    ) -> Wanted {
        let (key, places): (Arc<str>, Box<[Place]>) = (key.into(), places.into_iter().collect());
        let mut demands = self.lock();
        for place in &places {
            let demand = demands.entry(*place).or_insert_with(|| {
                let demand = PlaceDemand::default();
                begin(*place, demand.signals.clone());
                demand
            });
            let count = demand.keys.entry(Arc::clone(&key)).or_default();
            *count += 1;
            if *count == 1 {
                demand.signals.changed.notify_one();
            }
        }
        drop(demands);
        Wanted { demand: Arc::clone(self), places, key }
    }

    /// The keys that are wanted at a place, beginning behind `last`, so that a busy key is not always the first.
    pub(super) fn keys(&self, place: Place, last: &str) -> Vec<Arc<str>> {
        let demands = self.lock();
        let Some(demand) = demands.get(&place) else { return Vec::new() };
        let (until, behind): (Vec<_>, Vec<_>) = demand.keys.keys().cloned().partition(|key| **key <= *last);
        [behind, until].concat()
    }

    /// Counts a reader for as long as what this returns lives.
    pub(super) fn read(self: &Arc<Self>) -> Reading {
        self.readers.send_modify(|readers| *readers += 1);
        Reading(Arc::clone(self))
    }

    /// Whether the readers are to end as soon as they have nothing to give back.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Has every reader end, and waits until they have.
    pub(super) async fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.lock().values().for_each(|demand| demand.signals.changed.notify_one());
        // It cannot fail: the sender is here.
        let _ = self.readers.subscribe().wait_for(|readers| *readers == 0).await;
    }

    /// Tells the reader of a place to look again.
    pub(super) fn tell(&self, place: Place) {
        if let Some(demand) = self.lock().get(&place) {
            demand.signals.changed.notify_one();
        }
    }

    /// Has the reader of a place connect again.
    pub(super) fn reset(&self, place: Place) {
        if let Some(demand) = self.lock().get(&place) {
            demand.signals.deaf.notify_one();
        }
    }

    /// Forgets a place where nothing is wanted; false where something is.
    pub(super) fn retire(&self, place: Place) -> bool {
        let mut demands = self.lock();
        let idle = demands.get(&place).is_none_or(|demand| demand.keys.is_empty());
        if idle {
            demands.remove(&place);
        }
        idle
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, PlaceDemand>> {
        // Nothing under the lock panics half-way.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    pub(super) fn key(&self) -> &Arc<str> {
        &self.key
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.readers.send_modify(|readers| *readers -= 1);
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let mut demands = self.demand.lock();
        for place in &self.places {
            let Some(demand) = demands.get_mut(place) else { continue };
            if let Some(count) = demand.keys.get_mut(&self.key) {
                *count -= 1;
                if *count == 0 {
                    demand.keys.remove(&self.key);
                }
            }
        }
    }
}
