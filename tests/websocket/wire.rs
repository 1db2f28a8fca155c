//! A client's bytes, right or wrong, and what the decoder makes of them however they are cut.

use bytes::Bytes;
use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{Decoder, Event};

pub(crate) use super::opcode::*;

pub(crate) const FIN: u8 = 0x80;
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Above every message of these tests but those of the limit.
pub(crate) const LIMIT: usize = 32 << 20;

/// What came of a stream of bytes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    /// The status code of the violation that ended it.
    pub(crate) refused: Option<u16>,
}

/// A frame whose first byte is given: FIN, reserved bits, opcode.
pub(crate) fn raw(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    if mask == [0; 4] {
        bytes.extend_from_slice(payload);
    } else {
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
    bytes
}

/// A whole message, or a control frame.
pub(crate) fn last(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    raw(FIN | opcode, payload.as_ref(), MASK)
}

/// A fragment that more follow.
pub(crate) fn more(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    raw(opcode, payload.as_ref(), MASK)
}

pub(crate) fn text(text: impl Into<String>) -> Event {
    Event::Message(FrameKind::Text, Bytes::from(text.into()))
}

pub(crate) fn binary(bytes: impl Into<Vec<u8>>) -> Event {
    Event::Message(FrameKind::Binary, Bytes::from(bytes.into()))
}

pub(crate) fn ping(bytes: &'static [u8]) -> Event {
    Event::Ping(Bytes::from_static(bytes))
}

pub(crate) fn pong(bytes: &'static [u8]) -> Event {
    Event::Pong(Bytes::from_static(bytes))
}

/// Hands one read to the decoder, as its owner does.
pub(crate) fn feed(decoder: &mut Decoder, mut read: &[u8], outcome: &mut Outcome) {
    while !read.is_empty() && outcome.refused.is_none() {
        match decoder.decode(read) {
            Ok((taken, event)) => {
                assert!(event.is_some() || taken == read.len(), "without an event everything is taken");
                assert!(taken > 0, "an event waited in the decoder");
                outcome.events.extend(event);
                read = &read[taken..];
            }
            Err(violation) => outcome.refused = Some(violation.status),
        }
    }
}

/// What a decoder makes of reads of these bytes.
pub(crate) fn decode<'a>(mut decoder: Decoder, reads: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut outcome = Outcome::default();
    reads.into_iter().for_each(|read| feed(&mut decoder, read, &mut outcome));
    outcome
}

/// What comes of these bytes, which is the same in one read, in reads of a few bytes and byte by byte.
pub(crate) fn outcome(bytes: &[u8]) -> Outcome {
    let whole = decode(Decoder::new(LIMIT), [bytes]);
    for size in [1, 2, 7, 997, 4096] {
        assert_eq!(decode(Decoder::new(LIMIT), bytes.chunks(size)), whole, "in reads of {size} bytes");
    }
    whole
}

/// A row of a table: the case of the Autobahn test suite that it follows, what the client sends, what is to come.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) sends: Vec<Vec<u8>>,
    pub(crate) events: Vec<Event>,
    pub(crate) refused: Option<u16>,
}

impl Case {
    pub(crate) fn new(name: &'static str, sends: impl Into<Vec<Vec<u8>>>, events: impl Into<Vec<Event>>) -> Self {
        Self { name, sends: sends.into(), events: events.into(), refused: None }
    }

    pub(crate) fn refused(mut self, status: u16) -> Self {
        self.refused = Some(status);
        self
    }
}

pub(crate) fn check(cases: impl IntoIterator<Item = Case>) {
    for Case { name, sends, events, refused } in cases {
        assert_eq!(outcome(&sends.concat()), Outcome { events, refused }, "case {name}");
    }
}
