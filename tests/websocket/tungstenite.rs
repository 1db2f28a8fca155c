//! The same bytes through another implementation, in both directions.
//!
//! The decoder and tungstenite's server agree on everything but these differences, each of which is asserted:
//!
//! - a length that is not in its shortest form is refused here (RFC 6455, section 5.2), and taken there;
//! - a close frame with a status code that may not travel is refused here, and is a close with 1002 there;
//! - a violation is found at its first byte here, and there when the frame is complete: so text in an unfinished frame,
//!   or the header of a frame whose payload never comes;
//! - where a frame breaks two rules (too long and reserved, say), the status code may be another.

use std::io::{self, Read, Write};

use bytes::Bytes;
use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{Decoder, Event, close, close_without_code, frame, ping, pong};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use super::wire::{CLOSE, CONTINUE, FIN, Outcome, PING, TEXT, decode, last, more, raw};

const LIMIT: usize = 2000;

/// A stream whose bytes are there, and then no more.
struct Wire {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn socket(role: Role, input: &[u8]) -> WebSocket<Wire> {
    let config = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    WebSocket::from_raw_socket(Wire { input: io::Cursor::new(input.to_vec()), output: Vec::new() }, role, Some(config))
}

/// What tungstenite makes of these bytes, in our terms.
fn theirs(role: Role, input: &[u8]) -> Outcome {
    let mut socket = socket(role, input);
    let mut outcome = Outcome::default();
    loop {
        outcome.events.push(match socket.read() {
            Ok(Message::Text(text)) => Event::Message(FrameKind::Text, text.into()),
            Ok(Message::Binary(bytes)) => Event::Message(FrameKind::Binary, bytes),
            Ok(Message::Ping(bytes)) => Event::Ping(bytes),
            Ok(Message::Pong(bytes)) => Event::Pong(bytes),
            Ok(Message::Close(close)) => {
                outcome.events.push(Event::Close(close.map(|close| close.code.into())));
                return outcome;
            }
            Ok(Message::Frame(_)) => unreachable!("reading yields no bare frames"),
            Err(Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => return outcome,
            Err(e) => {
                outcome.refused = Some(match e {
                    Error::Capacity(_) => 1009,
                    Error::Utf8(_) => 1007,
                    Error::Protocol(_) => 1002,
                    e => panic!("neither a message nor a refusal: {e}"),
                });
                return outcome;
            }
        });
    }
}

fn ours(input: &[u8]) -> Outcome {
    decode(Decoder::new(LIMIT), [input])
}

/// Asserts that both make the same of these bytes, or that they differ as said above.
fn agree(input: &[u8]) {
    let mut decoder = Decoder::new(LIMIT);
    let (mut here, mut rest, mut reason) = (Outcome::default(), input, "");
    while !rest.is_empty() && here.refused.is_none() {
        match decoder.decode(rest) {
            Ok((taken, event)) => {
                here.events.extend(event);
                rest = &rest[taken..];
            }
            Err(violation) => (here.refused, reason) = (Some(violation.status), violation.reason),
        }
    }
    if here.refused.is_none() {
        assert_eq!(here, theirs(Role::Server, input));
        return;
    }
    // What they find only at the end of a frame needs the frame's end.
    let there = theirs(Role::Server, &[input, &[0; LIMIT + 20]].concat());
    match reason {
        // A control frame has one form of the length, so both reasons can be that.
        "a length is not in its shortest form" | "a control frame is longer than 125 bytes" => {}
        "a close frame with a status code that may not travel" => {
            let closed = [here.events, vec![Event::Close(Some(1002))]].concat();
            assert!(there.refused == Some(1007) || there.events == closed, "{there:?}");
        }
        _ => {
            assert!(there.refused.is_some(), "refused here: {reason}; there: {there:?}");
            assert_eq!(there.events, here.events);
        }
    }
}

/// Frames of which most are right.
fn client_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        12 => prop::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x80, 0x89, 0x8a]),
        1 => Just(FIN | CLOSE),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        vec(any::<u8>(), 0..6),
        "\\PC{0,50}".prop_map(String::into_bytes),
        (0..700_usize).prop_map(|length| vec![b'x'; length]),
        (990..1010_u16, "a{0,3}").prop_map(|(code, reason)| [&code.to_be_bytes(), reason.as_bytes()].concat()),
    ];
    (first, payload, any::<[u8; 4]>()).prop_map(|(first, payload, mask)| raw(first, &payload, mask))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn frames_in_any_order_mean_the_same(frames in vec(client_frame(), 0..8)) {
        agree(&frames.concat());
    }

    #[test]
    fn damaged_frames_mean_the_same(
        frames in vec(client_frame(), 1..6),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut: prop::sample::Index,
    ) {
        let mut bytes = frames.concat();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        agree(&bytes);
        agree(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn noise_means_the_same(bytes in vec(any::<u8>(), 0..60)) {
        agree(&bytes);
    }

}

proptest! {
    /// Their client, our decoder.
    #[test]
    fn their_client_is_understood(text in "\\PC{0,300}", bytes in vec(any::<u8>(), 0..1500), cut: prop::sample::Index) {
        let mut client = socket(Role::Client, &[]);
        let (first, rest) = bytes.split_at(cut.index(bytes.len() + 1));
        let fragment = |part: &[u8], opcode, fin| Message::Frame(Frame::message(part.to_vec(), OpCode::Data(opcode), fin));
        client.send(Message::text(text.as_str())).unwrap();
        client.send(Message::Ping(Bytes::from_static(b"ping"))).unwrap();
        client.send(fragment(first, Data::Binary, false)).unwrap();
        client.send(Message::Pong(Bytes::from_static(b"pong"))).unwrap();
        client.send(fragment(rest, Data::Continue, true)).unwrap();
        client.close(None).unwrap();
        let events = vec![
            Event::Message(FrameKind::Text, text.into()),
            Event::Ping(Bytes::from_static(b"ping")),
            Event::Pong(Bytes::from_static(b"pong")),
            Event::Message(FrameKind::Binary, bytes.into()),
            Event::Close(None),
        ];
        prop_assert_eq!(ours(&client.get_ref().output), Outcome { events, refused: None });
    }

    /// Our frames, their client.
    #[test]
    fn their_client_understands(
        text in "\\PC{0,300}",
        bytes in vec(any::<u8>(), 0..1500),
        code in prop::sample::select(vec![1000, 1001, 1009, 3000, 4000, 4999]),
        reason in "\\PC{0,99}",
    ) {
        let sent = [
            frame(FrameKind::Text, text.as_bytes()),
            ping(b"ping"),
            frame(FrameKind::Binary, &bytes),
            pong(b"pong"),
            close(code, &reason),
        ];
        let events = vec![
            Event::Message(FrameKind::Text, text.into()),
            Event::Ping(Bytes::from_static(b"ping")),
            Event::Message(FrameKind::Binary, bytes.into()),
            Event::Pong(Bytes::from_static(b"pong")),
            Event::Close(Some(code)),
        ];
        prop_assert_eq!(theirs(Role::Client, &sent.concat()), Outcome { events, refused: None });
    }
}

#[test]
fn a_close_without_a_code_is_understood() {
    let expected = Outcome { events: vec![Event::Close(None)], refused: None };
    assert_eq!(theirs(Role::Client, &close_without_code()), expected);
}

#[test]
fn violations_have_the_same_status_code() {
    let cases = [
        last(TEXT, vec![b'a'; LIMIT + 1]),
        [more(TEXT, vec![b'a'; LIMIT]), last(CONTINUE, "a")].concat(),
        last(TEXT, b"\xff"),
        [more(TEXT, b"\xce"), last(CONTINUE, b"\xff")].concat(),
        [more(TEXT, b"\xce"), last(CONTINUE, b"")].concat(),
        last(CONTINUE, "a"),
        [more(TEXT, "a"), last(TEXT, "b")].concat(),
        more(PING, "a"),
        last(PING, [0; 126]),
        last(3, "a"),
        raw(0xc1, b"a", [0; 4]),
        vec![0x81, 0],
        last(CLOSE, "a"),
        last(CLOSE, b"\x03\xe8\xff"),
    ];
    for bytes in cases {
        assert_eq!(ours(&bytes), theirs(Role::Server, &bytes), "{bytes:x?}");
        assert!(ours(&bytes).refused.is_some());
    }
}

#[test]
fn a_length_in_a_longer_form_is_refused_here_only() {
    let bytes = [0x81, 0x80 | 126, 0, 1, 0, 0, 0, 0, b'a'];
    assert_eq!(ours(&bytes), Outcome { events: vec![], refused: Some(1002) });
    assert_eq!(theirs(Role::Server, &bytes).events.len(), 1);
}

#[test]
fn a_wrong_status_code_is_refused_here_only() {
    let bytes = last(CLOSE, 1005_u16.to_be_bytes());
    assert_eq!(ours(&bytes), Outcome { events: vec![], refused: Some(1002) });
    let there = Outcome { events: vec![Event::Close(Some(1002))], refused: None };
    assert_eq!(theirs(Role::Server, &bytes), there);
}

#[test]
fn a_violation_is_found_earlier_here() {
    for bytes in [&last(TEXT, b"\xff more")[..7], &last(3, "reserved")[..2], &[0x81, 5]] {
        assert!(ours(bytes).refused.is_some());
        assert_eq!(theirs(Role::Server, bytes), Outcome::default());
    }
}
