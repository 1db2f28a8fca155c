//! What a frame and a message cost to read, write and rewrite.
#![allow(missing_docs)]

use bytes::Bytes;
use channel_layers::protocol::{ClientFrame, Encoding, ServerFrame, Target};
use channel_layers::{Message, message};
use divan::{Bencher, black_box};

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
