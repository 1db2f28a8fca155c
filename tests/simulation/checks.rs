//! What must hold of a run, whatever the network does.

use std::collections::{BTreeMap, BTreeSet};

use channel_layers::Message;

/// One message of the run: who sent it, to which group, and its number among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    pub(crate) sender: usize,
    pub(crate) group: usize,
    pub(crate) number: u64,
}

impl Note {
    pub(crate) fn message(self) -> Message {
        let Note { sender, group, number } = self;
        channel_layers::message! { "type": "note", "from": sender, "to": group, "number": number }
    }

    pub(crate) fn read(message: &Message) -> Self {
        let field =
            |key| message.get(key).and_then(|value| value.as_int()).and_then(|number| u64::try_from(number).ok());
        let number = field("number").expect("a note has its number");
        let index = |key| usize::try_from(field(key).expect("a note has its fields")).expect("a small number");
        Self { sender: index("from"), group: index("to"), number }
    }
}

/// The order in which the layer accepted messages, and who must still get which.
#[derive(Default)]
pub(crate) struct Ledger {
    accepted: BTreeMap<Note, u64>,
    /// Of each link and group, the number that was accepted last.
    last_of_link: BTreeMap<(usize, usize), u64>,
    /// Of each client, group and membership, the place of the message that it got last.
    last_seen: BTreeMap<(usize, u32), u64>,
    /// Messages on their way to a link.
    owed: BTreeMap<usize, BTreeSet<Note>>,
    pub(crate) totals: Totals,
}

impl Ledger {
    /// The layer accepted a message that came over a link: in the order in which that link's client sent them.
    pub(crate) fn accept(&mut self, link: usize, note: Note) {
        let place = self.accepted.len() as u64;
        let before = self.accepted.insert(note, place);
        assert_eq!(before, None, "{note:?} was sent twice");
        if let Some(last) = self.last_of_link.insert((link, note.group), note.number) {
            assert!(last < note.number, "{note:?} overtook number {last} on link {link}");
        }
        self.totals.accepted += 1;
    }

    pub(crate) fn owe(&mut self, link: usize, note: Note) {
        self.owed.entry(link).or_default().insert(note);
    }

    /// The link is lost, or its member left the group: at most once, so nothing is owed.
    pub(crate) fn forgive(&mut self, link: usize) {
        self.owed.remove(&link);
    }

    pub(crate) fn forgive_group(&mut self, link: usize, group: usize) {
        if let Some(owed) = self.owed.get_mut(&link) {
            owed.retain(|note| note.group != group);
        }
    }

    /// A client got a message in a membership: once, and in the order in which the layer accepted them.
    pub(crate) fn receive(&mut self, client: usize, membership: u32, link: usize, note: Note) {
        let place = *self.accepted.get(&note).unwrap_or_else(|| panic!("{note:?} was never accepted"));
        if let Some(last) = self.last_seen.insert((client, membership), place) {
            assert!(last < place, "client {client} got {note:?} twice or out of order");
        }
        if let Some(owed) = self.owed.get_mut(&link) {
            owed.remove(&note);
        }
        self.totals.received += 1;
    }

    /// A client was told that the layer accepted its message.
    pub(crate) fn acknowledged(&mut self, note: Note) {
        assert!(self.accepted.contains_key(&note), "{note:?} was acknowledged and never accepted");
        self.totals.acknowledged += 1;
    }

    /// At the end, with a good network: nobody waits for anything.
    pub(crate) fn assert_all_delivered(&self) {
        for (link, owed) in &self.owed {
            assert!(owed.is_empty(), "link {link} never got {owed:?}");
        }
    }
}

/// What happened in one run or many, so that a run in which nothing happens is noticed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) acknowledged: u64,
    pub(crate) received: u64,
    pub(crate) failed_requests: u64,
    pub(crate) connections: u64,
    pub(crate) cuts: u64,
    pub(crate) restarts: u64,
    pub(crate) expulsions: u64,
}

impl Totals {
    pub(crate) fn and(self, other: &Totals) -> Totals {
        Totals {
            accepted: self.accepted + other.accepted,
            acknowledged: self.acknowledged + other.acknowledged,
            received: self.received + other.received,
            failed_requests: self.failed_requests + other.failed_requests,
            connections: self.connections + other.connections,
            cuts: self.cuts + other.cuts,
            restarts: self.restarts + other.restarts,
            expulsions: self.expulsions + other.expulsions,
        }
    }

    pub(crate) fn assert_something_happened(&self) {
        let Totals { accepted, acknowledged, received, failed_requests, connections, cuts, restarts, expulsions } =
            self;
        for count in [accepted, acknowledged, received, failed_requests, connections, cuts, restarts, expulsions] {
            assert!(*count > 0, "a kind of event never happened: {self:?}");
        }
    }
}
