//! Frames of the protocol in both encodings, from either side: never a panic, memory in proportion to the bytes, and what is
//! read is the same frame after it was written, in the other encoding as well.
#![no_main]

use bytes::Bytes;
use channel_layers::protocol::{ClientFrame, Encoding, ServerFrame};
use libfuzzer_sys::fuzz_target;

fn other(encoding: Encoding) -> Encoding {
    match encoding {
        Encoding::Json => Encoding::Msgpack,
        Encoding::Msgpack => Encoding::Json,
    }
}

/// Writes a frame, and writes it again as it is read from that.
fn settles(encoding: Encoding, written: Bytes, again: impl Fn(Encoding, &Bytes) -> Option<Bytes>) {
    let once = again(encoding, &written).expect("what was written can be read");
    assert_eq!(once, written, "{encoding:?}");
}

fn client(encoding: Encoding, bytes: &Bytes) {
    let mut read = None;
    let memory = allocation_counter::measure(|| read = Some(ClientFrame::decode(encoding, bytes)));
    assert!(memory.bytes_max <= 1024 + 4 * bytes.len() as u64, "{} bytes for {}", memory.bytes_max, bytes.len());
    let Some(Ok(frame)) = read else { return };
    for encoding in [encoding, other(encoding)] {
        settles(encoding, frame.encode(encoding), |encoding, bytes| {
            ClientFrame::decode(encoding, bytes).ok().map(|frame| frame.encode(encoding))
        });
    }
}

fn server(encoding: Encoding, bytes: &Bytes) {
    let Ok(Some(frame)) = ServerFrame::decode(encoding, bytes) else { return };
    for encoding in [encoding, other(encoding)] {
        settles(encoding, frame.encode(encoding), |encoding, bytes| {
            ServerFrame::decode(encoding, bytes).ok().flatten().map(|frame| frame.encode(encoding))
        });
    }
}

// The first byte of the input says in which encoding, the rest is the frame.
fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let encoding = if first & 1 == 0 { Encoding::Json } else { Encoding::Msgpack };
    let bytes = Bytes::copy_from_slice(bytes);
    client(encoding, &bytes);
    server(encoding, &bytes);
});
