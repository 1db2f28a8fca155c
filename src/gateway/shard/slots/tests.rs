//! The slab against a plain list of everything that was ever in it.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Insert,
    Remove(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => Just(Step::Insert), 2 => any::<Index>().prop_map(Step::Remove)]
}

proptest! {
    #[test]
    fn a_key_finds_what_it_was_given_out_for_and_nothing_later(steps in prop::collection::vec(step(), 1..60)) {
        let (mut slots, mut most) = (Slots::new(), 0);
        // Each key that was given out, its place in this list being the value, and whether that is there.
        let mut given: Vec<(Key, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Insert => {
                    let number = given.len();
                    let key = slots.insert(|key| (key, number));
                    prop_assert!(given.iter().all(|(other, _)| *other != key), "a key is given out once");
                    given.push((key, true));
                }
                Step::Remove(index) if !given.is_empty() => {
                    let number = index.index(given.len());
                    let (key, there) = given[number];
                    if there {
                        prop_assert_eq!(slots.remove(key.slot()), Some((key, number)));
                        prop_assert_eq!(slots.remove(key.slot()), None);
                    }
                    given[number].1 = false;
                }
                Step::Remove(_) => prop_assert_eq!(slots.remove(0), None),
            }
            for (number, (key, there)) in given.iter().enumerate() {
                prop_assert_eq!(slots.find(*key).copied(), there.then_some((*key, number)));
            }
            let mut there: Vec<u32> = given.iter().filter(|(_, there)| *there).map(|(key, _)| key.slot()).collect();
            there.sort_unstable();
            prop_assert_eq!(slots.taken(), there.clone(), "no two in one slot");
            prop_assert_eq!((slots.iter().count(), slots.is_empty()), (there.len(), there.is_empty()));
            most = most.max(there.len());
            prop_assert!(slots.entries.len() == most, "free slots are used again");
        }
    }
}

#[test]
fn the_next_one_in_a_slot_is_not_found_by_the_key_of_the_last() {
    let mut slots = Slots::new();
    let first = slots.insert(|_| "first");
    slots.remove(first.slot());
    let second = slots.insert(|_| "second");
    assert_eq!(second.slot(), first.slot());
    assert_eq!(slots.find(first), None);
    assert_eq!([slots.find(second).copied(), slots.get(second.slot()).copied()], [Some("second"); 2]);
}
