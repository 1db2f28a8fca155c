//! The Autobahn suite's family 6: text that is UTF-8, and text that is refused at its first wrong byte.

use channel_layers::gateway::websocket::Decoder;

use super::wire::{CONTINUE, Case, LIMIT, TEXT, check, decode, last, more, outcome, raw, text};

/// "kosme" in Greek letters, the second with its accent in three bytes.
const KOSME: &[u8] = "κ\u{1f79}σμε".as_bytes();

fn is_text(bytes: &[u8]) -> bool {
    // In one frame, in fragments of a byte, in two fragments with the cut at each place.
    let whole = outcome(&last(TEXT, bytes));
    let accepted = whole.refused.is_none();
    if accepted {
        assert_eq!(whole.events, [text(std::str::from_utf8(bytes).unwrap())]);
    } else {
        assert_eq!((whole.events.len(), whole.refused), (0, Some(1007)));
    }
    for cut in 0..=bytes.len() {
        let two = [more(TEXT, &bytes[..cut]), last(CONTINUE, &bytes[cut..])].concat();
        assert_eq!(outcome(&two).refused.is_none(), accepted, "cut at {cut}");
    }
    let mut single = more(TEXT, []);
    bytes.iter().for_each(|byte| single.extend(more(CONTINUE, [*byte])));
    single.extend(last(CONTINUE, []));
    assert_eq!(outcome(&single).refused.is_none(), accepted, "in fragments of a byte");
    accepted
}

fn all(name: &str, rows: &[(&str, &[u8])], valid: bool) {
    for (at, (note, bytes)) in rows.iter().enumerate() {
        assert_eq!(is_text(bytes), valid, "case {name}.{}: {note} {bytes:x?}", at + 1);
    }
}

#[test]
fn families_6_1_and_6_2_valid_text() {
    const HELLO: &str = "Hello-µ@ßöäüàá-UTF-8!!";
    check([
        Case::new("6.1.1", [last(TEXT, "")], [text("")]),
        Case::new("6.1.2", [more(TEXT, ""), more(CONTINUE, ""), last(CONTINUE, "")], [text("")]),
        Case::new("6.1.3", [more(TEXT, ""), more(CONTINUE, "middle"), last(CONTINUE, "")], [text("middle")]),
        Case::new("6.2.1", [last(TEXT, HELLO)], [text(HELLO)]),
        Case::new("6.2.2", [more(TEXT, "Hello-µ@ßöä"), last(CONTINUE, "üàá-UTF-8!!")], [text(HELLO)]),
    ]);
    assert!(is_text(HELLO.as_bytes()), "case 6.2.3");
    assert!(is_text(KOSME), "case 6.2.4");
}

#[test]
fn family_6_3_invalid_text() {
    let bytes = [KOSME, b"\xed\xa0\x80edited"].concat();
    assert!(!is_text(&bytes), "cases 6.3.1 and 6.3.2");
}

/// 6.4.1 to 6.4.4: the violation is found with the first byte that no character has there, in fragments and in a frame
/// that has only begun.
#[test]
fn family_6_4_fails_fast() {
    let refused = |bytes: &[u8]| decode(Decoder::new(LIMIT), [bytes]).refused;
    let first = more(TEXT, KOSME);
    let f4 = [first.clone(), more(CONTINUE, [0xf4])].concat();
    assert_eq!(refused(&f4), None, "f4 begins a character");
    assert_eq!(refused(&[first, more(CONTINUE, b"\xf4\x90\x80\x80")].concat()), Some(1007), "6.4.1");
    assert_eq!(refused(&[f4, more(CONTINUE, b"\x90")].concat()), Some(1007), "6.4.2");
    let whole = last(TEXT, [KOSME, b"\xf4\x90\x80\x80edited"].concat());
    let wrong = 6 + KOSME.len() + 1;
    assert_eq!(refused(&whole[..wrong]), None, "6.4.3");
    assert_eq!(refused(&whole[..=wrong]), Some(1007), "6.4.4");
}

#[test]
fn family_6_5_examples() {
    let valid: [(&str, &[u8]); 5] = [
        ("U+0024", b"hello\x24world"),
        ("U+00A2", b"hello\xc2\xa2world"),
        ("U+20AC", b"hello\xe2\x82\xacworld"),
        ("U+24B62", b"hello\xf0\xa4\xad\xa2world"),
        ("kosme", KOSME),
    ];
    all("6.5", &valid, true);
}

#[test]
fn family_6_6_prefixes() {
    for length in 1..=KOSME.len() {
        assert_eq!(is_text(&KOSME[..length]), [2, 5, 7, 9, 11].contains(&length), "case 6.6.{length}");
    }
}

