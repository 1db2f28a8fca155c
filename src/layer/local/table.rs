//! What the layer keeps by name: shards, each a map under its own lock.
//!
//! What must stay true: the lock of a shard is held for one look-up and a few instructions, never across an await and
//! never while another shard's is taken; whatever is done to an entry through [`Table::with`] has ended before the
//! entry can be removed. Besides the map, a shard has its entries in a row, and a cursor moves over them: every visit
//! to the shard looks at one more entry. So each entry is looked at once in as many visits as there are entries, and no
//! verb pays for more than one.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Error, ErrorKind, Result};

/// How many shards a table has. More make two threads meet less often; an empty one costs 160 bytes.
const SHARDS: usize = 64;

/// Room for so many entries is not worth giving back.
const SMALL: usize = 64;

/// Something that is kept by name.
pub(super) trait Entry {
    type Name: Clone + Eq + Hash + std::fmt::Debug;

    /// Whether unused entries are looked for; otherwise whoever leaves one unused removes it.
    const SWEPT: bool;

    fn name(&self) -> &Self::Name;

    /// Whether nothing in it would be missed, given that nobody but the table refers to it.
    fn is_unused(&self) -> bool;
}

#[derive(Debug)]
pub(super) struct Table<V: Entry> {
    shards: Box<[Mutex<Shard<V>>]>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Shard<V: Entry> {
    /// Where each name's entry stands in the row.
    places: HashMap<V::Name, usize>,
    row: Vec<Arc<V>>,
    cursor: usize,
    closed: bool,
}

impl<V: Entry> Table<V> {
    pub(super) fn new() -> Self {
        let shard = || Mutex::new(Shard { places: HashMap::new(), row: Vec::new(), cursor: 0, closed: false });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher: RandomState::new() }
    }

    /// Does something with the entry of a name, made if it is not there. The entry stays in the table meanwhile.
    pub(super) fn with<R>(
        &self,
        name: &V::Name,
        make: impl FnOnce() -> Result<V>,
        act: impl FnOnce(&Arc<V>) -> R,
    ) -> Result<R> {
        let mut shard = self.shard(name);
        if V::SWEPT {
            shard.visit();
        }
        let place = match shard.places.get(name) {
            Some(place) => *place,
            None if shard.closed => return Err(closed()),
            None => shard.insert(make()?),
        };
        Ok(act(&shard.row[place]))
    }

    /// Does something with the entry of a name, if it is there.
    pub(super) fn with_existing<Q, R>(&self, name: &Q, act: impl FnOnce(&Arc<V>) -> R) -> Option<R>
    where
        V::Name: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let shard = self.shard(name);
        let place = *shard.places.get(name)?;
        Some(act(&shard.row[place]))
    }

    /// Some entry of the shard that a name is in: the next one each time.
    pub(super) fn next(&self, near: &V::Name) -> Option<Arc<V>> {
        let mut shard = self.shard(near);
        shard.cursor = if shard.cursor + 1 < shard.row.len() { shard.cursor + 1 } else { 0 };
        shard.row.get(shard.cursor).cloned()
    }

    /// Takes an entry out, whoever refers to it.
    pub(super) fn remove(&self, entry: &Arc<V>) {
        let mut shard = self.shard(entry.name());
        if let Some(place) = shard.place_of(entry) {
            shard.remove(place);
        }
    }

    /// Gives a reference back, and takes the entry out if nobody uses it any more.
    pub(super) fn give_back(&self, entry: Arc<V>) {
        let mut shard = self.shard(entry.name());
        let place = shard.place_of(&entry);
        // Under the lock, so that of several that give back at once the last one sees that it is.
        drop(entry);
        if let Some(place) = place {
            shard.remove_unused(place);
        }
    }

    /// Every entry, shard by shard.
    pub(super) fn all(&self) -> Vec<Arc<V>> {
        self.locked().flat_map(|shard| shard.row.clone()).collect()
    }

    /// Takes every entry out, and lets none be made any more.
    pub(super) fn close(&self) -> Vec<Arc<V>> {
        let taken = self.locked().flat_map(|mut shard| {
            shard.closed = true;
            shard.places = HashMap::new();
            std::mem::take(&mut shard.row)
        });
        taken.collect()
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.locked().map(|shard| shard.row.len()).sum()
    }

    fn locked(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<V>>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn shard(&self, name: &(impl Hash + ?Sized)) -> MutexGuard<'_, Shard<V>> {
        let hash = usize::try_from(self.hasher.hash_one(name) % SHARDS as u64).expect("a remainder below 64");
        // Nothing under the lock can panic half-way, so a poisoned shard is whole.
        self.shards[hash].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Entry> Shard<V> {
    fn insert(&mut self, entry: V) -> usize {
        self.places.insert(entry.name().clone(), self.row.len());
        self.row.push(Arc::new(entry));
        self.row.len() - 1
    }

    /// Looks at the entry under the cursor.
    fn visit(&mut self) {
        if self.cursor >= self.row.len() {
            self.cursor = 0;
        }
        if self.cursor < self.row.len() && !self.remove_unused(self.cursor) {
            self.cursor += 1;
        }
    }

    fn place_of(&self, entry: &Arc<V>) -> Option<usize> {
        let place = *self.places.get(entry.name())?;
        Arc::ptr_eq(&self.row[place], entry).then_some(place)
    }

    /// Takes an entry out if nobody refers to it and it is empty. A new reference can only be made under the lock.
    fn remove_unused(&mut self, place: usize) -> bool {
        let entry = &self.row[place];
        let unused = Arc::strong_count(entry) == 1 && entry.is_unused();
        if unused {
            self.remove(place);
        }
        unused
    }

    fn remove(&mut self, place: usize) {
        let entry = self.row.swap_remove(place);
        self.places.remove(entry.name());
        if let Some(moved) = self.row.get(place) {
            *self.places.get_mut(moved.name()).expect("what is in the row has a place") = place;
        }
        shrink(&mut self.row, &mut self.places);
    }
}

/// Gives half of the room back once a quarter of it is used, so that memory follows use down again. What was removed
/// since the last time pays for the move.
pub(super) fn shrink<T, K: Eq + Hash>(row: &mut Vec<T>, places: &mut HashMap<K, usize>) {
    if row.capacity() > SMALL && row.len() < row.capacity() / 4 {
        let room = row.capacity() / 2;
        row.shrink_to(room);
        places.shrink_to(room);
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the channel layer was closed")
}
