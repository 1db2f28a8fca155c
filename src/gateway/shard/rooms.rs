//! Which connections of one shard are in which room: per room a row of slots, so that joining and leaving cost the same
//! in a room of ten and of a million.
//!
//! What must stay true: a member keeps its place as long as it is in the room; a room without members is not kept.

use std::collections::HashMap;

/// Names a room among all that the gateway ever has.
pub(crate) type RoomId = u64;

/// The rooms that have members in one shard.
#[derive(Debug, Default)]
pub(crate) struct Rooms(HashMap<RoomId, Row>);

/// The members of one room: the slots of connections, and places that are free.
#[derive(Debug, Default)]
struct Row {
    places: Vec<Place>,
    /// The first of the free places, each of which names the next.
    free: Option<u32>,
    used: u32,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Member(u32),
    Free(Option<u32>),
}

impl Rooms {
    /// Puts the connection in a slot into a room, and returns its place.
    pub(crate) fn add(&mut self, room: RoomId, slot: u32) -> u32 {
        let row = self.0.entry(room).or_default();
        row.used += 1;
        let Some(place) = row.free else {
            row.places.push(Place::Member(slot));
            return u32::try_from(row.places.len() - 1).expect("there are fewer sockets");
        };
        if let Place::Free(next) = std::mem::replace(&mut row.places[place as usize], Place::Member(slot)) {
            row.free = next;
        }
        place
    }

    /// Frees a place.
    pub(crate) fn remove(&mut self, room: RoomId, place: u32) {
        let Some(row) = self.0.get_mut(&room) else { return };
        row.used -= 1;
        if row.used == 0 {
            self.0.remove(&room);
            return;
        }
        row.places[place as usize] = Place::Free(row.free);
        row.free = Some(place);
    }

    /// The slots of a room's members.
    pub(super) fn members(&self, room: RoomId) -> impl Iterator<Item = u32> {
        let places = self.0.get(&room).map_or(&[][..], |row| &row.places);
        places.iter().filter_map(|place| match place {
            Place::Member(slot) => Some(*slot),
            Place::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
