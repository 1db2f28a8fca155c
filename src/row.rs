//! A queue of few: most hold one thing at a time, which then needs no memory of its own and is found where the queue is.
//!
//! Its invariant: what is in the first place is older than the rest, so it is only taken while there is nothing else.

use std::collections::VecDeque;

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
        self.first.is_none() && self.rest.is_empty()
    }

    pub(crate) fn push_back(&mut self, item: T) {
        if self.is_empty() {
            self.first = Some(item);
        } else {
            self.rest.push_back(item);
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let item = self.rest.pop_front()?;
        if self.rest.is_empty() {
            self.rest = VecDeque::new();
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
        if self.first.as_ref().is_some_and(|first| key_of(first) == *key) {
            return self.first.take();
        }
        let at = self.rest.binary_search_by_key(key, key_of).ok()?;
        self.rest.remove(at)
    }
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> IntoIterator for Row<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::collections::vec_deque::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<'a, T> IntoIterator for &'a Row<T> {
    type Item = &'a T;
    type IntoIter = std::iter::Chain<std::option::Iter<'a, T>, std::collections::vec_deque::Iter<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.iter().chain(&self.rest)
    }
}

impl<'a, T> IntoIterator for &'a mut Row<T> {
    type Item = &'a mut T;
    type IntoIter = std::iter::Chain<std::option::IterMut<'a, T>, std::collections::vec_deque::IterMut<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.iter_mut().chain(&mut self.rest)
    }
}

impl<T> Extend<T> for Row<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push_back(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_something_waits_comes_after_it() {
        let mut row = Row::new();
        row.extend([1, 2, 3]);
        assert_eq!(row.pop_front(), Some(1));
        row.push_back(4);
        assert_eq!(((&row).into_iter().next(), (&row).into_iter().count()), (Some(&2), 3));
        assert_eq!(row.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn things_are_found_and_taken_out_wherever_they_are() {
        let mut row = Row::new();
        row.extend([1, 2, 3]);
        assert_eq!((row.find(&1, |n| *n).copied(), row.find(&3, |n| *n).copied()), (Some(1), Some(3)));
        assert_eq!([row.remove(&1, |n| *n), row.remove(&3, |n| *n), row.remove(&9, |n| *n)], [Some(1), Some(3), None]);
        assert_eq!((row.pop_front(), row.is_empty()), (Some(2), true));
    }
}
