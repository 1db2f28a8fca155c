//! What the layer keeps by name: shards, each a map under its own lock.
//!
//! What must stay true: the lock of a shard is held for one look-up and a few instructions, never across an await and
//! never while another shard's is taken; whatever is done to an entry through [`Table::with`] has ended before the
//! entry can be removed. A name is hashed once, for its shard and within it. A cursor moves over a shard's row: every visit
//! to the shard looks at one more entry. So each entry is looked at once in as many visits as there are entries, and no
//! verb pays for more than one.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::index::{Hashed, Index};
use crate::{Error, ErrorKind, Result};

/// How many shards a table has. More make two threads meet less often; an empty one costs 160 bytes.
const SHARDS: usize = 64;

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
    index: Index<Kept<V>>,
    cursor: usize,
    closed: bool,
}

/// An entry, and the hash of its name.
#[derive(Debug)]
struct Kept<V> {
    hash: u64,
    entry: Arc<V>,
}

impl<V> Hashed for Kept<V> {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl<V: Entry> Table<V> {
    pub(super) fn new() -> Self {
        let shard = || Mutex::new(Shard { index: Index::default(), cursor: 0, closed: false });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher: RandomState::new() }
    }

    /// Does something with the entry of a name, made if it is not there. The entry stays in the table meanwhile.
    pub(super) fn with<R>(
        &self,
        name: &V::Name,
        make: impl FnOnce() -> Result<V>,
        act: impl FnOnce(&Arc<V>) -> R,
    ) -> Result<R> {
        let (mut shard, hash) = self.shard(name);
        if V::SWEPT {
            shard.visit();
        }
        let place = match shard.place(name, hash) {
            Some(place) => place,
            None if shard.closed => return Err(closed()),
            None => shard.index.push(Kept { hash, entry: Arc::new(make()?) }),
        };
        Ok(act(shard.at(place)))
    }

    /// Does something with the entry of a name, if it is there.
    pub(super) fn with_existing<Q, R>(&self, name: &Q, act: impl FnOnce(&Arc<V>) -> R) -> Option<R>
    where
        V::Name: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (shard, hash) = self.shard(name);
        let place = shard.place(name, hash)?;
        Some(act(shard.at(place)))
    }

    /// Some entry of the shard that a name is in: the next one each time.
    pub(super) fn next(&self, near: &V::Name) -> Option<Arc<V>> {
        let (mut shard, _) = self.shard(near);
        let row = shard.index.row();
        let next = if shard.cursor + 1 < row.len() { shard.cursor + 1 } else { 0 };
        let entry = row.get(next).map(|kept| Arc::clone(&kept.entry));
        shard.cursor = next;
        entry
    }

    /// Takes an entry out, whoever refers to it.
    pub(super) fn remove(&self, entry: &Arc<V>) {
        let (mut shard, hash) = self.shard(entry.name());
        if let Some(place) = shard.place_of(entry, hash) {
            shard.index.remove(place);
        }
    }

    /// Gives a reference back, and takes the entry out if nobody uses it any more.
    pub(super) fn give_back(&self, entry: Arc<V>) {
        let (mut shard, hash) = self.shard(entry.name());
        let place = shard.place_of(&entry, hash);
        // Under the lock, so that of several that give back at once the last one sees that it is.
        drop(entry);
        if let Some(place) = place {
            shard.remove_unused(place);
        }
    }

    /// Every entry, shard by shard.
    pub(super) fn all(&self) -> Vec<Arc<V>> {
        let entries = |shard: MutexGuard<'_, Shard<V>>| {
            shard.index.row().iter().map(|kept| Arc::clone(&kept.entry)).collect::<Vec<_>>()
        };
        self.locked().flat_map(entries).collect()
    }

    /// Takes every entry out, and lets none be made any more.
    pub(super) fn close(&self) -> Vec<Arc<V>> {
        let taken = self.locked().flat_map(|mut shard| {
            shard.closed = true;
            std::mem::take(&mut shard.index).into_row()
        });
        taken.map(|kept| kept.entry).collect()
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.locked().map(|shard| shard.index.row().len()).sum()
    }

    fn locked(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<V>>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The shard that a name is in, and the name's hash. Its index goes by the bits that the choice of the shard leaves.
    fn shard(&self, name: &(impl Hash + ?Sized)) -> (MutexGuard<'_, Shard<V>>, u64) {
        let hash = self.hasher.hash_one(name);
        let shard = usize::try_from(hash % SHARDS as u64).expect("a remainder below 64");
        // Nothing under the lock can panic half-way, so a poisoned shard is whole.
        (self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner), hash.rotate_right(SHARDS.ilog2()))
    }
}

impl<V: Entry> Shard<V> {
    fn at(&self, place: usize) -> &Arc<V> {
        &self.index.row()[place].entry
    }

    fn place<Q>(&self, name: &Q, hash: u64) -> Option<usize>
    where
        V::Name: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.index.place(hash, |kept| kept.hash == hash && kept.entry.name().borrow() == name)
    }

    /// Looks at the entry under the cursor.
    fn visit(&mut self) {
        let length = self.index.row().len();
        if self.cursor >= length {
            self.cursor = 0;
        }
        if self.cursor < length && !self.remove_unused(self.cursor) {
            self.cursor += 1;
        }
    }

    fn place_of(&self, entry: &Arc<V>, hash: u64) -> Option<usize> {
        self.index.place(hash, |kept| Arc::ptr_eq(&kept.entry, entry))
    }

    /// Takes an entry out if nobody refers to it and it is empty. A new reference can only be made under the lock.
    fn remove_unused(&mut self, place: usize) -> bool {
        let entry = self.at(place);
        let unused = Arc::strong_count(entry) == 1 && entry.is_unused();
        if unused {
            self.index.remove(place);
        }
        unused
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the channel layer was closed")
}
