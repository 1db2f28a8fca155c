//! The stock of an address runs out, fills up again, and is nobody else's; the table stays bounded.

use super::*;

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn exhaust(guesses: &Guesses, address: Option<IpAddr>, now: Instant) {
    for _ in 0..STOCK {
        assert_eq!(guesses.held_up(address, now), None);
        guesses.wrong(address, now);
    }
}

#[test]
fn a_stock_runs_out_and_fills_up_again_one_by_one() {
    let (guesses, now, who) = (Guesses::default(), Instant::now(), address("192.0.2.1"));
    exhaust(&guesses, who, now);
    assert_eq!(guesses.held_up(who, now), Some(REFILL));
    let just_before = now + REFILL - Duration::from_millis(1);
    assert_eq!(guesses.held_up(who, just_before), Some(Duration::from_millis(1)));
    assert_eq!(guesses.held_up(who, now + REFILL), None);
    guesses.wrong(who, now + REFILL);
    assert_eq!(guesses.held_up(who, now + REFILL), Some(REFILL));
    // After a long rest it is full, and not fuller.
    let later = now + REFILL * 1000;
    exhaust(&guesses, who, later);
    assert_eq!(guesses.held_up(who, later), Some(REFILL));
}

#[test]
fn others_are_not_affected() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    exhaust(&guesses, address("192.0.2.1"), now);
    for other in ["192.0.2.2", "2001:db8::1"] {
        assert_eq!(guesses.held_up(address(other), now), None, "{other}");
    }
    assert_eq!(guesses.held_up(None, now), None);
}

#[test]
fn a_network_of_ipv6_is_one_and_a_mapped_address_is_the_one_that_it_maps() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    exhaust(&guesses, address("2001:db8::1"), now);
    assert!(guesses.held_up(address("2001:db8::ffff:2"), now).is_some());
    assert!(guesses.held_up(address("2001:db8:0:1::1"), now).is_none());
    exhaust(&guesses, address("::ffff:192.0.2.1"), now);
    assert!(guesses.held_up(address("192.0.2.1"), now).is_some());
}

#[test]
fn many_addresses_do_not_make_it_forget_one_that_is_held_up() {
    let (guesses, now, who) = (Guesses::default(), Instant::now(), address("192.0.2.1"));
    exhaust(&guesses, who, now);
    for number in 0..u32::try_from(ADDRESSES).unwrap() * 2 {
        guesses.wrong(Some(IpAddr::from((0x0a00_0000 + number).to_be_bytes())), now);
    }
    assert_eq!(guesses.held_up(who, now), Some(REFILL));
    assert_eq!(guesses.lock().len(), ADDRESSES);
    guesses.wrong(address("192.0.2.2"), now + REFILL * 2 * STOCK);
    assert_eq!(guesses.lock().len(), 1, "those that are forgiven go when there is no room");
}
