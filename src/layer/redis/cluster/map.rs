//! Which node of a cluster serves which slot, as a node tells it. Pure.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use redis::Value;

use crate::layer::redis::wire::slot::SLOTS;

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::layer::redis) struct Address {
    pub(in crate::layer::redis) host: Arc<str>,
    pub(in crate::layer::redis) port: u16,
}

/// Nobody serves a slot.
const NOBODY: u16 = u16::MAX;

/// The slots and their masters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    masters: Vec<Address>,
    /// For each slot the how many-th master serves it.
    owners: Box<[u16]>,
}

impl Map {
    /// A map of which nothing is known.
    pub(super) fn empty() -> Self {
        Self { masters: Vec::new(), owners: vec![NOBODY; usize::from(SLOTS)].into() }
    }

    /// Reads the answer to `CLUSTER SLOTS` of the node at `asked`, which stands where the answer names no host. Nothing
    /// where it is no such answer, or nobody serves any slot.
    pub(super) fn read(answer: &Value, asked: &str) -> Option<Self> {
        let mut map = Self::empty();
        for range in list(answer)? {
            // Which replicas follow varies with what the node has heard of them.
            let [first, last, master, ..] = list(range)? else { return None };
            let (first, last) = (number(first)?, number(last)?);
            let master = map.master(address(master, asked)?);
            map.owners.get_mut(usize::from(first)..=usize::from(last))?.fill(master);
        }
        (!map.masters.is_empty()).then_some(map)
    }

    /// The number of a master, which becomes one if it was none.
    fn master(&mut self, address: Address) -> u16 {
        let known = self.masters.iter().position(|master| *master == address);
        let at = known.unwrap_or_else(|| {
            self.masters.push(address);
            self.masters.len() - 1
        });
        // There are no more masters than slots.
        u16::try_from(at).unwrap_or(NOBODY)
    }

    /// Who serves a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        let owner = self.owners.get(usize::from(slot))?;
        self.masters.get(usize::from(*owner))
    }

    /// Notes that a slot is served by another node. Returns whether that was news.
    pub(super) fn hand_over(&mut self, slot: u16, to: &Address) -> bool {
        if slot >= SLOTS || self.owner(slot) == Some(to) || self.masters.len() >= usize::from(SLOTS) {
            return false;
        }
        self.owners[usize::from(slot)] = self.master(to.clone());
        true
    }

    /// Every node that serves a slot.
    pub(super) fn masters(&self) -> impl Iterator<Item = &Address> {
        let serving: HashSet<u16> = self.owners.iter().copied().collect();
        let masters = self.masters.iter().enumerate();
        masters
            .filter(move |(at, _)| u16::try_from(*at).is_ok_and(|at| serving.contains(&at)))
            .map(|(_, master)| master)
    }

    /// Whether a master of the earlier map serves nothing any more. A replica has taken its place, as a rule, and what
    /// the master had not told it by then is lost; slots that move between masters keep everything.
    pub(super) fn has_replaced_one_of(&self, earlier: &Self) -> bool {
        let masters: HashSet<&Address> = self.masters().collect();
        earlier.masters().any(|master| !masters.contains(master))
    }
}

impl Address {
    /// Reads `host:port` as a redirection names it; `asked` is the host that redirects, and is meant where none stands.
    pub(super) fn read(text: &str, asked: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self { host: named(host).unwrap_or(asked).into(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn address(node: &Value, asked: &str) -> Option<Address> {
    let [host, port, ..] = list(node)? else { return None };
    let host = match host {
        Value::BulkString(host) => named(std::str::from_utf8(host).ok()?),
        Value::SimpleString(host) => named(host),
        _ => None,
    };
    Some(Address { host: host.unwrap_or(asked).into(), port: number(port)? })
}

/// A host that a node knows the name of.
fn named(host: &str) -> Option<&str> {
    (!host.is_empty() && host != "?").then_some(host)
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), Value::BulkString(b"id".into())])
    }

    fn range(first: i64, last: i64, nodes: &[Value]) -> Value {
        Value::Array([&[Value::Int(first), Value::Int(last)], nodes].concat())
    }

    fn at(host: &str, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    fn two_masters() -> Map {
        let replica = node("c", 3);
        let answer = Value::Array(vec![range(0, 99, &[node("a", 1), replica]), range(100, 16_383, &[node("", 2)])]);
        Map::read(&answer, "asked").unwrap()
    }

    #[test]
    fn slots_have_owners() {
        let map = two_masters();
        assert_eq!(map.owner(0), Some(&at("a", 1)));
        assert_eq!(map.owner(99), Some(&at("a", 1)));
        assert_eq!(map.owner(100), Some(&at("asked", 2)));
        assert_eq!(map.owner(16_384), None);
        assert_eq!(map.masters().count(), 2);
        assert_eq!(Map::empty().owner(7), None);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for wrong in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![range(0, 16_384, &[node("a", 1)])]),
            Value::Array(vec![range(9, 1, &[node("a", 1)])]),
            Value::Array(vec![range(0, 1, &[])]),
            Value::Array(vec![range(0, 1, &[node("a", 70_000)])]),
        ] {
            assert_eq!(Map::read(&wrong, "asked"), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_slot_that_moves_replaces_nobody() {
        let before = two_masters();
        let mut moved = before.clone();
        assert!(moved.hand_over(7, &at("asked", 2)));
        assert!(!moved.hand_over(7, &at("asked", 2)));
        assert_eq!(moved.owner(7), Some(&at("asked", 2)));
        assert!(!moved.has_replaced_one_of(&before));
        let mut taken_over = before.clone();
        for slot in 0..100 {
            taken_over.hand_over(slot, &at("c", 3));
        }
        assert!(taken_over.has_replaced_one_of(&before));
        assert!(!before.has_replaced_one_of(&Map::empty()));
        assert_eq!(taken_over.masters().collect::<HashSet<_>>(), HashSet::from([&at("asked", 2), &at("c", 3)]));
    }

    #[test]
    fn redirections_name_nodes() {
        assert_eq!(Address::read("10.0.0.1:7000", "asked"), Some(at("10.0.0.1", 7000)));
        assert_eq!(Address::read("::1:7000", "asked"), Some(at("::1", 7000)));
        assert_eq!(Address::read(":7000", "asked"), Some(at("asked", 7000)));
        assert_eq!(Address::read("nowhere", "asked"), None);
    }
}
