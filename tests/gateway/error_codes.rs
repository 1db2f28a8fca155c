//! Every error code that the gateway answers with, provoked; the connection stays in each case.

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use serde_json::{Value, json};

use crate::support::{Client, Server};

async fn connected() -> (Server, Client) {
    let server = Server::start(GatewayConfig::default()).await;
    let client = server.connect().await;
    (server, client)
}

fn group_send(message: &Value) -> Value {
    json!({"op": "group_send", "group": "g", "message": message})
}

#[tokio::test]
async fn names_that_break_the_rules_are_102() {
    let (_server, mut client) = connected().await;
    for name in ["", "a b", "a!b", "ü", &"x".repeat(100)] {
        assert_eq!(client.refused(json!({"op": "group_add", "group": name})).await, 102, "{name}");
        assert_eq!(client.refused(json!({"op": "group_discard", "group": name})).await, 102, "{name}");
        assert_eq!(client.refused(json!({"op": "group_send", "group": name, "message": {}})).await, 102, "{name}");
    }
    assert_eq!(client.refused(json!({"op": "send", "channel": "!", "message": {}})).await, 102);
    client.ok(json!({"op": "group_add", "group": "x".repeat(99)})).await;
}

#[tokio::test]
async fn an_unknown_op_is_104() {
    let (_server, mut client) = connected().await;
    assert_eq!(client.refused(json!({"op": "subscribe", "group": "g"})).await, 104);
    // One without an id is answered as well, without one.
    client.send(&json!({"op": "subscribe"})).await;
    let answer = client.next().await;
    assert_eq!((&answer["op"], &answer["code"], &answer["id"]), (&json!("error"), &json!(104), &Value::Null));
}

#[tokio::test]
async fn too_many_groups_are_105() {
    let server = Server::start(GatewayConfig::default().with_group_limit(2)).await;
    let (mut client, welcome) = server.welcomed().await;
    assert_eq!(welcome["limits"]["groups"], 2);
    client.ok(json!({"op": "group_add", "group": "a"})).await;
    client.ok(json!({"op": "group_add", "group": "b"})).await;
    client.ok(json!({"op": "group_add", "group": "b"})).await;
    assert_eq!(client.refused(json!({"op": "group_add", "group": "c"})).await, 105);
    client.ok(json!({"op": "group_discard", "group": "a"})).await;
    client.ok(json!({"op": "group_add", "group": "c"})).await;
}

#[tokio::test]
async fn fields_that_are_missing_or_wrong_are_106() {
    let (_server, mut client) = connected().await;
    for frame in [
        json!({"op": "group_add"}),
        json!({"op": "group_add", "group": 7}),
        json!({"op": "group_add", "group": "g", "recover": 7}),
        json!({"op": "group_send", "group": "g"}),
        json!({"op": "group_send", "group": "g", "message": "text"}),
        json!({"op": "send", "message": {}}),
        json!({"op": "refresh"}),
        json!({"op": "connect"}),
        group_send(&json!({"type": 7})),
        group_send(&json!({"type": null})),
    ] {
        assert_eq!(client.refused(frame.clone()).await, 106, "{frame}");
    }
    client.send(&json!({"op": "group_add", "id": "one", "group": "g"})).await;
    assert_eq!(client.next().await["code"], 106);
}

#[tokio::test]
async fn a_full_channel_is_108() {
    let (_server, mut client) = connected().await;
    let frame = json!({"op": "send", "channel": "worker", "message": {"type": "work"}});
    for _ in 0..100 {
        client.ok(frame.clone()).await;
    }
    let answer = client.ask(frame).await;
    assert_eq!((&answer["code"], &answer["temporary"]), (&json!(108), &json!(true)));
}

#[tokio::test]
async fn a_message_above_the_layers_limit_is_109() {
    let server = Server::start(GatewayConfig::default().with_frame_limit(4 << 20)).await;
    let mut client = server.connect().await;
    assert_eq!(client.refused(group_send(&json!({"text": "x".repeat(1 << 20)}))).await, 109);
    client.ok(group_send(&json!({"text": "x".repeat(1 << 19)}))).await;
}

#[tokio::test]
async fn reserved_types_are_112_as_django_would_read_them() {
    let (_server, mut client) = connected().await;
    for kind in [
        "websocket.send",
        "websocket_send",
        "websocket.",
        "http.disconnect",
        "lifespan.shutdown",
        "_private",
        ".hidden",
        "_",
    ] {
        assert_eq!(client.refused(group_send(&json!({"type": kind}))).await, 112, "{kind}");
    }
    let escaped = r#"{"op":"group_send","id":99,"group":"g","message":{"type":"ok","\u0074ype":"websocket.close"}}"#;
    client.raw.text(escaped).await;
    assert_eq!(client.next().await["code"], 112, "the last of two equal keys counts, whatever its spelling");
    for kind in ["chat.message", "websockets.news", "httpd", "a._b", ""] {
        client.ok(group_send(&json!({"type": kind}))).await;
    }
    client.ok(group_send(&json!({"text": "no type at all"}))).await;
}

#[tokio::test]
async fn a_layer_that_is_closed_is_113() {
    let layer = Layer::default();
    let server = Server::of(Gateway::new(layer.clone(), GatewayConfig::default())).await;
    let mut client = server.connect().await;
    layer.close().await.unwrap();
    let answer = client.ask(group_send(&json!({}))).await;
    assert_eq!((&answer["code"], &answer["temporary"]), (&json!(113), &json!(true)));
}

#[tokio::test]
async fn errors_name_themselves() {
    let (_server, mut client) = connected().await;
    let answer = client.ask(json!({"op": "group_add", "group": "a b"})).await;
    assert_eq!(answer["name"], "invalid_name");
    assert_eq!(answer["temporary"], false);
    assert!(answer["reason"].as_str().unwrap().contains("' ' at place 1"), "{answer}");
}
