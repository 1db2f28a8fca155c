//! The client's side: its session, what it wants, and what it was promised.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channel_layers::GroupName;
use channel_layers::client::session::{GroupId, RequestId, Session, SessionConfig};
use channel_layers::protocol::Encoding;

use super::checks::Note;

/// A client of the simulation.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) encoding: Encoding,
    /// The link that it uses, and the only one that it listens to.
    pub(crate) link: Option<usize>,
    pub(crate) closed: bool,
    /// The groups that it wants to be in, by their number.
    pub(crate) wanted: BTreeMap<usize, GroupId>,
    /// Those of them that it was told it is in.
    pub(crate) joined: BTreeSet<GroupId>,
    /// Requests without a reply; a send has its note.
    pub(crate) open_requests: BTreeMap<RequestId, Option<Note>>,
    /// The number of its last message to each group.
    numbers: BTreeMap<usize, u64>,
    /// For when the timer event is scheduled.
    pub(crate) scheduled: Option<Duration>,
}

impl Client {
    pub(crate) fn new(seed: u64) -> Self {
        let encoding = if seed.is_multiple_of(2) { Encoding::Json } else { Encoding::Msgpack };
        let mut config = SessionConfig::default();
        config.encoding = encoding;
        config.queue_messages = 20;
        Self {
            session: Session::new(config, seed),
            encoding,
            link: None,
            closed: false,
            wanted: BTreeMap::new(),
            joined: BTreeSet::new(),
            open_requests: BTreeMap::new(),
            numbers: BTreeMap::new(),
            scheduled: None,
        }
    }

    pub(crate) fn next_note(&mut self, sender: usize, group: usize) -> Note {
        let number = self.numbers.entry(group).or_default();
        *number += 1;
        Note { sender, group, number: *number }
    }

    /// The number of the group that a membership is in.
    pub(crate) fn group_of(&self, id: GroupId) -> Option<usize> {
        self.wanted.iter().find(|(_, open)| **open == id).map(|(group, _)| *group)
    }

    pub(crate) fn wants(&self, group: usize) -> bool {
        self.wanted.contains_key(&group)
    }
}

/// The name of the group with this number.
pub(crate) fn group_name(number: usize) -> GroupName {
    format!("room.{number}").parse().expect("a valid name")
}
