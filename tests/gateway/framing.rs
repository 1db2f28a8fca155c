//! RFC 6455 as the Autobahn suite looks at it: fragments, control frames, masks, UTF-8, close codes.

use channel_layers::gateway::GatewayConfig;
use serde_json::json;

use crate::support::raw::{BINARY, CLOSE, CONTINUE, Frame, PING, PONG, Raw, TEXT, frame};
use crate::support::{Client, Server};

async fn connected() -> (Server, Client) {
    let server = Server::start(GatewayConfig::default()).await;
    let client = server.connect().await;
    (server, client)
}

/// A request that is answered by `ok`, so a test sees that the connection is alive.
fn request(id: u64) -> Vec<u8> {
    json!({"op": "group_add", "id": id, "group": "g"}).to_string().into_bytes()
}

async fn answered(client: &mut Client, id: u64) {
    let answer = client.next().await;
    assert_eq!((&answer["op"], &answer["id"]), (&json!("ok"), &json!(id)), "{answer}");
}

/// Sends bytes that end the connection with `code`.
async fn ends(bytes: &[u8], code: u16) {
    let (_server, mut client) = connected().await;
    client.raw.bytes(bytes).await;
    assert_eq!(client.raw.closed().await.0, code);
}

#[tokio::test]
async fn fragments_make_one_message() {
    let (_server, mut client) = connected().await;
    let text = request(7);
    let (first, rest) = text.split_at(5);
    client.raw.frame(false, TEXT, first).await;
    for byte in &rest[..rest.len() - 1] {
        client.raw.frame(false, CONTINUE, &[*byte]).await;
    }
    client.raw.frame(true, CONTINUE, &rest[rest.len() - 1..]).await;
    answered(&mut client, 7).await;
}

#[tokio::test]
async fn bytes_may_come_one_at_a_time() {
    let (_server, mut client) = connected().await;
    for byte in frame(true, TEXT, &request(7)) {
        client.raw.bytes(&[byte]).await;
        tokio::task::yield_now().await;
    }
    answered(&mut client, 7).await;
}

#[tokio::test]
async fn control_frames_come_between_fragments() {
    let (_server, mut client) = connected().await;
    let text = request(7);
    client.raw.frame(false, TEXT, &text[..9]).await;
    client.raw.frame(true, PING, b"are you there").await;
    client.raw.frame(true, PONG, b"unasked").await;
    assert_eq!(client.raw.next().await, Some(Frame { opcode: PONG, payload: b"are you there".to_vec() }));
    client.raw.frame(true, CONTINUE, &text[9..]).await;
    answered(&mut client, 7).await;
}

#[tokio::test]
async fn pings_are_answered_with_their_payload() {
    let (_server, mut client) = connected().await;
    for payload in [&b""[..], &[0xff; 125]] {
        client.raw.frame(true, PING, payload).await;
        assert_eq!(client.raw.next().await, Some(Frame { opcode: PONG, payload: payload.to_vec() }));
    }
}

#[tokio::test]
async fn several_frames_in_one_segment_are_answered_in_order() {
    let (_server, mut client) = connected().await;
    let burst: Vec<u8> = (10..200).flat_map(|id| frame(true, TEXT, &request(id))).collect();
    client.raw.bytes(&burst).await;
    for id in 10..200 {
        answered(&mut client, id).await;
    }
}

#[tokio::test]
async fn a_client_must_mask() {
    ends(b"\x81\x02{}", 1002).await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_errors() {
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x84, 0x87, 0x8b, 0x8f] {
        let mut bytes = frame(true, TEXT, b"{}");
        bytes[0] = first;
        ends(&bytes, 1002).await;
    }
}

#[tokio::test]
async fn control_frames_are_short_and_whole() {
    ends(&frame(true, PING, &[0; 126]), 1002).await;
    ends(&frame(false, PING, b""), 1002).await;
    ends(&frame(false, CLOSE, b""), 1002).await;
}

