//! Ring, slots, keys and scores.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use crate::layer::redis::wire::keys::Keys;
use crate::layer::redis::wire::score::ScoreClock;
use crate::layer::redis::wire::{ring, slot};

const BEFORE: &str = "asgigateway.0123456789abcdef";

#[test]
fn slots_are_those_of_redis() {
    // As `CLUSTER KEYSLOT` answers.
    let slots = [
        ("", 0),
        ("123456789", 12_739),
        ("foo", 12_182),
        ("{foo}bar", 12_182),
        ("a{foo}{bar}", 12_182),
        ("foo{}{bar}", 8_363),
        ("foo{{bar}}zap", 4_015),
        ("{unclosed", 470),
    ];
    for (key, expected) in slots {
        assert_eq!(slot::slot(key), expected, "{key:?}");
    }
}

#[test]
fn digits_are_found_for_any_slot() {
    let mut random = fastrand::Rng::with_seed(1);
    for wanted in (0..16_384).step_by(127) {
        let found = slot::digits(BEFORE, "!", 1, &mut random, |slot| slot == wanted);
        assert_eq!(found.len(), 1, "slot {wanted}");
        assert_eq!(slot::slot(&format!("{BEFORE}{}!", found[0])), wanted);
    }
}

#[test]
fn digits_of_one_slot_differ() {
    let mut random = fastrand::Rng::with_seed(2);
    let found = slot::digits(BEFORE, "!", 100, &mut random, |slot| slot == 77);
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 100);
    assert!(found.iter().all(|digits| digits.len() == 16 && slot::slot(&format!("{BEFORE}{digits}!")) == 77));
}

#[test]
fn a_tag_in_the_prefix_decides_the_slot() {
    let mut random = fastrand::Rng::with_seed(3);
    let fixed = slot::slot("tag");
    assert_eq!(slot::digits("{tag}x.", "!", 3, &mut random, |slot| slot == fixed).len(), 3);
    assert!(slot::digits("{tag}x.", "!", 3, &mut random, |slot| slot != fixed).is_empty());
    assert!(slot::digits("x.", "!", 3, &mut random, |_| false).is_empty());
}

#[test]
fn keys_read_back() {
    let keys = Keys::new("as:gi");
    let group = "chat.lobby".parse().unwrap();
    assert_eq!(keys.group_of_topic(&keys.group_topic(&group)), Some("chat.lobby"));
    assert_eq!(keys.group_of_topic("as:gispecific"), None);
    assert_eq!(Keys::new(r"a*b?[c]\d").glob(), r"a\*b\?\[c\]\\d*");
}

#[test]
fn scores_follow_a_large_step_back_alone() {
    let clock = ScoreClock::new();
    let at = |millis| clock.next(Duration::from_millis(millis));
    let first = at(1_795_391_512_594);
    assert_eq!(first.to_string(), "1795391512.594");
    assert_eq!(at(1_795_391_512_594).to_string(), "1795391512.5940003");
    let small_step = at(1_795_391_511_700);
    assert!(small_step > first, "{small_step} came after {first}");
    assert_eq!(at(1_795_391_400_000).to_string(), "1795391400");
    assert_eq!(at(1_795_391_600_500).to_string(), "1795391600.5");
}

proptest! {
    #[test]
    fn every_host_is_in_range(value: String, hosts in 1usize..5000) {
        prop_assert!(ring::shard(&value, hosts) < hosts);
    }

    #[test]
    fn scores_rise_and_read_back(steps in prop::collection::vec(0u64..900_000, 1..50)) {
        let clock = ScoreClock::new();
        let mut last = None;
        for step in steps {
            // Back and forth within the second that counts as no step back.
            let score = clock.next(Duration::from_micros(1_795_391_512_000_000 + step));
            prop_assert!(last.is_none_or(|last| last < score));
            prop_assert_eq!(score.to_string().parse::<f64>().unwrap(), score.0);
            last = Some(score);
        }
    }
}
