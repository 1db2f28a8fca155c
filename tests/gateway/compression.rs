//! permessage-deflate (RFC 7692) from the handshake to the frame: who gets compressed messages, and who does not.

use channel_layers::gateway::GatewayConfig;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::json;

use crate::support::Server;
use crate::support::raw::{Raw, TEXT, frame, request};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const FIRST_RESERVED_BIT: u8 = 0x40;

async fn server() -> Server {
    Server::start(GatewayConfig::default().with_compression(true)).await
}

/// A member of the group `g` whose handshake had these headers.
async fn member(server: &Server, headers: &str) -> Raw {
    let mut raw = Raw::handshake(server.address, &request(headers)).await;
    assert!(raw.head.starts_with("HTTP/1.1 101 "), "{}", raw.head);
    raw.text(r#"{"op":"connect","id":1}"#).await;
    assert_eq!(raw.json().await["op"], "welcome");
    raw.text(r#"{"op":"group_add","id":2,"group":"g"}"#).await;
    assert_eq!(raw.json().await["op"], "ok");
    raw
}

fn inflate(payload: &[u8]) -> String {
    let mut out = Vec::with_capacity(1 << 16);
    let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
    Decompress::new(false).decompress_vec(&whole, &mut out, FlushDecompress::Sync).unwrap();
    String::from_utf8(out).unwrap()
}

/// A compressed text frame of a client.
fn deflated(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    Compress::new(Compression::fast(), false).compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync).unwrap();
    out.truncate(out.len() - 4);
    let mut frame = frame(true, TEXT, &out);
    frame[0] |= FIRST_RESERVED_BIT;
    frame
}

#[tokio::test]
async fn who_offers_it_gets_long_messages_compressed_and_the_others_as_they_are() {
    let server = server().await;
    let (mut first, mut second) = (member(&server, OFFER).await, member(&server, OFFER).await);
    let mut plain = member(&server, "").await;
    let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert!(first.head.contains(&format!("sec-websocket-extensions: {answer}\r\n")), "{}", first.head);
    assert!(!plain.head.contains("sec-websocket-extensions"), "{}", plain.head);

    let text = "all work and no play ".repeat(100);
    let send = json!({"op": "group_send", "group": "g", "message": {"type": "long", "text": text}}).to_string();
    plain.text(&send).await;
    let expected = plain.json().await;
    assert!(!plain.compressed);
    let (one, other) = (first.next().await.unwrap(), second.next().await.unwrap());
    assert!(first.compressed && second.compressed);
    assert_eq!(one, other, "both get the same bytes");
    assert!(one.payload.len() < 200, "{} bytes", one.payload.len());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&inflate(&one.payload)).unwrap(), expected);

    plain.text(r#"{"op":"group_send","group":"g","message":{"type":"short"}}"#).await;
    assert_eq!(first.json().await["message"]["type"], "short");
    assert!(!first.compressed, "a short message is not worth it");
}

#[tokio::test]
async fn compressed_requests_are_served() {
    let server = server().await;
    let mut raw = member(&server, OFFER).await;
    let send = json!({"op": "group_send", "id": 7, "group": "other", "message": {"text": "x".repeat(5000)}});
    raw.bytes(&deflated(&send.to_string())).await;
    assert_eq!(raw.json().await, json!({"op": "ok", "id": 7}));
}

#[tokio::test]
async fn a_message_that_inflates_beyond_the_limit_is_4507() {
    let server = server().await;
    let mut raw = member(&server, OFFER).await;
    raw.bytes(&deflated(&"0".repeat(1 << 20))).await;
    assert_eq!(raw.closed().await.0, 4507);
}

#[tokio::test]
async fn compression_is_off_unless_it_is_set() {
    let server = Server::start(GatewayConfig::default()).await;
    let mut raw = member(&server, OFFER).await;
    assert!(!raw.head.contains("sec-websocket-extensions"), "{}", raw.head);
    raw.bytes(&deflated(r#"{"op":"pong"}"#)).await;
    assert_eq!(raw.closed().await.0, 1002, "a reserved bit that nothing was agreed on for");
}
