//! The groups that a channel is in. Most are in one, which then takes no memory of its own.

use std::collections::HashSet;

use crate::GroupName;

#[derive(Debug, Default)]
pub(in crate::layer) struct Memberships {
    first: Option<GroupName>,
    /// Further ones; each group is there or the first, never both.
    others: Option<Box<HashSet<GroupName>>>,
}

impl Memberships {
    pub(super) fn contains(&self, group: &GroupName) -> bool {
        self.first.as_ref() == Some(group) || self.others.as_ref().is_some_and(|others| others.contains(group))
    }

    /// Adds a group that is not there.
    pub(super) fn insert(&mut self, group: GroupName) {
        match self.first {
            None => self.first = Some(group),
            Some(_) => drop(self.others.get_or_insert_default().insert(group)),
        }
    }

    /// Removes a group. Returns whether it was there.
    pub(super) fn remove(&mut self, group: &GroupName) -> bool {
        if self.first.as_ref() == Some(group) {
            self.first = None;
            return true;
        }
        let Some(others) = &mut self.others else { return false };
        let was_there = others.remove(group);
        if others.is_empty() {
            self.others = None;
        }
        was_there
    }
}

impl IntoIterator for Memberships {
    type Item = GroupName;
    type IntoIter = std::iter::Chain<
        std::option::IntoIter<GroupName>,
        std::iter::Flatten<std::option::IntoIter<HashSet<GroupName>>>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let others = self.others.map(|others| *others);
        self.first.into_iter().chain(others.into_iter().flatten())
    }
}
