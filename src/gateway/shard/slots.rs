//! The connections of one shard: a slab, so that each is found by a number, and adding and removing cost the same
//! however many there are.
//!
//! What must stay true: a [`Key`] is given out once. A slot is used again, under another generation, so whoever comes
//! with the key of a connection that has ended finds nothing.

/// Where a connection stands in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    slot: u32,
    generation: u32,
}

impl Key {
    /// Its slot, which is another connection's later.
    pub(crate) fn slot(self) -> u32 {
        self.slot
    }
}

#[derive(Debug)]
pub(super) struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    /// Puts in what `make` returns for its key.
    pub(super) fn insert(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, value: None });
            u32::try_from(self.entries.len() - 1).expect("there are fewer sockets")
        });
        let entry = &mut self.entries[slot as usize];
        let key = Key { slot, generation: entry.generation };
        entry.value = Some(make(key));
        key
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let entry = self.entries.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        Some(value)
    }

    /// Whoever is in a slot now.
    pub(super) fn get(&mut self, slot: u32) -> Option<&mut T> {
        self.entries.get_mut(slot as usize)?.value.as_mut()
    }

    /// The one with this key, if it is still there.
    pub(super) fn find(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.slot as usize)?;
        entry.value.as_mut().filter(|_| entry.generation == key.generation)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.len() == self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// The slots that are taken.
    pub(super) fn taken(&self) -> Vec<u32> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.value.is_some()).map(|(slot, _)| slot).collect()
    }
}

#[cfg(test)]
mod tests;
