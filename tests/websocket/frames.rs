//! The Autobahn suite's families of single frames: 1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 7 closes.

use channel_layers::gateway::websocket::Event;

use super::wire::{
    BINARY, CLOSE, CONTINUE, Case, FIN, MASK, PING, PONG, TEXT, binary, check, last, more, outcome, ping, pong, raw,
    text,
};

#[test]
fn family_1_framing() {
    for (at, length) in [0, 125, 126, 127, 128, 65_535, 65_536].into_iter().enumerate() {
        let (star, byte) = ("*".repeat(length), vec![0xfe; length]);
        // 1.1.8 and 1.2.8 are 1.1.7 and 1.2.7 in reads of 997 bytes, which every case is decoded in.
        let whole = outcome(&last(TEXT, &star));
        assert_eq!((whole.events, whole.refused), (vec![text(star)], None), "case 1.1.{}", at + 1);
        let whole = outcome(&last(BINARY, &byte));
        assert_eq!((whole.events, whole.refused), (vec![binary(byte)], None), "case 1.2.{}", at + 1);
    }
}

#[test]
fn family_2_pings_and_pongs() {
    const BYTES: &[u8] = &[0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    const LONGEST: &[u8] = &[0xfe; 125];
    let ten = || (0..10).map(|n| last(PING, format!("payload-{n}"))).collect::<Vec<_>>();
    let pings = || (0..10).map(|n| Event::Ping(format!("payload-{n}").into())).collect::<Vec<_>>();
    check([
        Case::new("2.1", [last(PING, "")], [ping(b"")]),
        Case::new("2.2", [last(PING, "Hello, world!")], [ping(b"Hello, world!")]),
        Case::new("2.3", [last(PING, BYTES)], [ping(BYTES)]),
        Case::new("2.4", [last(PING, LONGEST)], [ping(LONGEST)]),
        Case::new("2.5", [last(PING, [0xfe; 126])], []).refused(1002),
        Case::new("2.6, in whatever reads", [last(PING, LONGEST)], [ping(LONGEST)]),
        Case::new("2.7", [last(PONG, "")], [pong(b"")]),
        Case::new("2.8", [last(PONG, "unsolicited")], [pong(b"unsolicited")]),
        Case::new("2.9", [last(PONG, "unsolicited"), last(PING, "ping")], [pong(b"unsolicited"), ping(b"ping")]),
        Case::new("2.10, 2.11", ten(), pings()),
    ]);
}

#[test]
fn family_3_reserved_bits() {
    let bits = |rsv: u8, opcode: u8| raw(FIN | rsv << 4 | opcode, b"Hello, world!", MASK);
    let hello = || last(TEXT, "Hello, world!");
    check([
        // RSV1 is 4 of the three bits: Autobahn's numbers are the bits' values.
        Case::new("3.1", [bits(1, TEXT)], []).refused(1002),
        Case::new("3.2", [hello(), bits(2, TEXT), last(PING, "")], [text("Hello, world!")]).refused(1002),
        Case::new("3.3", [hello(), bits(3, TEXT), last(PING, "")], [text("Hello, world!")]).refused(1002),
        Case::new("3.4", [hello(), bits(4, TEXT), last(PING, "")], [text("Hello, world!")]).refused(1002),
        Case::new("3.5", [bits(5, BINARY)], []).refused(1002),
        Case::new("3.6", [bits(6, PING)], []).refused(1002),
        Case::new("3.7", [bits(7, CLOSE)], []).refused(1002),
    ]);
    for opcode in [CONTINUE, TEXT, BINARY, CLOSE, PING, PONG] {
        for rsv in 1..8 {
            assert_eq!(outcome(&raw(FIN | rsv << 4 | opcode, b"", MASK)).refused, Some(1002), "{opcode}, {rsv}");
        }
    }
}

#[test]
fn family_4_opcodes() {
    const NAMES: [(u8, &str); 10] = [
        (3, "4.1.1"),
        (4, "4.1.2"),
        (5, "4.1.3"),
        (6, "4.1.4"),
        (7, "4.1.5"),
        (11, "4.2.1"),
        (12, "4.2.2"),
        (13, "4.2.3"),
        (14, "4.2.4"),
        (15, "4.2.5"),
    ];
    for (opcode, name) in NAMES {
        check([
            Case::new(name, [last(opcode, "")], []).refused(1002),
            Case::new(name, [last(opcode, "reserved")], []).refused(1002),
            Case::new(name, [last(TEXT, "a"), last(opcode, ""), last(PING, "")], [text("a")]).refused(1002),
        ]);
    }
}

#[test]
fn family_7_closes() {
    let with = |code: u16, reason: &str| last(CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat());
    let normal = || Event::Close(Some(1000));
    let long = "a".repeat(256 * 1024);
    check([
        Case::new("7.1.1", [last(TEXT, "Hello"), with(1000, "")], [text("Hello"), normal()]),
        Case::new("7.1.2", [with(1000, ""), with(1000, "")], [normal()]),
        Case::new("7.1.3", [with(1000, ""), last(PING, "")], [normal()]),
        Case::new("7.1.4", [with(1000, ""), last(TEXT, "late")], [normal()]),
        Case::new("7.1.5", [more(TEXT, "a"), with(1000, ""), last(CONTINUE, "b")], [normal()]),
        Case::new("7.1.6", [last(TEXT, &long), with(1000, ""), last(PING, "")], [text(long), normal()]),
        Case::new("7.3.1", [last(CLOSE, "")], [Event::Close(None)]),
        Case::new("7.3.2", [last(CLOSE, "a")], []).refused(1002),
        Case::new("7.3.3", [with(1000, "")], [normal()]),
        Case::new("7.3.4", [with(1000, "Hello World!")], [normal()]),
        Case::new("7.3.5", [with(1000, &"*".repeat(123))], [normal()]),
        Case::new("7.3.6", [with(1000, &"*".repeat(124))], []).refused(1002),
        Case::new("7.5.1", [last(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80")], []).refused(1007),
        Case::new("nothing is read behind a close", [with(1000, ""), vec![0xff; 99]], [normal()]),
    ]);
}

/// 7.7.1 to 7.7.13 and 7.9.1 to 7.9.9 with 7.13.1 and 7.13.2, and every code between them.
#[test]
fn families_7_7_and_7_9_close_codes() {
    for code in 0..=u16::MAX {
        // RFC 6455, section 7.4, and what IANA registered since (1012 to 1014).
        let travels = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let bytes = last(CLOSE, code.to_be_bytes());
        let outcome = super::wire::decode(channel_layers::gateway::websocket::Decoder::new(0), [bytes.as_slice()]);
        let expected = if travels { (vec![Event::Close(Some(code))], None) } else { (vec![], Some(1002)) };
        assert_eq!((outcome.events, outcome.refused), expected, "code {code}");
    }
}

#[test]
fn a_mask_is_asked_for_before_the_payload() {
    for first in [FIN | TEXT, FIN | PING, FIN | CLOSE, TEXT] {
        assert_eq!(outcome(&[first, 0]).refused, Some(1002));
        assert_eq!(outcome(&[first, 5]).refused, Some(1002));
    }
}

#[test]
fn lengths_come_in_their_shortest_form() {
    let declares = |length: &[u8]| outcome(&[&[FIN | BINARY], length, &MASK].concat()).refused;
    assert_eq!(declares(&[0x80 | 126, 0, 125]), Some(1002));
    assert_eq!(declares(&[0x80 | 126, 0, 126]), None);
    assert_eq!(declares(&[0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), Some(1002));
    assert_eq!(declares(&[0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0]), None);
    assert_eq!(declares(&[0x80 | 127, 0x7f, 0, 0, 0, 0, 1, 0, 0]), Some(1009));
    assert_eq!(declares(&[0x80 | 127, 0x80, 0, 0, 0, 0, 1, 0, 0]), Some(1002));
}
