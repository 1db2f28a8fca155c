//! A queue of few: most hold one thing at a time, which then needs no memory of its own and is found where the queue is.
//!
//! Its invariant: behind an empty first place there is nobody.

use std::collections::VecDeque;

/// Room for so many is kept when all are gone; more is given back, so that a burst costs no memory afterwards.
const KEPT_ROOM: usize = 32;

/// First in, first out.
#[derive(Debug)]
pub(crate) struct Row<T> {
    first: Option<T>,
    rest: VecDeque<T>,
}

impl<T> Row<T> {
    pub(crate) const fn new() -> Self {
        Self { first: None, rest: VecDeque::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(crate) fn push_back(&mut self, item: T) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.rest.push_back(item),
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let item = self.first.take()?;
        if self.rest.capacity() > 0 {
            self.advance();
        }
        Some(item)
    }

    /// The one with a key, of things that are sorted by such keys.
    pub(crate) fn find<K: Ord>(&mut self, key: &K, key_of: impl Fn(&T) -> K) -> Option<&mut T> {
        match &mut self.first {
            Some(first) if key_of(first) == *key => Some(first),
            _ => {
                let at = self.rest.binary_search_by_key(key, key_of).ok()?;
                self.rest.get_mut(at)
            }
        }
    }

    /// Takes the one with a key out, of things that are sorted by such keys.
    pub(crate) fn remove<K: Ord>(&mut self, key: &K, key_of: impl Fn(&T) -> K) -> Option<T> {
        if key_of(self.first.as_ref()?) == *key {
            return self.pop_front();
        }
        let at = self.rest.binary_search_by_key(key, key_of).ok()?;
        self.rest.remove(at)
    }

    /// How many more fit before memory is asked for.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.rest.capacity()
    }

    fn advance(&mut self) {
        self.first = self.rest.pop_front();
        if self.rest.is_empty() && self.rest.capacity() > KEPT_ROOM {
            self.rest = VecDeque::new();
        }
    }
}

impl<T> IntoIterator for Row<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::collections::vec_deque::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<T> Extend<T> for Row<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push_back(item));
    }
}
