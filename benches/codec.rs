//! What a frame and a message cost to read, write and rewrite, and what a WebSocket frame costs to decode beside
//! tungstenite.
#![allow(missing_docs)]

use std::io::{self, Read, Write};

use bytes::Bytes;
use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{self, Decoder, Deflater, Event};
use channel_layers::protocol::{ClientFrame, Encoding, ServerFrame, Target};
use channel_layers::{Message, message};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use tokio_tungstenite::tungstenite::WebSocket;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

fn main() {
    divan::main();
}

const ENCODINGS: [Encoding; 2] = Encoding::ALL;

/// A chat message of about a hundred bytes.
fn small() -> Message {
    let text = "The quick brown fox jumps over the lazy dog, twice.";
    message! { "type": "chat.message", "text": text, "from": "ada", "at": 1_795_391_513 }
}

/// A list of rows of about two kilobytes.
fn large() -> Message {
    let rows: Vec<_> = (0..20)
        .map(|id| message! { "id": id, "name": format!("row number {id}"), "price": 12.5, "stock": 1000 - id, "tags": ["a", "b"] })
        .map(|row| row.to_map().into())
        .collect();
    message! { "type": "table.rows", "rows": channel_layers::protocol::Value::List(rows) }
}

fn group_send(encoding: Encoding, message: Message) -> Bytes {
    ClientFrame::GroupSend { id: Some(1), group: "chat.lobby".into(), message }.encode(encoding)
}

#[divan::bench(args = ENCODINGS)]
fn read_small_frame(bencher: Bencher<'_, '_>, encoding: Encoding) {
    let bytes = group_send(encoding, small());
    bencher.bench(|| ClientFrame::decode(encoding, black_box(&bytes)).is_ok());
}

#[divan::bench(args = ENCODINGS)]
fn read_large_frame(bencher: Bencher<'_, '_>, encoding: Encoding) {
    let bytes = group_send(encoding, large());
    bencher.bench(|| ClientFrame::decode(encoding, black_box(&bytes)).is_ok());
}

#[divan::bench(args = ENCODINGS)]
fn write_small_frame(bencher: Bencher<'_, '_>, encoding: Encoding) {
    let frame = ServerFrame::Message {
        target: Target::Group("chat.lobby".parse().expect("a valid name")),
        message: small(),
        offset: None,
    };
    let _ = frame.encode(encoding);
    bencher.bench(|| black_box(&frame).encode(encoding));
}

#[divan::bench]
fn rewrite_small_message_as_json(bencher: Bencher<'_, '_>) {
    let bytes = small().msgpack().clone();
    bencher.with_inputs(|| Message::from_msgpack(bytes.clone()).expect("valid")).bench_refs(|m| m.json().len());
}

#[divan::bench]
fn rewrite_small_message_as_msgpack(bencher: Bencher<'_, '_>) {
    let bytes = small().json().clone();
    bencher.with_inputs(|| Message::from_json(bytes.clone()).expect("valid")).bench_refs(|m| m.msgpack().len());
}

#[divan::bench]
fn rewrite_large_message_as_json(bencher: Bencher<'_, '_>) {
    let bytes = large().msgpack().clone();
    bencher.with_inputs(|| Message::from_msgpack(bytes.clone()).expect("valid")).bench_refs(|m| m.json().len());
}

#[divan::bench]
fn stamp_the_sender(bencher: Bencher<'_, '_>) {
    let message = Message::from_json(small().json().clone()).expect("valid");
    bencher.bench(|| black_box(&message).with_sender(Some("ada")));
}

#[divan::bench]
fn serde_json_reads_the_small_message_as_a_tree(bencher: Bencher<'_, '_>) {
    let bytes = small().json().clone();
    bencher.bench(|| serde_json::from_slice::<serde_json::Value>(black_box(&bytes)).is_ok());
}

#[divan::bench]
fn serde_json_reads_the_large_message_as_a_tree(bencher: Bencher<'_, '_>) {
    let bytes = large().json().clone();
    bencher.bench(|| serde_json::from_slice::<serde_json::Value>(black_box(&bytes)).is_ok());
}

/// Payloads of the frames that both decoders read, from a stream into a buffer of the same size.
const PAYLOADS: [usize; 2] = [128, 64 * 1024];

/// Messages of both kinds and of either length.
const FRAMES: [(FrameKind, usize); 4] = [
    (FrameKind::Binary, PAYLOADS[0]),
    (FrameKind::Binary, PAYLOADS[1]),
    (FrameKind::Text, PAYLOADS[0]),
    (FrameKind::Text, PAYLOADS[1]),
];
const READ_BUFFER: usize = 16 * 1024;

/// A client that sends the same frame for ever.
struct Endless {
    frame: Vec<u8>,
    at: usize,
}

impl Endless {
    fn new(kind: FrameKind, payload: usize) -> Self {
        let plain = websocket::frame(kind, &vec![b'a'; payload]);
        let (header, payload) = plain.split_at(plain.len() - payload);
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = header.to_vec();
        frame[1] |= 0x80;
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        Self { frame, at: 0 }
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let size = (self.frame.len() - self.at).min(buffer.len() - filled);
            buffer[filled..filled + size].copy_from_slice(&self.frame[self.at..self.at + size]);
            self.at = (self.at + size) % self.frame.len();
            filled += size;
        }
        Ok(filled)
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The next message, as the owner of a decoder reads it.
fn next(stream: &mut Endless, buffer: &mut [u8], at: &mut usize, decoder: &mut Decoder) -> Option<Event> {
    loop {
        if *at == buffer.len() {
            *at = buffer.len() - stream.read(buffer).ok()?;
        }
        let (taken, event) = decoder.decode(&buffer[*at..]).ok()?;
        *at += taken;
        if event.is_some() {
            return event;
        }
    }
}

#[divan::bench(args = FRAMES)]
fn decode_frame(bencher: Bencher<'_, '_>, (kind, payload): (FrameKind, usize)) {
    let (mut stream, mut decoder) = (Endless::new(kind, payload), Decoder::new(payload));
    let (mut buffer, mut at) = (vec![0; READ_BUFFER], READ_BUFFER);
    bencher.counter(BytesCount::new(payload)).bench_local(|| {
        assert!(next(&mut stream, &mut buffer, &mut at, &mut decoder).is_some());
    });
}

#[divan::bench(args = FRAMES)]
fn decode_frame_tungstenite(bencher: Bencher<'_, '_>, (kind, payload): (FrameKind, usize)) {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let mut socket = WebSocket::from_raw_socket(Endless::new(kind, payload), Role::Server, Some(config));
    bencher.counter(BytesCount::new(payload)).bench_local(|| {
        assert!(socket.read().is_ok());
    });
}

/// A frame that is whole in one read: allocated, copied and unmasked at once.
#[divan::bench(args = PAYLOADS)]
fn unmask_frame(bencher: Bencher<'_, '_>, payload: usize) {
    let (frame, mut decoder) = (Endless::new(FrameKind::Binary, payload).frame, Decoder::new(payload));
    bencher.counter(BytesCount::new(payload)).bench_local(|| decoder.decode(black_box(&frame)).is_ok());
}

#[divan::bench]
fn deflate_large_message(bencher: Bencher<'_, '_>) {
    let (message, mut deflater) = (large().json().clone(), Deflater::new());
    let bytes = BytesCount::new(message.len());
    bencher.counter(bytes).bench_local(|| deflater.frame(FrameKind::Text, black_box(&message)).is_some());
}
