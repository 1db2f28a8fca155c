//! Every close code that the gateway sends of itself, provoked.

use std::time::Duration;

use channel_layers::gateway::GatewayConfig;
use serde_json::json;

use crate::support::raw::{BINARY, PING, Raw};
use crate::support::{Server, eventually};

const SHORT: Duration = Duration::from_millis(50);

async fn server() -> Server {
    Server::start(GatewayConfig::default()).await
}

/// What the first frame of a connection is answered with: a close, and its code.
async fn closes(server: &Server, first: &str) -> u16 {
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(first).await;
    raw.closed().await.0
}

#[tokio::test]
async fn no_connect_in_time_is_4501() {
    let server = Server::start(GatewayConfig::default().with_connect_timeout(SHORT)).await;
    let mut raw = Raw::open(server.address, &[]).await;
    assert_eq!(raw.closed().await.0, 4501);
    // Control frames are no excuse.
    let mut raw = Raw::open(server.address, &[]).await;
    raw.frame(true, PING, b"").await;
    assert_eq!(raw.closed().await.0, 4501);
    eventually("the count", || server.gateway.stats().closes.get(&4501) == Some(&2)).await;
}

#[tokio::test]
async fn anything_but_connect_first_is_4500() {
    let server = server().await;
    for first in [
        r#"{"op":"group_add","id":1,"group":"g"}"#,
        r#"{"op":"pong"}"#,
        r#"{"op":"nonsense","id":1}"#,
        r#"{"op":"connect"}"#,
        r#"{"op":"connect","id":0}"#,
        r#"{"op":"connect","id":1,"token":7}"#,
    ] {
        assert_eq!(closes(&server, first).await, 4500, "{first}");
    }
}

#[tokio::test]
async fn what_is_no_frame_is_4500() {
    let server = server().await;
    for text in ["", "x", "[]", "7", "{", r#"{"op":7}"#, r#"{"id":1}"#, r#"{"op":"pong"}{}"#] {
        assert_eq!(closes(&server, text).await, 4500, "{text}");
        let mut client = server.connect().await;
        client.raw.text(text).await;
        assert_eq!(client.raw.closed().await.0, 4500, "{text}");
    }
}

#[tokio::test]
async fn a_frame_above_the_limit_is_4507() {
    let server = Server::start(GatewayConfig::default().with_frame_limit(200)).await;
    let (mut client, welcome) = server.welcomed().await;
    assert_eq!(welcome["limits"]["frame"], 200);
    let frame = json!({"op": "group_send", "id": 2, "group": "g", "message": {"text": ""}}).to_string();
    let fill = |size: usize| frame.replace(r#""text":"""#, &format!(r#""text":"{}""#, "x".repeat(size - frame.len())));
    client.raw.text(&fill(200)).await;
    assert_eq!(client.next().await["op"], "ok", "the limit itself is allowed");
    client.raw.text(&fill(201)).await;
    assert_eq!(client.raw.closed().await.0, 4507);
}

#[tokio::test]
async fn a_ping_that_is_not_answered_is_4004() {
    let config = GatewayConfig::default().with_ping(SHORT).with_pong(SHORT);
    let server = Server::start(config).await;
    let (mut client, welcome) = server.welcomed().await;
    assert_eq!((&welcome["ping"], &welcome["pong"]), (&json!(0.05), &json!(0.05)));
    assert_eq!(client.raw.json().await, json!({"op": "ping"}));
    assert_eq!(client.raw.closed().await.0, 4004);
}

#[tokio::test]
async fn any_frame_is_a_sign_of_life() {
    let config = GatewayConfig::default().with_ping(SHORT).with_pong(Duration::from_secs(5));
    let server = Server::start(config).await;
    let mut client = server.connect().await;
    for round in 0..6 {
        assert_eq!(client.raw.json().await, json!({"op": "ping"}), "round {round}");
        match round % 3 {
            0 => client.send(&json!({"op": "pong"})).await,
            1 => client.raw.frame(true, PING, b"").await,
            _ => client.send(&json!({"op": "group_send", "group": "nobody", "message": {}})).await,
        }
        if round % 3 == 1 {
            client.raw.next().await.expect("a pong");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_4003_and_holds_nobody_up() {
    let config = GatewayConfig::default().with_outbound_bytes(256 * 1024).with_close_timeout(SHORT);
    let server = Server::start(config).await;
    let slow = server.join("news").await;
    let mut quick = server.join("news").await;
    let mut sender = server.connect().await;
    let text = "x".repeat(16 * 1024);
    let mut sent = 0u64;
    // The kernel's buffers take some megabytes before the gateway notices.
    while !server.gateway.stats().closes.contains_key(&4003) {
        assert!(sent < 10_000, "the slow client is still served");
        sender.ok(json!({"op": "group_send", "group": "news", "message": {"n": sent, "text": text}})).await;
        assert_eq!(quick.next().await["message"]["n"], sent);
        sent += 1;
    }
    let stats = server.gateway.stats();
    assert!(stats.dropped_slow >= 1, "{stats:?}");
    eventually("the end", || server.gateway.stats().connections == 2).await;
    drop(slow);
}

#[tokio::test]
async fn a_slow_client_that_reads_again_in_time_sees_4003() {
    let config = GatewayConfig::default().with_outbound_messages(16).with_close_timeout(Duration::from_secs(20));
    let server = Server::start(config).await;
    let mut slow = server.join("news").await;
    let mut sender = server.connect().await;
    let text = "x".repeat(32 * 1024);
    while server.gateway.stats().dropped_slow == 0 {
        sender.ok(json!({"op": "group_send", "group": "news", "message": {"text": text}})).await;
    }
    assert_eq!(slow.raw.closed().await.0, 4003);
}

#[tokio::test]
async fn a_wrong_kind_of_frame_is_4500() {
    let server = server().await;
    let mut client = server.connect().await;
    client.raw.frame(true, BINARY, br#"{"op":"pong"}"#).await;
    assert_eq!(client.raw.closed().await.0, 4500);
}
