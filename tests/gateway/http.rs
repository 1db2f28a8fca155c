//! Sending over HTTP, as a program in any language does it.

use channel_layers::gateway::GatewayConfig;
use channel_layers::layer::ChannelLayer;
use channel_layers::{ChannelName, message};
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::raw::Raw;

const JSON: &str = "application/json";

/// Posts a body; status and answer.
async fn post(server: &Server, path: &str, content_type: &str, body: &str) -> (u16, Value) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut raw = Raw::handshake(server.address, &(head + body)).await;
    let status = raw.head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&raw.body().await).unwrap())
}

async fn server() -> Server {
    Server::start(GatewayConfig::default()).await
}

#[tokio::test]
async fn a_post_reaches_the_group_and_says_how_many() {
    let server = server().await;
    let path = "/api/groups/news/messages";
    assert_eq!(post(&server, path, JSON, "{}").await, (202, json!({"local": 0})));
    let (mut first, _second) = (server.join("news").await, server.join("news").await);
    let answer = post(&server, path, "Application/JSON; charset=utf-8", r#"{"type":"news.item","n":1}"#).await;
    assert_eq!(answer, (202, json!({"local": 2})));
    let heard = json!({"op": "message", "group": "news", "message": {"type": "news.item", "n": 1}});
    assert_eq!(first.next().await, heard);
}

#[tokio::test]
async fn a_post_reaches_a_channel() {
    let server = server().await;
    let (mut client, welcome) = server.welcomed().await;
    let channel = welcome["channel"].as_str().unwrap();
    let path = format!("/api/channels/{}/messages", channel.replace('!', "%21"));
    assert_eq!(post(&server, &path, JSON, r#"{"n":1}"#).await, (202, json!({"local": 1})));
    assert_eq!(client.next().await["message"], json!({"n": 1}));
    assert_eq!(post(&server, "/api/channels/worker/messages", JSON, r#"{"n":2}"#).await, (202, json!({"local": 0})));
    let worker = ChannelName::new("worker").unwrap();
    assert_eq!(server.gateway.layer().receive(&worker).await.unwrap(), message! { "n": 2 });
}

#[tokio::test]
async fn refusals_carry_the_protocols_codes() {
    let server = server().await;
    let group = "/api/groups/g/messages";
    for (path, content_type, body, status, code) in [
        ("/api/groups/a%20b/messages", JSON, "{}", 400, 102),
        ("/api/channels/%21/messages", JSON, "{}", 400, 102),
        (group, JSON, "not json", 400, 106),
        (group, JSON, "[]", 400, 106),
        (group, JSON, "", 400, 106),
        (group, JSON, r#"{"type":7}"#, 400, 106),
        (group, JSON, r#"{"type":"websocket.send"}"#, 403, 112),
        (group, "text/plain", "{}", 415, 106),
        (group, "application/x-www-form-urlencoded", "{}", 415, 106),
    ] {
        let (got, answer) = post(&server, path, content_type, body).await;
        assert_eq!((got, &answer["code"]), (status, &json!(code)), "{path} {content_type} {body}: {answer}");
        assert!(answer["name"].is_string() && answer["reason"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_413() {
    let server = Server::start(GatewayConfig::default().with_frame_limit(100)).await;
    let body = json!({"text": "x".repeat(100)}).to_string();
    let (status, answer) = post(&server, "/api/groups/g/messages", JSON, &body).await;
    assert_eq!((status, &answer["code"]), (413, &json!(109)));
}

#[tokio::test]
async fn a_full_channel_is_503() {
    let server = server().await;
    for _ in 0..100 {
        assert_eq!(post(&server, "/api/channels/worker/messages", JSON, "{}").await.0, 202);
    }
    let (status, answer) = post(&server, "/api/channels/worker/messages", JSON, "{}").await;
    assert_eq!((status, &answer["code"]), (503, &json!(108)));
}

#[tokio::test]
async fn health_is_a_get() {
    let server = server().await;
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut raw = Raw::handshake(server.address, head).await;
    assert!(raw.head.starts_with("HTTP/1.1 200 "), "{}", raw.head);
    assert_eq!(raw.body().await, "ok\n");
}
