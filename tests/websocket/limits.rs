//! The limit of a message: refused by the header that goes above it, in whatever frames it comes.

use channel_layers::gateway::websocket::Decoder;

use super::wire::{BINARY, CONTINUE, MASK, PING, TEXT, decode, last, more};

fn refused(limit: usize, sends: &[Vec<u8>]) -> (usize, Option<u16>) {
    let bytes = sends.concat();
    let whole = decode(Decoder::new(limit), [bytes.as_slice()]);
    assert_eq!(decode(Decoder::new(limit), bytes.chunks(1)), whole);
    (whole.events.len(), whole.refused)
}

#[test]
fn a_message_may_be_as_long_as_the_limit() {
    assert_eq!(refused(300, &[last(BINARY, [0; 300])]), (1, None));
    assert_eq!(refused(300, &[last(BINARY, [0; 301])]), (0, Some(1009)));
    assert_eq!(refused(0, &[last(TEXT, ""), last(TEXT, "a")]), (1, Some(1009)));
}

#[test]
fn the_header_is_enough() {
    let header = [&[0x82, 0xff], 300_u64.to_be_bytes().as_slice(), &MASK].concat();
    assert_eq!(refused(200, std::slice::from_ref(&header)), (0, Some(1002)), "it is not the shortest form");
    let header = [&[0x82, 0xfe], 300_u16.to_be_bytes().as_slice(), &MASK].concat();
    assert_eq!(refused(200, std::slice::from_ref(&header)), (0, Some(1009)));
    assert_eq!(refused(300, &[header]), (0, None));
}

#[test]
fn fragments_count_together() {
    assert_eq!(refused(4, &[more(TEXT, "ab"), more(CONTINUE, "cd"), last(CONTINUE, "")]), (1, None));
    assert_eq!(refused(4, &[more(TEXT, "ab"), more(CONTINUE, "cd"), last(CONTINUE, "e")]), (0, Some(1009)));
    assert_eq!(refused(4, &[more(TEXT, "ab"), more(CONTINUE, "cde")]), (0, Some(1009)));
    assert_eq!(refused(4, &[last(TEXT, "abcd"), last(TEXT, "efgh")]), (2, None), "each message counts alone");
}

#[test]
fn control_frames_do_not_count() {
    assert_eq!(refused(2, &[more(TEXT, "ab"), last(PING, "a longer payload"), last(CONTINUE, "")]), (2, None));
}

#[test]
fn fragments_are_bounded_by_what_they_hold() {
    let pieces = |count: usize, size: usize| -> Vec<Vec<u8>> {
        let middle = (0..count).map(|_| more(CONTINUE, vec![b'a'; size]));
        [more(TEXT, "")].into_iter().chain(middle).chain([last(CONTINUE, "")]).collect()
    };
    assert_eq!(refused(99_999, &pieces(126, 0)), (1, None));
    assert_eq!(refused(99_999, &pieces(127, 0)), (0, Some(1008)));
    assert_eq!(refused(99_999, &pieces(1000, 32)), (1, None));
    assert_eq!(refused(99_999, &pieces(1000, 27)), (0, Some(1008)));
    let pinged = (0..500).map(|_| last(PING, "")).chain(pieces(3, 1));
    assert_eq!(refused(99_999, &pinged.collect::<Vec<_>>()), (501, None), "control frames are no fragments");
}