#[test]
fn families_6_7_to_6_11_boundaries() {
    let first: [(&str, &[u8]); 4] =
        [("1", b"\x00"), ("2", b"\xc2\x80"), ("3", b"\xe0\xa0\x80"), ("4", b"\xf0\x90\x80\x80")];
    all("6.7", &first, true);
    all("6.8", &[("5", b"\xf8\x88\x80\x80\x80"), ("6", b"\xfc\x84\x80\x80\x80\x80")], false);
    let last: [(&str, &[u8]); 4] =
        [("1", b"\x7f"), ("2", b"\xdf\xbf"), ("3", b"\xef\xbf\xbf"), ("4", b"\xf4\x8f\xbf\xbf")];
    all("6.9", &last, true);
    let beyond: [(&str, &[u8]); 3] =
        [("4", b"\xf7\xbf\xbf\xbf"), ("5", b"\xfb\xbf\xbf\xbf\xbf"), ("6", b"\xfd\xbf\xbf\xbf\xbf\xbf")];
    all("6.10", &beyond, false);
    let around: [(&str, &[u8]); 4] = [
        ("U+D7FF", b"\xed\x9f\xbf"),
        ("U+E000", b"\xee\x80\x80"),
        ("U+FFFD", b"\xef\xbf\xbd"),
        ("U+10FFFF", b"\xf4\x8f\xbf\xbf"),
    ];
    all("6.11", &around, true);
    assert!(!is_text(b"\xf4\x90\x80\x80"), "case 6.11.5: U+110000");
}

#[test]
fn families_6_12_and_6_13_what_stands_alone() {
    for length in 1..=7 {
        let alternating: Vec<u8> = [0x80, 0xbf].into_iter().cycle().take(length).collect();
        assert!(!is_text(&alternating), "cases 6.12.1 to 6.12.7");
    }
    let continuations: Vec<u8> = (0x80..=0xbf).collect();
    assert!(!is_text(&continuations), "case 6.12.8");
    for (at, starts) in [0xc0..=0xdf, 0xe0..=0xef, 0xf0..=0xf7, 0xf8..=0xfb, 0xfc..=0xfd].into_iter().enumerate() {
        let spaced: Vec<u8> = starts.flat_map(|start: u8| [start, b' ']).collect();
        assert!(!is_text(&spaced), "case 6.13.{}", at + 1);
    }
}

#[test]
fn families_6_14_and_6_15_incomplete() {
    let missing: [(&str, &[u8]); 10] = [
        ("2", b"\xc0"),
        ("3", b"\xe0\x80"),
        ("4", b"\xf0\x80\x80"),
        ("5", b"\xf8\x80\x80\x80"),
        ("6", b"\xfc\x80\x80\x80\x80"),
        ("2", b"\xdf"),
        ("3", b"\xef\xbf"),
        ("4", b"\xf7\xbf\xbf"),
        ("5", b"\xfb\xbf\xbf\xbf"),
        ("6", b"\xfd\xbf\xbf\xbf\xbf"),
    ];
    all("6.14", &missing, false);
    let together: Vec<u8> = missing.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    assert!(!is_text(&together), "case 6.15.1");
}

#[test]
fn families_6_16_to_6_19_impossible_and_overlong() {
    all("6.16", &[("fe", b"\xfe"), ("ff", b"\xff"), ("both", b"\xfe\xfe\xff\xff")], false);
    // A slash, the highest character that is one byte too long, and NUL: each in two to six bytes.
    let slash: [&[u8]; 5] =
        [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"];
    let most: [&[u8]; 5] =
        [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"];
    let nul: [&[u8]; 5] =
        [b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"];
    for (family, sequences) in [("6.17", slash), ("6.18", most), ("6.19", nul)] {
        for (at, bytes) in (1..).zip(sequences) {
            assert!(!is_text(bytes), "case {family}.{at}: {bytes:x?}");
        }
    }
}

#[test]
fn families_6_20_and_6_21_surrogates() {
    let single: [&[u8]; 7] = [
        b"\xed\xa0\x80",
        b"\xed\xad\xbf",
        b"\xed\xae\x80",
        b"\xed\xaf\xbf",
        b"\xed\xb0\x80",
        b"\xed\xbe\x80",
        b"\xed\xbf\xbf",
    ];
    for (at, bytes) in single.into_iter().enumerate() {
        assert!(!is_text(bytes), "case 6.20.{}", at + 1);
    }
    for high in &single[..4] {
        for low in [single[4], single[6]] {
            assert!(!is_text(&[high, low].concat()), "cases 6.21.1 to 6.21.8");
        }
    }
}

/// 6.22.1 to 6.22.34 and 6.23.1 to 6.23.7: characters that mean nothing are characters.
#[test]
fn families_6_22_and_6_23_non_characters() {
    let of = |code: u32| char::from_u32(code).unwrap().to_string();
    for code in (0..=0x10_u32).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]).chain(0xfff9..=0xffff) {
        assert!(is_text(of(code).as_bytes()), "U+{code:x}");
    }
}

/// Every sequence of two bytes, and the violation at the same byte as the standard library's, however it is cut.
#[test]
fn the_first_wrong_byte_is_where_it_is_found() {
    for bytes in 0..=u16::MAX {
        let payload = bytes.to_be_bytes();
        let frame = raw(0x81, &[&payload[..], b"...."].concat(), [1, 2, 3, 4]);
        let starts = payload.len() + 4;
        // How many bytes of the payload can be there before it is refused.
        let tolerated = (0..=starts)
            .find(|end| {
                let text = [&payload[..], b"...."].concat();
                std::str::from_utf8(&text[..*end]).is_err_and(|e| e.error_len().is_some())
            })
            .map(|wrong| wrong - 1);
        let Some(tolerated) = tolerated else {
            assert_eq!(decode(Decoder::new(99), frame.chunks(1)).refused, None);
            continue;
        };
        assert_eq!(decode(Decoder::new(99), [&frame[..6 + tolerated]]).refused, None, "{payload:x?}");
        assert_eq!(decode(Decoder::new(99), [&frame[..7 + tolerated]]).refused, Some(1007), "{payload:x?}");
    }
}
