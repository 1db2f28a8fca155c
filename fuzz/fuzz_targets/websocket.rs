//! The WebSocket decoder on any bytes: it never panics, what comes out does not depend on where reads cut the bytes,
//! messages keep to the limit and memory to what it allows, and an idle connection holds nothing.
#![no_main]

use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{self, Decoder, Event, Violation};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4096;

/// A buffer that grows is there twice for a moment, and a compressed message beside what is inflated of it; then there are
/// the box of what is incomplete and control frames.
const MEMORY: u64 = 3 * LIMIT as u64 + 1024;

/// "Hello", compressed, from RFC 7692, section 7.2.3.1.
const COMPRESSED: [u8; 13] = [0xc1, 0x87, 0, 0, 0, 0, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// What a decoder makes of reads of these bytes, and whether its memory kept to the bound.
fn decode<'a>(inflate: bool, reads: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Violation>) {
    let mut decoder = Decoder::new(LIMIT).with_inflate(inflate);
    let mut events = Vec::with_capacity(64);
    for mut read in reads {
        while !read.is_empty() {
            let mut result = None;
            let memory = allocation_counter::measure(|| result = Some(decoder.decode(read)));
            assert!(memory.bytes_max <= MEMORY, "{} bytes", memory.bytes_max);
            match result.expect("it ran") {
                Ok((taken, event)) => {
                    assert!(taken > 0 && (event.is_some() || taken == read.len()));
                    events.extend(event);
                    read = &read[taken..];
                }
                Err(violation) => return (events, Some(violation)),
            }
        }
    }
    (events, None)
}

// The first byte of the input says how long reads are and whether the extension is on, the rest is what a client sends.
fuzz_target!(init: {
    // The thread's inflater is made once, and counts for no message.
    assert!(matches!(Decoder::new(LIMIT).with_inflate(true).decode(&COMPRESSED), Ok((13, Some(_)))));
}, |input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let (inflate, size) = (first & 0x80 != 0, usize::from(first & 0x7f));
    let whole = decode(inflate, std::iter::once(bytes));
    assert_eq!(decode(inflate, bytes.chunks(size.max(1))), whole);
    assert_eq!(decode(inflate, bytes.chunks(1)), whole);
    for event in &whole.0 {
        match event {
            Event::Message(FrameKind::Text, text) => {
                assert!(text.len() <= LIMIT && std::str::from_utf8(text).is_ok());
            }
            Event::Message(FrameKind::Binary, bytes) => assert!(bytes.len() <= LIMIT),
            Event::Ping(payload) => assert_eq!(websocket::pong(payload)[2..], payload[..]),
            Event::Pong(payload) => assert!(payload.len() <= 125),
            Event::Close(_) => {}
        }
    }
});
