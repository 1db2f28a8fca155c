//! permessage-deflate: against zlib's and miniz_oxide's own streams, bombs, streams that are none, misplaced bits.

use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{Decoder, Deflater, Event, frame};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::wire::{BINARY, CONTINUE, FIN, MASK, Outcome, PING, TEXT, binary, decode, last, more, ping, raw, text};

const RSV1: u8 = 0x40;
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

fn decoder(limit: usize) -> Decoder {
    Decoder::new(limit).with_inflate(true)
}

fn outcome(limit: usize, bytes: &[u8]) -> Outcome {
    let whole = decode(decoder(limit), [bytes]);
    for size in [1, 5, 1000] {
        assert_eq!(decode(decoder(limit), bytes.chunks(size)), whole, "in reads of {size} bytes");
    }
    whole
}

fn compressed(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    raw(FIN | RSV1 | opcode, payload.as_ref(), MASK)
}

fn refused(limit: usize, bytes: &[u8]) -> Option<u16> {
    outcome(limit, bytes).refused
}

/// The payload of a server's frame.
fn payload(frame: &[u8]) -> &[u8] {
    match frame[1] {
        126 => &frame[4..],
        127 => &frame[10..],
        _ => &frame[2..],
    }
}

/// What a message becomes, without the header.
fn deflated(message: &[u8]) -> Vec<u8> {
    payload(&Deflater::new().frame(FrameKind::Binary, message).expect("it gets smaller")).to_vec()
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn what_zlib_compressed() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/deflate.json")).unwrap();
    for vector in &vectors {
        let (message, deflated) = (hex(&vector["message"]), hex(&vector["deflated"]));
        let whole = outcome(4000, &compressed(BINARY, &deflated));
        assert_eq!(whole, Outcome { events: vec![binary(message)], refused: None }, "{}", vector["name"]);
    }
    assert!(vectors.len() > 30);
}

/// RFC 7692, section 7.2.3: one block, fragments, a block without compression, one that says it is the last, two blocks.
#[test]
fn the_examples_of_rfc_7692() {
    let hello = Outcome { events: vec![text("Hello")], refused: None };
    let examples: [&[u8]; 4] = [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ];
    for example in examples {
        assert_eq!(outcome(5, &compressed(TEXT, example)), hello);
        for cut in 0..=example.len() {
            let two = [raw(RSV1 | TEXT, &example[..cut], MASK), last(CONTINUE, &example[cut..])].concat();
            assert_eq!(outcome(5, &two), hello);
        }
    }
}

#[test]
fn plain_and_compressed_messages_alternate() {
    let hello = compressed(TEXT, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    let bytes =
        [last(TEXT, "plain"), hello.clone(), last(PING, "p"), more(TEXT, "a"), last(CONTINUE, "b"), hello].concat();
    let events = vec![text("plain"), text("Hello"), ping(b"p"), text("ab"), text("Hello")];
    assert_eq!(outcome(99, &bytes), Outcome { events, refused: None });
}

#[test]
fn no_message_sees_the_window_of_another() {
    // "Hello" again, as a back-reference into the message before (RFC 7692, section 7.2.3.2).
    let reference = compressed(TEXT, [0xf2, 0x00, 0x11, 0x00, 0x00]);
    let hello = compressed(TEXT, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    let outcome = outcome(99, &[hello, reference].concat());
    assert_eq!(outcome, Outcome { events: vec![text("Hello")], refused: Some(1007) });
}

#[test]
fn the_bit_has_one_place() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(refused(99, &compressed(PING, "a")), Some(1002), "a control frame");
    let continued = [raw(RSV1 | TEXT, &hello[..3], MASK), raw(FIN | RSV1 | CONTINUE, &hello[3..], MASK)].concat();
    assert_eq!(refused(99, &continued), Some(1002), "a continuation");
    assert_eq!(refused(99, &raw(FIN | 0x60 | TEXT, &hello, MASK)), Some(1002), "with another bit");
    assert_eq!(decode(Decoder::new(99), [&compressed(TEXT, hello)[..]]).refused, Some(1002), "not negotiated");
}

#[test]
fn what_does_not_inflate_is_refused() {
    let whole = deflated(&b"abcd".repeat(100));
    assert_eq!(refused(999, &compressed(BINARY, &whole)), None);
    for length in 0..whole.len() {
        assert_eq!(refused(999, &compressed(BINARY, &whole[..length])), Some(1007), "cut to {length} bytes");
    }
    assert_eq!(refused(999, &compressed(BINARY, [0xff; 20])), Some(1007), "a reserved kind of block");
    assert_eq!(refused(999, &compressed(BINARY, [&whole[..], &TAIL].concat())), Some(1007), "with its tail");
    let utf8 = compressed(TEXT, payload(&Deflater::new().frame(FrameKind::Text, &[0xff; 300]).unwrap()));
    assert_eq!(refused(999, &utf8), Some(1007), "not UTF-8");
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn the_limit_is_of_what_is_inflated() {
    let at_limit = deflated(&[7; 5000]);
    assert_eq!(refused(5000, &compressed(BINARY, &at_limit)), None);
    assert_eq!(refused(4999, &compressed(BINARY, &at_limit)), Some(1009));
    // A message of the limit's size that does not compress is longer compressed.
    let noise = noise(70_000);
    let stored = [compress_to_vec(&noise, 0), vec![0]].concat();
    assert!(stored.len() > noise.len());
    assert_eq!(refused(noise.len(), &compressed(BINARY, &stored)), None);
    let header = &compressed(BINARY, vec![0; 80_000])[..14];
    assert_eq!(refused(70_000, header), Some(1009), "what is declared counts before it comes");
}

#[test]
fn a_bomb_takes_no_more_memory_than_the_limit() {
    const LIMIT: usize = 100_000;
    let bomb = compressed(BINARY, deflated(&vec![0; 6 << 20]));
    assert!(bomb.len() < LIMIT, "{} bytes", bomb.len());
    // The thread's inflater is made once.
    assert_eq!(refused(99, &compressed(TEXT, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00])), None);
    let mut decoder = decoder(LIMIT);
    let info = allocation_counter::measure(|| {
        assert_eq!(decoder.decode(&bomb).map_err(|violation| violation.status), Err(1009));
    });
    let bound = u64::try_from(2 * LIMIT + bomb.len() + 1000).unwrap();
    assert!(info.bytes_max <= bound, "{} of {bound} bytes", info.bytes_max);
    assert_eq!(info.bytes_current, 0);
}

#[test]
fn small_messages_and_noise_stay_as_they_are() {
    let mut deflater = Deflater::new();
    assert_eq!(deflater.frame(FrameKind::Text, &[b'a'; 255]), None);
    assert!(deflater.frame(FrameKind::Text, &[b'a'; 256]).is_some());
    assert_eq!(deflater.frame(FrameKind::Binary, &noise(9000)), None);
    assert!(deflater.frame(FrameKind::Text, &[b'a'; 256]).is_some(), "the next one is compressed again");
}

#[test]
fn a_connection_between_messages_owns_nothing() {
    let bytes = compressed(BINARY, deflated(&[7; 5000]));
    let mut decoder = decoder(5000);
    assert!(matches!(decoder.decode(&bytes), Ok((_, Some(_)))));
    let info = allocation_counter::measure(|| {
        for read in bytes.chunks(5) {
            drop(decoder.decode(read));
        }
    });
    assert_eq!(info.bytes_current, 0);
}

/// Bytes that compress.
fn message() -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 1..200), 1..200_usize).prop_map(|(part, times)| part.repeat(times))
}

