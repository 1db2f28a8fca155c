//! The gateways on a layer, as they tell each other of themselves.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How often a gateway tells of itself.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// After so long without a word a gateway counts as gone: three heartbeats.
const GONE: Duration = Duration::from_secs(15);

/// The most gateways that are kept in mind; of further ones nothing is known.
const MOST: usize = 1024;

/// A gateway process, as it told of itself a few seconds ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Node {
    /// Which: a random name that the process keeps for its life.
    pub node: String,
    /// The version of its software.
    pub version: String,
    /// For how many seconds it has been running.
    pub uptime: u64,
    /// WebSockets that are open.
    pub connections: usize,
    /// Users that they are of.
    pub users: usize,
    /// Groups with members in the process.
    pub groups: usize,
    /// Whether it is shutting down.
    pub draining: bool,
}

/// The others.
#[derive(Debug, Default)]
pub(super) struct Nodes(Mutex<HashMap<String, (Node, Instant)>>);

impl Nodes {
    /// Notes what one tells of itself.
    pub(super) fn hear(&self, node: Node, now: Instant) {
        let mut nodes = self.lock();
        if nodes.len() >= MOST && !nodes.contains_key(&node.node) {
            nodes.retain(|_, (_, heard)| now.duration_since(*heard) < GONE);
        }
        if nodes.len() < MOST || nodes.contains_key(&node.node) {
            nodes.insert(node.node.clone(), (node, now));
        }
    }

    /// One says that it ends.
    pub(super) fn forget(&self, node: &str) {
        self.lock().remove(node);
    }

    /// Those that are there, in the order of their names.
    pub(super) fn present(&self, now: Instant) -> Vec<Node> {
        let mut nodes = self.lock();
        nodes.retain(|_, (_, heard)| now.duration_since(*heard) < GONE);
        let mut present: Vec<_> = nodes.values().map(|(node, _)| node.clone()).collect();
        present.sort_by(|a, b| a.node.cmp(&b.node));
        present
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Node, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Node {
        let (node, version) = (name.to_owned(), String::new());
        Node { node, version, uptime: 0, connections: 0, users: 0, groups: 0, draining: false }
    }

    #[test]
    fn those_who_fell_silent_or_said_goodbye_are_gone() {
        let (nodes, now) = (Nodes::default(), Instant::now());
        ["c", "a", "b"].into_iter().for_each(|name| nodes.hear(node(name), now));
        nodes.hear(node("a"), now + GONE);
        nodes.forget("b");
        assert_eq!(nodes.present(now + GONE), [node("a")]);
    }

    #[test]
    fn there_are_never_more_than_the_most() {
        let (nodes, now) = (Nodes::default(), Instant::now());
        (0..=MOST).for_each(|n| nodes.hear(node(&n.to_string()), now));
        assert_eq!(nodes.present(now).len(), MOST);
        nodes.hear(node("late"), now + GONE);
        assert_eq!(nodes.present(now + GONE), [node("late")], "room is made of those that are gone");
    }
}
