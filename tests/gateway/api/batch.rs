//! Many messages in one request: in order, and each with a result of its own.

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{ChannelName, Message, message};
use serde_json::{Value, json};

use super::{Answer, KEY, keyed, post, request};
use crate::support::Server;

async fn batch(server: &Server, items: Value) -> Answer {
    post(server.address, "/api/batch", &[("X-API-Key", KEY)], &json!({"items": items})).await
}

/// The codes of the results; 0 for what was accepted.
fn codes(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let results = answer.json()["results"].as_array().unwrap().clone();
    let code = |result: &Value| match result.get("ok") {
        Some(ok) => {
            assert!(ok["local"].is_u64() && result.get("error").is_none(), "{result}");
            0
        }
        None => {
            assert!(result["error"]["name"].is_string() && result["error"]["reason"].is_string(), "{result}");
            result["error"]["code"].as_u64().unwrap()
        }
    };
    results.iter().map(code).collect()
}

#[tokio::test]
async fn messages_arrive_in_their_order_and_each_has_a_result() {
    let server = Server::start(keyed()).await;
    let mut member = server.join("news").await;
    let worker = ChannelName::new("worker").unwrap();
    let items: Vec<_> = (0..100)
        .map(|n| match n % 2 {
            0 => json!({"group": "news", "message": {"n": n}}),
            _ => json!({"channel": "worker", "message": {"n": n}}),
        })
        .collect();
    let answer = batch(&server, items.into()).await;
    assert_eq!(answer.json()["results"][0], json!({"ok": {"local": 1}}));
    assert_eq!(codes(&answer), [0; 100]);
    for n in (0..100).step_by(2) {
        assert_eq!(member.next().await["message"], json!({"n": n}));
        assert_eq!(server.gateway.layer().receive(&worker).await.unwrap(), message! { "n": n + 1 });
    }
}

#[tokio::test]
async fn what_is_wrong_with_one_is_told_of_that_one() {
    let server = Server::start(keyed().with_frame_limit(100)).await;
    let answer = batch(
        &server,
        json!([
            {"group": "news", "message": {"type": "a"}},
            {"group": "no news", "message": {}},
            {"channel": "!", "message": {}},
            {"group": "news"},
            {"message": {}},
            {"group": "news", "channel": "news", "message": {}},
            {"group": 7, "message": {}},
            {"group": "news", "message": []},
            7,
            {"group": "news", "message": {"type": "websocket.send"}},
            {"group": "news", "message": {"text": "x".repeat(100)}},
            {"channel": "worker", "message": {}},
        ]),
    )
    .await;
    assert_eq!(codes(&answer), [0, 102, 102, 106, 106, 106, 106, 106, 106, 112, 109, 0]);
    assert_eq!(server.gateway.stats().rejections[&106], 6);
}

#[tokio::test]
async fn a_batch_in_msgpack_is_the_same() {
    let server = Server::start(keyed()).await;
    let mut member = server.join("news").await;
    let body = json!({"items": [{"group": "news", "message": {"n": 1}}]}).to_string();
    let packed = Message::from_json(body).unwrap();
    let headers = [("Content-Type", "application/msgpack"), ("Accept", "application/msgpack"), ("X-API-Key", KEY)];
    let answer = request(server.address, "POST /api/batch", &headers, packed.msgpack()).await;
    assert_eq!((answer.status, answer.msgpack()), (200, json!({"results": [{"ok": {"local": 1}}]})));
    assert_eq!(member.next().await["message"], json!({"n": 1}));
}

#[tokio::test]
async fn its_size_is_bounded() {
    let server = Server::start(keyed().with_batch_items(2).with_batch_bytes(200)).await;
    let item = json!({"group": "news", "message": {}});
    assert_eq!(codes(&batch(&server, json!([item, item])).await), [0, 0]);
    assert_eq!(codes(&batch(&server, json!([])).await), [0u64; 0]);
    assert_eq!(batch(&server, json!([item, item, item])).await.refusal(), (400, 105));
    let long = json!([{"group": "news", "message": {"text": "x".repeat(200)}}]);
    assert_eq!(batch(&server, long).await.refusal(), (413, 109));
    for body in [json!({}), json!({"items": {}}), json!({"items": null})] {
        let answer = post(server.address, "/api/batch", &[("X-API-Key", KEY)], &body).await;
        assert_eq!(answer.refusal(), (400, 106), "{body}");
    }
}

#[tokio::test]
async fn once_the_layer_is_gone_the_rest_is_not_tried() {
    let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
    gateway.layer().close().await.unwrap();
    let server = Server::of(gateway).await;
    let item = json!({"group": "news", "message": {}});
    let answer = post(server.address, "/api/batch", &[], &json!({"items": [item, {}, item]})).await;
    assert_eq!(codes(&answer), [113, 106, 113]);
}