proptest! {
    #[test]
    fn what_is_deflated_is_inflated(messages in vec(message(), 1..4), size in 1..5000_usize) {
        let mut deflater = Deflater::new();
        let mut bytes = Vec::new();
        for message in &messages {
            let sent = deflater.frame(FrameKind::Binary, message);
            let sent = sent.unwrap_or_else(|| frame(FrameKind::Binary, message));
            prop_assert!(payload(&sent).len() <= message.len());
            bytes.extend(raw(sent[0], payload(&sent), MASK));
        }
        let events = messages.into_iter().map(binary).collect();
        prop_assert_eq!(decode(decoder(40_000), bytes.chunks(size)), Outcome { events, refused: None });
    }

    /// Ours through another implementation, and its through ours.
    #[test]
    fn another_implementation_agrees(message in message(), level in 0..=9_u8) {
        if let Some(frame) = Deflater::new().frame(FrameKind::Binary, &message) {
            prop_assert_eq!(frame[0], FIN | RSV1 | BINARY);
            let whole = [payload(&frame), &TAIL, &[0x03, 0x00]].concat();
            prop_assert_eq!(decompress_to_vec(&whole).ok(), Some(message.clone()));
        }
        // Its last block says that it is the last: RFC 7692, section 7.2.3.4.
        let theirs = [compress_to_vec(&message, level), vec![0]].concat();
        let events = vec![binary(message)];
        prop_assert_eq!(outcome(40_000, &compressed(BINARY, theirs)), Outcome { events, refused: None });
    }

    /// Whatever a damaged stream inflates to, another implementation has it the same, or it is refused.
    #[test]
    fn damage_is_refused_or_means_the_same(message in message(), at: prop::sample::Index, byte: u8) {
        let mut bytes = [compress_to_vec(&message, 6), vec![0]].concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let whole = outcome(50_000, &compressed(BINARY, &bytes));
        if let [Event::Message(_, came)] = &whole.events[..]
            && let Ok(theirs) = decompress_to_vec(&[&bytes[..], &TAIL, &[0x03, 0x00]].concat())
        {
            prop_assert!(came.starts_with(&theirs));
        }
        prop_assert!(whole.events.len() == 1 || matches!(whole.refused, Some(1007 | 1009)));
    }
}

#[test]
fn what_yields_nothing_is_refused_before_all_of_it_is_looked_at() {
    let full = compress_to_vec(b"abcdefgh", 9);
    for empty in [&[0x00, 0x00, 0x00, 0xff, 0xff][..], &[0x03, 0x00]] {
        let blocks = |count: usize| [&full, &empty.repeat(count)[..], &[0x00]].concat();
        assert_eq!(refused(99_999, &compressed(BINARY, blocks(100))), None, "a few are taken");
        assert_eq!(refused(99_999, &compressed(BINARY, blocks(600))), Some(1007));
    }
    let blocks = [full.repeat(5000), vec![0x00]].concat();
    assert_eq!(refused(99_999, &compressed(BINARY, blocks)), None, "many that hold something");
}