#[tokio::test]
async fn fragments_must_fit_together() {
    ends(&frame(true, CONTINUE, b"{}"), 1002).await;
    ends(&frame(false, CONTINUE, b"{}"), 1002).await;
    let restarted = [frame(false, TEXT, b"{"), frame(true, TEXT, b"}")].concat();
    ends(&restarted, 1002).await;
}

#[tokio::test]
async fn text_must_be_utf8() {
    for text in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xce"] {
        ends(&frame(true, TEXT, text), 1007).await;
    }
    let across = [frame(false, TEXT, b"{\"op\":\"\xce"), frame(true, CONTINUE, b"\x20\"}")].concat();
    ends(&across, 1007).await;
}

#[tokio::test]
async fn a_character_may_lie_across_fragments() {
    let (_server, mut client) = connected().await;
    let text = json!({"op": "group_send", "id": 7, "group": "g", "message": {"text": "κόσμε 👋"}}).to_string();
    let middle = text.find('👋').unwrap() + 2;
    client.raw.frame(false, TEXT, &text.as_bytes()[..middle]).await;
    client.raw.frame(true, CONTINUE, &text.as_bytes()[middle..]).await;
    answered(&mut client, 7).await;
}

#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    for code in [1000u16, 1001, 3000, 3999, 4000, 4999] {
        let (_server, mut client) = connected().await;
        let code = code.to_be_bytes();
        client.raw.frame(true, CLOSE, &[&code[..], b"bye"].concat()).await;
        assert_eq!(client.raw.next().await, Some(Frame { opcode: CLOSE, payload: code.to_vec() }));
        assert_eq!(client.raw.next().await, None);
    }
}

#[tokio::test]
async fn a_close_without_code_is_answered() {
    let (_server, mut client) = connected().await;
    client.raw.frame(true, CLOSE, b"").await;
    assert_eq!(client.raw.next().await.unwrap().opcode, CLOSE);
    assert_eq!(client.raw.next().await, None);
}

#[tokio::test]
async fn invalid_closes_are_errors() {
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1100, 2999, 65_535] {
        let (_server, mut client) = connected().await;
        client.raw.frame(true, CLOSE, &code.to_be_bytes()).await;
        assert_eq!(client.raw.closed().await.0, 1002, "close code {code}");
    }
    ends(&frame(true, CLOSE, b"\x03"), 1002).await;
    ends(&frame(true, CLOSE, b"\x03\xe8\xff"), 1007).await;
}

#[tokio::test]
async fn frames_after_a_close_are_not_served() {
    let (server, mut client) = connected().await;
    let bytes = [frame(true, CLOSE, b"\x03\xe8"), frame(true, TEXT, &request(7))].concat();
    client.raw.bytes(&bytes).await;
    assert_eq!(client.raw.next().await.unwrap().opcode, CLOSE);
    assert_eq!(client.raw.next().await, None);
    assert_eq!(server.gateway.stats().frames_in, 1, "the connect frame, and no more");
}

#[tokio::test]
async fn a_large_frame_in_pieces_is_too_large_as_well() {
    let server = Server::start(GatewayConfig::default().with_frame_limit(1000)).await;
    let mut client = server.connect().await;
    client.raw.frame(false, TEXT, &[b' '; 600]).await;
    client.raw.frame(true, CONTINUE, &[b' '; 600]).await;
    assert_eq!(client.raw.closed().await.0, 4507);
    // The length alone says it, so a gateway that waited for the payload would wait for ever.
    let mut client = server.connect().await;
    client.raw.bytes(b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0").await;
    assert_eq!(client.raw.closed().await.0, 4507);
}

#[tokio::test]
async fn binary_and_text_belong_to_their_encodings() {
    let (server, mut client) = connected().await;
    client.raw.frame(true, BINARY, b"{}").await;
    assert_eq!(client.raw.closed().await.0, 4500);
    let mut raw = Raw::open(server.address, &["channel-layers.v1.msgpack"]).await;
    raw.text("{}").await;
    assert_eq!(raw.closed().await.0, 4500);
}
