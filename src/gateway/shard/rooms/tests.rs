//! The rooms against a plain list of memberships.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Add(RoomId, u32),
    Remove(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u64, 0..100u32).prop_map(|(room, slot)| Step::Add(room, slot)),
        3 => any::<Index>().prop_map(Step::Remove),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Member {
    room: RoomId,
    place: u32,
    slot: u32,
}

proptest! {
    #[test]
    fn members_are_those_that_were_added_and_keep_their_places(steps in prop::collection::vec(step(), 1..80)) {
        let (mut rooms, mut model) = (Rooms::default(), Vec::<Member>::new());
        let mut most = [0; 3];
        for step in steps {
            match step {
                Step::Add(room, slot) => {
                    let place = rooms.add(room, slot);
                    let taken = model.iter().any(|member| (member.room, member.place) == (room, place));
                    prop_assert!(!taken, "place {place} is somebody's");
                    model.push(Member { room, place, slot });
                }
                Step::Remove(index) if !model.is_empty() => {
                    let Member { room, place, .. } = model.swap_remove(index.index(model.len()));
                    rooms.remove(room, place);
                }
                Step::Remove(_) => rooms.remove(0, 0),
            }
            for (room, most) in (0..).zip(&mut most) {
                let mut expected: Vec<_> = model.iter().filter(|member| member.room == room).collect();
                expected.sort_unstable_by_key(|member| member.place);
                let slots: Vec<_> = expected.iter().map(|member| member.slot).collect();
                prop_assert_eq!(rooms.members(room).collect::<Vec<_>>(), slots);
                *most = if expected.is_empty() { 0 } else { expected.len().max(*most) };
                let places = rooms.0.get(&room).map_or(0, |row| row.places.len());
                prop_assert!(places == *most, "free places are used again, and nothing is left of an empty room");
            }
            prop_assert_eq!(rooms.0.len(), most.iter().filter(|most| **most > 0).count());
        }
    }
}
