//! The Autobahn suite's families of several frames: 5 fragmentation, 9 sizes, 10 automatic fragmentation.

use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{Decoder, Event};

use super::wire::{
    BINARY, CONTINUE, Case, FIN, LIMIT, Outcome, PING, PONG, TEXT, check, decode, last, more, outcome, ping, raw, text,
};

#[test]
fn family_5_fragmentation() {
    let two = || [more(TEXT, "fragment1"), last(CONTINUE, "fragment2")];
    let pinged = || [more(TEXT, "fragment1"), last(PING, "p"), last(CONTINUE, "fragment2")];
    let whole = || text("fragment1fragment2");
    let stray = |bytes| [bytes, last(TEXT, "Hello")];
    check([
        Case::new("5.1", [more(PING, "fragment1"), last(CONTINUE, "fragment2")], []).refused(1002),
        Case::new("5.2", [more(PONG, "fragment1"), last(CONTINUE, "fragment2")], []).refused(1002),
        Case::new("5.3, 5.4, 5.5", two(), [whole()]),
        Case::new("5.6, 5.7, 5.8", pinged(), [ping(b"p"), whole()]),
        Case::new("5.9, 5.10, 5.11", stray(last(CONTINUE, "non-continuation")), []).refused(1002),
        Case::new("5.12, 5.13, 5.14", stray(more(CONTINUE, "non-continuation")), []).refused(1002),
        Case::new("5.15", [two().concat(), more(CONTINUE, "f3"), last(TEXT, "f4")], [whole()]).refused(1002),
        Case::new("5.16", [more(CONTINUE, "f1"), more(TEXT, "f2"), last(CONTINUE, "f3")], []).refused(1002),
        Case::new("5.17", [last(CONTINUE, "f1"), more(TEXT, "f2"), last(CONTINUE, "f3")], []).refused(1002),
        Case::new("5.18", [more(TEXT, "f1"), last(TEXT, "f2")], []).refused(1002),
    ]);
}

#[test]
fn family_5_pings_between_fragments() {
    let sends = [
        more(TEXT, "f1"),
        more(CONTINUE, "f2"),
        last(PING, "pongme 1!"),
        more(CONTINUE, "f3"),
        more(CONTINUE, "f4"),
        last(PING, "pongme 2!"),
        last(CONTINUE, "f5"),
    ];
    check([Case::new("5.19, 5.20", sends, [ping(b"pongme 1!"), ping(b"pongme 2!"), text("f1f2f3f4f5")])]);
}

#[test]
fn a_message_may_be_of_another_kind_than_the_one_before() {
    let sends = [more(BINARY, "\u{fc}"), last(CONTINUE, [0xff]), more(TEXT, ""), last(CONTINUE, "a")];
    let binary = Event::Message(FrameKind::Binary, vec![0xc3, 0xbc, 0xff].into());
    check([Case::new("kinds", sends, [binary, text("a")])]);
}

/// 9.1 and 9.2: one frame; 9.3 and 9.4: fragments, of 256 KB where the suite has 4 MB; 9.5 and 9.6: in small reads.
#[test]
fn family_9_sizes() {
    for (at, length) in [64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20].into_iter().enumerate() {
        // The three largest take long: text alone.
        let kinds = [(TEXT, FrameKind::Text), (BINARY, FrameKind::Binary)];
        for (opcode, kind) in kinds.into_iter().take(if length > 1 << 20 { 1 } else { 2 }) {
            let payload = vec![b'*'; length];
            // A build for tests takes long for megabytes, and for each byte by itself.
            let large = length >= 256 << 10;
            let came =
                if large { streamed(&raw(FIN | opcode, &payload, [0; 4])) } else { outcome(&last(opcode, &payload)) };
            let expected = Outcome { events: vec![Event::Message(kind, payload.into())], refused: None };
            assert!(came == expected, "case 9.{opcode}.{}", at + 1);
        }
    }
    let payload: Vec<_> = (0..1 << 18).map(|at: u32| b'a' + u8::try_from(at % 23).unwrap()).collect();
    for (at, length) in (6..=18).step_by(2).map(|power| 1 << power).enumerate() {
        let came = streamed(&fragments(TEXT, &payload, length));
        let expected = vec![Event::Message(FrameKind::Text, payload.clone().into())];
        assert!(came == Outcome { events: expected, refused: None }, "case 9.3.{}", at + 1);
    }
}

#[test]
fn family_10_automatic_fragmentation() {
    let payload = vec![b'*'; 65_536];
    let expected = Outcome { events: vec![text("*".repeat(65_536))], refused: None };
    assert!(outcome(&fragments(TEXT, &payload, 1300)) == expected, "case 10.1.1");
}

/// A message in fragments of at most `length` bytes.
fn fragments(opcode: u8, payload: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = payload.chunks(length).enumerate().peekable();
    while let Some((at, fragment)) = rest.next() {
        let opcode = if at == 0 { opcode } else { CONTINUE };
        bytes.extend(if rest.peek().is_some() { more(opcode, fragment) } else { last(opcode, fragment) });
    }
    bytes
}

/// What comes of bytes in reads of 64 KB.
fn streamed(bytes: &[u8]) -> Outcome {
    decode(Decoder::new(LIMIT), bytes.chunks(65_536))
}
