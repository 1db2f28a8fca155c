//! What requests and answers are written in.

use channel_layers::{Message, message};
use serde_json::json;

use super::{get, post, request};
use crate::support::Server;
use crate::support::raw::{self, Raw};
use channel_layers::gateway::GatewayConfig;

const GROUP: &str = "/api/groups/news/messages";

async fn server() -> Server {
    Server::start(GatewayConfig::default()).await
}

#[tokio::test]
async fn a_message_in_msgpack_reaches_both_kinds_of_clients() {
    let server = server().await;
    let mut member = server.join("news").await;
    let message = message! { "type": "news.item", "n": 1 };
    for name in ["application/msgpack", "application/x-msgpack", "Application/Vnd.Msgpack; v=5"] {
        let answer =
            request(server.address, &format!("POST {GROUP}"), &[("Content-Type", name)], message.msgpack()).await;
        assert_eq!((answer.status, answer.json()), (202, json!({"local": 1})));
        assert_eq!(member.next().await["message"], json!({"type": "news.item", "n": 1}));
    }
    let broken = [("Content-Type", "application/msgpack")];
    let answer = request(server.address, &format!("POST {GROUP}"), &broken, b"\x81\xa1a\xc1").await;
    assert_eq!(answer.refusal(), (400, 106));
}

#[tokio::test]
async fn answers_and_refusals_come_as_they_are_preferred() {
    let server = server().await;
    for (accept, packed) in [
        ("application/msgpack", true),
        ("text/html, application/x-msgpack;q=0.8, */*;q=0.1", true),
        ("application/json;q=0.5, application/msgpack", true),
        ("application/json, application/msgpack;q=0.5", false),
        ("application/json, application/msgpack", false),
        ("application/msgpack;q=0", false),
        ("*/*", false),
    ] {
        let accept = [("Accept", accept)];
        let accepted = post(server.address, GROUP, &accept, &json!({})).await;
        let refused = post(server.address, "/api/groups/a%20b/messages", &accept, &json!({})).await;
        let read = |answer: &super::Answer| if packed { answer.msgpack() } else { answer.json() };
        assert_eq!((accepted.status, read(&accepted)), (202, json!({"local": 0})), "{accept:?}");
        assert_eq!((refused.status, &read(&refused)["code"]), (400, &json!(102)), "{accept:?}");
        assert_eq!(accepted.header("vary"), Some("accept"));
    }
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_refused_like_any_other() {
    let server = server().await;
    for path in ["/api/groups/%ff/messages", "/api/channels/%ff/messages"] {
        assert_eq!(post(server.address, path, &[], &json!({})).await.refusal(), (400, 102));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_408() {
    let server = server().await;
    let head =
        format!("POST {GROUP} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{");
    let mut raw = Raw::handshake(server.address, &head).await;
    assert!(raw.head.starts_with("HTTP/1.1 408 "), "{}", raw.head);
    assert!(raw.body().await.contains("did not come within"));
}

#[tokio::test]
async fn what_a_message_says_of_numbers_and_bytes_survives_either_way() {
    let server = server().await;
    let mut raw = Raw::open(server.address, &["channel-layers.v1.msgpack"]).await;
    let frames = [message! { "op": "connect", "id": 1 }, message! { "op": "group_add", "id": 2, "group": "news" }];
    for frame in frames {
        raw.frame(true, raw::BINARY, frame.msgpack()).await;
        raw.next().await.unwrap();
    }
    let sent = json!({"big": u64::MAX, "half": 0.5, "bytes": {"$bytes": "AAEC"}});
    assert_eq!(post(server.address, GROUP, &[], &sent).await.status, 202);
    let frame = Message::from_msgpack(raw.next().await.unwrap().payload).unwrap();
    let heard = frame.to_map().get("message").unwrap().as_map().unwrap().clone();
    assert_eq!(Message::try_from(heard).unwrap(), Message::from_json(sent.to_string()).unwrap());
    assert_eq!(get(server.address, "/healthz", &[("Accept", "application/msgpack")]).await.bytes, b"ok\n");
}
