//! Things in a row, found by hash: a walk goes along the row, a look-up takes one step.
//!
//! What must stay true: each thing in the row has one place in the table, under its hash. The table holds places only, so
//! what is compared is in the row, and nothing is kept twice.

use hashbrown::HashTable;

/// Room for so many things is not worth giving back.
const SMALL: usize = 64;

/// Something that knows its hash, which stays the same.
pub(super) trait Hashed {
    fn hash(&self) -> u64;
}

#[derive(Debug)]
pub(super) struct Index<T> {
    row: Vec<T>,
    places: HashTable<usize>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { row: Vec::new(), places: HashTable::new() }
    }
}

impl<T: Hashed> Index<T> {
    pub(super) fn row(&self) -> &[T] {
        &self.row
    }

    pub(super) fn into_row(self) -> Vec<T> {
        self.row
    }

    pub(super) fn at_mut(&mut self, place: usize) -> &mut T {
        &mut self.row[place]
    }

    /// The place of the thing with this hash that `is` says yes to.
    pub(super) fn place(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<usize> {
        self.places.find(hash, |place| is(&self.row[*place])).copied()
    }

    /// Appends a thing that is not there. Returns its place.
    pub(super) fn push(&mut self, thing: T) -> usize {
        let place = self.row.len();
        self.places.insert_unique(thing.hash(), place, |place| self.row[*place].hash());
        self.row.push(thing);
        place
    }

    /// Takes the thing at a place out; the last one moves there. Gives half of the room back once a quarter of it is used,
    /// so that memory follows use down again. What was removed since the last time pays for the move.
    pub(super) fn remove(&mut self, place: usize) -> T {
        let removed = self.row.swap_remove(place);
        let known = self.places.find_entry(removed.hash(), |at| *at == place);
        known.expect("what is in the row has a place").remove();
        if let Some(moved) = self.row.get(place) {
            let last = self.row.len();
            let known = self.places.find_mut(moved.hash(), |at| *at == last);
            *known.expect("what is in the row has a place") = place;
        }
        if self.row.capacity() > SMALL && self.row.len() < self.row.capacity() / 4 {
            let room = self.row.capacity() / 2;
            self.row.shrink_to(room);
            self.places.shrink_to(room, |place| self.row[*place].hash());
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Hashed for (u64, char) {
        fn hash(&self) -> u64 {
            self.0
        }
    }

    fn place(index: &Index<(u64, char)>, hash: u64, name: char) -> Option<usize> {
        index.place(hash, |thing| thing.1 == name)
    }

    #[test]
    fn the_last_one_takes_the_place_of_the_removed() {
        let mut index = Index::default();
        // Two with the same hash.
        for thing in [(1, 'a'), (2, 'b'), (1, 'c')] {
            index.push(thing);
        }
        assert_eq!(index.remove(0), (1, 'a'));
        assert_eq!([place(&index, 1, 'a'), place(&index, 2, 'b'), place(&index, 1, 'c')], [None, Some(1), Some(0)]);
        assert_eq!(index.remove(1), (2, 'b'));
        assert_eq!(index.row(), [(1, 'c')]);
        assert_eq!(place(&index, 1, 'c'), Some(0));
    }

    #[test]
    fn room_is_given_back() {
        let mut index = Index::default();
        for number in 0..1000 {
            index.push((number, 'x'));
        }
        while index.row().len() > 10 {
            index.remove(0);
        }
        assert!(index.row.capacity() <= 2 * SMALL && index.places.capacity() <= 4 * SMALL);
        let found = index.row().iter().enumerate().all(|(at, thing)| place(&index, thing.0, 'x') == Some(at));
        assert!(found, "each at its place");
    }
}
