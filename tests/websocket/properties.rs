//! What holds for any messages, in any fragments, in any reads.

use bytes::Bytes;
use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{Decoder, Event, begin, close, frame, ping, pong};
use proptest::collection::vec;
use proptest::prelude::*;

use super::wire::{BINARY, CLOSE, CONTINUE, FIN, Outcome, PING, PONG, TEXT, decode, raw};

const LIMIT: usize = 200_000;

/// A frame as the decoder's side of it is known: its first byte and its payload.
type Sent = (u8, Vec<u8>);

fn payload() -> impl Strategy<Value = Vec<u8>> {
    // Around the forms of the length, and around the steps of unmasking.
    let length = prop_oneof![6 => 0..70_usize, 2 => 120..130_usize, 1 => 4000..4200_usize, 1 => 65_530..65_545_usize];
    (length, any::<u8>())
        .prop_map(|(length, start)| (0..length).map(|at| at.wrapping_mul(31).to_le_bytes()[0] ^ start).collect())
}

fn control() -> impl Strategy<Value = (Sent, Event)> {
    (any::<bool>(), vec(any::<u8>(), 0..=125)).prop_map(|(asks, payload)| {
        let bytes = Bytes::from(payload.clone());
        if asks { ((FIN | PING, payload), Event::Ping(bytes)) } else { ((FIN | PONG, payload), Event::Pong(bytes)) }
    })
}

fn message() -> impl Strategy<Value = (FrameKind, Vec<u8>)> {
    let text = prop_oneof![".{0,40}", "\\PC{0,300}"];
    prop_oneof![
        payload().prop_map(|bytes| (FrameKind::Binary, bytes)),
        text.prop_map(|text| (FrameKind::Text, text.into_bytes())),
    ]
}

/// A message in fragments, empty ones among them, with control frames between them; and the events of all.
fn exchange() -> impl Strategy<Value = (Vec<Sent>, Vec<Event>)> {
    (message(), vec(any::<prop::sample::Index>(), 0..5), vec(proptest::option::of(control()), 6)).prop_map(
        |((kind, payload), cuts, between)| {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.index(payload.len() + 1)).collect();
            cuts.extend([0, payload.len()]);
            cuts.sort_unstable();
            let (mut frames, mut events) = (Vec::new(), Vec::new());
            let fragments = cuts.len() - 1;
            for (at, (pair, control)) in cuts.windows(2).zip(between).enumerate() {
                let fin = if at + 1 == fragments { FIN } else { 0 };
                let opcode = match kind {
                    _ if at > 0 => CONTINUE,
                    FrameKind::Text => TEXT,
                    FrameKind::Binary => BINARY,
                };
                if let Some((frame, event)) = control {
                    frames.push(frame);
                    events.push(event);
                }
                frames.push((fin | opcode, payload[pair[0]..pair[1]].to_vec()));
            }
            events.push(Event::Message(kind, payload.into()));
            (frames, events)
        },
    )
}

/// Cuts bytes into reads whose sizes go round in `sizes`.
fn reads<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut reads = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (read, rest) = bytes.split_at(bytes.len().min(*size));
        reads.push(read);
        bytes = rest;
    }
    reads
}

/// Sizes of reads; with the small ones come large ones, so that long messages end.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    (vec(1..40_usize, 0..8), 1000..100_000_usize).prop_map(|(mut sizes, large)| {
        sizes.push(large);
        sizes
    })
}

proptest! {
    #[test]
    fn any_messages_in_any_fragments_in_any_reads(
        exchanges in vec(exchange(), 1..6),
        masks in vec(any::<[u8; 4]>(), 1..5),
        sizes in sizes(),
    ) {
        let (frames, events): (Vec<_>, Vec<_>) = exchanges.into_iter().unzip();
        let masks = masks.iter().cycle();
        let bytes: Vec<u8> =
            frames.concat().iter().zip(masks).flat_map(|((first, payload), mask)| raw(*first, payload, *mask)).collect();
        let expected = Outcome { events: events.concat(), refused: None };
        prop_assert_eq!(&decode(Decoder::new(LIMIT), [bytes.as_slice()]), &expected);
        prop_assert_eq!(&decode(Decoder::new(LIMIT), reads(&bytes, &sizes)), &expected);
    }

    #[test]
    fn any_bytes_come_out_the_same_in_any_reads(bytes in vec(any::<u8>(), 0..300), sizes in sizes()) {
        let whole = decode(Decoder::new(100), [bytes.as_slice()]);
        prop_assert_eq!(&decode(Decoder::new(100), reads(&bytes, &sizes)), &whole);
        prop_assert_eq!(&decode(Decoder::new(100), bytes.chunks(1)), &whole);
    }

    /// Valid frames with a few bytes changed get further than noise.
    #[test]
    fn damaged_frames_come_out_the_same_in_any_reads(
        exchanges in vec(exchange(), 1..4),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        sizes in sizes(),
    ) {
        let (frames, _): (Vec<_>, Vec<_>) = exchanges.into_iter().unzip();
        let mut bytes: Vec<u8> =
            frames.concat().iter().flat_map(|(first, payload)| raw(*first, payload, [9, 8, 7, 6])).collect();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = decode(Decoder::new(LIMIT), [bytes.as_slice()]);
        prop_assert_eq!(&decode(Decoder::new(LIMIT), reads(&bytes, &sizes)), &whole);
    }

    /// A server's frame, masked, is what a client would have sent.
    #[test]
    fn encoded_frames_decode((kind, payload) in message(), mask: [u8; 4], note in vec(any::<u8>(), 0..=125)) {
        let mut begun = begin(kind, payload.len());
        begun.extend_from_slice(&payload);
        let whole = frame(kind, &payload);
        prop_assert_eq!(&whole, &begun);
        let bytes = [masked(&whole, mask), masked(&ping(&note), mask), masked(&pong(&note), mask)].concat();
        let note = Bytes::from(note);
        let events = vec![Event::Message(kind, payload.into()), Event::Ping(note.clone()), Event::Pong(note)];
        prop_assert_eq!(decode(Decoder::new(LIMIT), [bytes.as_slice()]), Outcome { events, refused: None });
    }

    #[test]
    fn encoded_closes_decode(code in 3000..5000_u16, reason in "\\PC{0,200}", mask: [u8; 4]) {
        let bytes = masked(&close(code, &reason), mask);
        prop_assert!(bytes[0] == FIN | CLOSE && bytes.len() <= 6 + 125);
        let outcome = decode(Decoder::new(0), [bytes.as_slice()]);
        prop_assert_eq!(outcome, Outcome { events: vec![Event::Close(Some(code))], refused: None });
    }
}

/// An unmasked frame, masked.
fn masked(frame: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let header = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    raw(frame[0], &frame[header..], mask)
}
