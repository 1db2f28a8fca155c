//! Frames that are lies, and frames without end.

use std::time::Duration;

use channel_layers::gateway::GatewayConfig;
use flate2::{Compress, Compression, FlushCompress};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::arena::Arena;
use crate::support::PATIENCE;
use crate::support::raw::{BINARY, CLOSE, CONTINUE, PING, PONG, Raw, TEXT, frame, request};

const FIRST_RESERVED_BIT: u8 = 0x40;

/// Sends the same bytes until nobody takes them any more.
fn flood(mut raw: Raw, bytes: Vec<u8>) -> JoinHandle<()> {
    tokio::spawn(async move { while raw.stream.write_all(&bytes).await.is_ok() {} })
}

/// The header of a text frame that declares a length in eight bytes.
fn declares(length: u64) -> Vec<u8> {
    [&[0x81, 0xff], &length.to_be_bytes()[..], &[0; 4]].concat()
}

#[tokio::test]
async fn frames_that_break_a_rule_end_their_connection_alone() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let attacks = [
        ("2^62 bytes", declares(1 << 62), 4507),
        ("2^63 bytes", declares(1 << 63), 1002),
        ("a byte more than may be", declares((64 << 10) + 1), 4507),
        ("not masked", b"\x81\x02{}".to_vec(), 1002),
        ("a reserved opcode", frame(true, 3, b""), 1002),
        ("a control frame of 126 bytes", frame(true, PING, &[0; 126]), 1002),
        ("a control frame in fragments", frame(false, PING, b""), 1002),
        ("a continuation of nothing", frame(true, CONTINUE, b"{}"), 1002),
        ("a message inside another", [frame(false, TEXT, b"{"), frame(true, TEXT, b"}")].concat(), 1002),
        ("half a code in a close frame", frame(true, CLOSE, b"\x03"), 1002),
        ("no UTF-8", frame(true, TEXT, b"{\"op\":\"\xc3\x28\"}"), 1007),
        ("a surrogate", frame(true, TEXT, b"\xed\xa0\x80"), 1007),
        (
            "no UTF-8 where a fragment ends",
            [frame(false, TEXT, b"\xf0\x9f"), frame(true, CONTINUE, b"x")].concat(),
            1007,
        ),
        ("bytes where text belongs", frame(true, BINARY, b"{}"), 4500),
    ];
    for (what, bytes, code) in &attacks {
        let mut raw = arena.attacker().await;
        raw.bytes(bytes).await;
        assert_eq!(raw.closed().await.0, *code, "{what}");
        arena.serves().await;
    }
    for code in [1002, 1007, 4500, 4507] {
        let times = attacks.iter().filter(|attack| attack.2 == code).count() as u64;
        arena.closed(code, times).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_in_endless_fragments_is_4507() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    for fragment in [&b""[..], b" "] {
        let mut raw = arena.attacker().await;
        raw.bytes(&[frame(false, TEXT, b"{"), frame(false, CONTINUE, fragment).repeat(1000)].concat()).await;
        assert_eq!(raw.closed().await.0, 4507);
    }
    arena.closed(4507, 2).await;
}

/// What comes behind the end is read and thrown away, so that the close frame arrives, but not for ever and not instead
/// of serving others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_behind_the_end_keep_nobody_waiting() {
    let mut arena = Arena::new(GatewayConfig::default().with_close_timeout(PATIENCE)).await;
    for first in [b"\x81\x02{}".to_vec(), frame(true, CLOSE, b"")] {
        let mut raw = arena.attacker().await;
        raw.bytes(&first).await;
        assert_eq!(raw.next().await.unwrap().opcode, CLOSE);
        arena.serves_during(flood(raw, vec![0; 1 << 16])).await;
        arena.alone().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_on_behind_the_end_is_cut_in_time() {
    let mut arena = Arena::new(GatewayConfig::default().with_close_timeout(Duration::from_millis(300))).await;
    let mut raw = Raw::open(arena.server.address, &[]).await;
    raw.text("no frame").await;
    let attack = flood(raw, frame(true, TEXT, b"").repeat(10_000));
    arena.until("it was cut at the deadline", |stats| stats.closes.get(&4500) == Some(&1)).await;
    attack.await.unwrap();
    arena.alone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_and_pongs_without_end_are_4005() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let between_fragments = [frame(false, TEXT, b"{"), frame(true, PING, b"").repeat(4000)].concat();
    for bytes in [frame(true, PING, &[7; 125]).repeat(4000), frame(true, PONG, b"").repeat(4000), between_fragments] {
        let mut raw = arena.attacker().await;
        raw.bytes(&bytes).await;
        assert_eq!(raw.closed().await.0, 4005);
        arena.serves().await;
    }
    arena.closed(4005, 3).await;
}

/// A flood of pings from somebody who reads none of the answers: they wait in bounds, and it dies as silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_whose_answers_nobody_reads_are_not_answered_without_end() {
    let (ping, pong) = (Duration::from_millis(300), Duration::from_millis(300));
    let config = GatewayConfig::default().with_message_rate(0).with_ping(ping).with_pong(pong);
    let mut arena = Arena::new(config).await;
    let attack = flood(arena.attacker().await, frame(true, PING, &[7; 125]).repeat(500));
    arena.closed(4004, 1).await;
    attack.await.unwrap();
}

/// A client of a gateway that compresses.
async fn compressing(arena: &Arena) -> Raw {
    let offer = request("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let mut raw = Raw::handshake(arena.server.address, &offer).await;
    assert!(raw.head.contains("permessage-deflate"), "{}", raw.head);
    raw.text(r#"{"op":"connect","id":1}"#).await;
    assert_eq!(raw.json().await["op"], "welcome");
    raw
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(true, TEXT, payload);
    bytes[0] |= FIRST_RESERVED_BIT;
    bytes
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    Compress::new(Compression::best(), false).compress_vec(text, &mut out, FlushCompress::Sync).unwrap();
    out.truncate(out.len() - 4);
    out
}

#[tokio::test]
async fn compressed_data_that_is_a_lie_ends_its_connection_alone() {
    let mut arena = Arena::new(GatewayConfig::default().with_compression(true)).await;
    let bomb = deflate(&vec![b'0'; 32 << 20]);
    assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
    let whole = deflate(br#"{"op":"group_send","group":"g","message":{}}"#);
    let attacks = [
        ("32 MiB in 32 KiB", compressed(&bomb), 4507),
        ("empty blocks", compressed(&[0x00, 0x00, 0x00, 0xff, 0xff].repeat(10_000)), 1007),
        ("empty last blocks", compressed(&[0x03, 0x00].repeat(10_000)), 1007),
        ("half of it", compressed(&whole[..whole.len() / 2]), 1007),
        ("noise", compressed(&[0xff; 1000]), 1007),
        ("text that is no UTF-8", compressed(&deflate(&[0xff; 1000])), 1007),
        ("a fragment that begins once more", [&frame(false, TEXT, b"{")[..], &compressed(&whole)].concat(), 1002),
    ];
    for (what, bytes, code) in &attacks {
        let mut raw = compressing(&arena).await;
        raw.bytes(bytes).await;
        assert_eq!(raw.closed().await.0, *code, "{what}");
        arena.serves().await;
    }
    arena.closed(4507, 1).await;
    arena.closed(1007, 5).await;
    arena.closed(1002, 1).await;
}
