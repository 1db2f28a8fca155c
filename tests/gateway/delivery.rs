//! What reaches whom, and in which order.

use channel_layers::gateway::GatewayConfig;
use channel_layers::layer::{ChannelLayer, Pattern};
use channel_layers::{GroupName, message};
use serde_json::{Value, json};

use crate::support::raw::{BINARY, Raw};
use crate::support::{Server, eventually};

async fn server() -> Server {
    Server::start(GatewayConfig::default()).await
}

#[tokio::test]
async fn a_message_reaches_every_member_and_nobody_else() {
    let server = server().await;
    let (mut first, mut second) = (server.join("lobby").await, server.join("lobby").await);
    let mut other = server.join("kitchen").await;
    let message = json!({"type": "chat.message", "text": "hello", "deep": [1, {"a": null}]});
    first.ok(json!({"op": "group_send", "group": "lobby", "message": message})).await;
    for member in [&mut first, &mut second] {
        assert_eq!(member.next().await, json!({"op": "message", "group": "lobby", "message": message}));
    }
    other.ok(json!({"op": "group_send", "group": "kitchen", "message": {"n": 1}})).await;
    assert_eq!(other.next().await["message"]["n"], 1, "the first thing that it hears");
}

#[tokio::test]
async fn what_one_sends_stays_in_order() {
    let server = server().await;
    let mut receiver = server.join("g").await;
    let mut sender = server.join("g").await;
    for n in 0..1000 {
        sender.send(&json!({"op": "group_send", "group": "g", "message": {"n": n}})).await;
    }
    for client in [&mut receiver, &mut sender] {
        for n in 0..1000 {
            assert_eq!(client.next().await["message"]["n"], n);
        }
    }
}

#[tokio::test]
async fn answers_come_in_the_order_of_requests() {
    let server = server().await;
    let mut client = server.connect().await;
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(client.request(json!({"op": "group_add", "group": format!("g{n}")})).await);
        ids.push(client.request(json!({"op": "group_add", "group": "not a name"})).await);
        ids.push(client.request(json!({"op": "group_send", "group": "elsewhere", "message": {}})).await);
        ids.push(client.request(json!({"op": "group_discard", "group": format!("g{n}")})).await);
    }
    for id in ids {
        assert_eq!(client.next().await["id"], id);
    }
}

#[tokio::test]
async fn nothing_comes_before_the_join_is_granted_or_after_the_leave_is() {
    let server = server().await;
    let layer = server.gateway.layer().clone();
    let group = GroupName::new("busy").unwrap();
    let storm = tokio::spawn(async move {
        loop {
            layer.group_send(&group, message! { "type": "storm" }).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut client = server.connect().await;
    for _ in 0..200 {
        client.ok(json!({"op": "group_add", "group": "busy"})).await;
        assert_eq!(client.next().await["group"], "busy");
        let id = client.request(json!({"op": "group_discard", "group": "busy"})).await;
        while client.next().await["id"] != id {}
    }
    storm.abort();
}

#[tokio::test]
async fn joining_twice_is_joining_once() {
    let server = server().await;
    let mut client = server.join("g").await;
    client.ok(json!({"op": "group_add", "group": "g", "recover": {"epoch": "e", "offset": 7}})).await;
    client.ok(json!({"op": "group_send", "group": "g", "message": {"n": 1}})).await;
    assert_eq!(client.next().await["message"]["n"], 1);
    client.ok(json!({"op": "group_discard", "group": "g"})).await;
    client.ok(json!({"op": "group_discard", "group": "g"})).await;
    client.ok(json!({"op": "group_send", "group": "g", "message": {"n": 2}})).await;
}

#[tokio::test]
async fn a_connection_is_a_channel() {
    let server = server().await;
    let (mut first, welcome) = server.welcomed().await;
    let mut second = server.connect().await;
    let channel = welcome["channel"].as_str().unwrap();
    second.ok(json!({"op": "send", "channel": channel, "message": {"type": "hi"}})).await;
    assert_eq!(first.next().await, json!({"op": "message", "channel": channel, "message": {"type": "hi"}}));
}

#[tokio::test]
async fn a_sender_that_a_client_writes_is_removed() {
    let server = server().await;
    let mut client = server.join("g").await;
    let forged = json!({"type": "t", "sender": "admin", "n": 1});
    client.ok(json!({"op": "group_send", "group": "g", "message": forged})).await;
    assert_eq!(client.next().await["message"], json!({"type": "t", "n": 1}));
}

#[tokio::test]
async fn requests_without_an_id_are_served_without_an_answer() {
    let server = server().await;
    let mut client = server.join("g").await;
    client.send(&json!({"op": "group_send", "group": "g", "message": {"n": 1}})).await;
    assert_eq!(client.next().await, json!({"op": "message", "group": "g", "message": {"n": 1}}));
}

#[tokio::test]
async fn each_client_gets_its_own_encoding() {
    let server = server().await;
    let mut json_client = server.join("g").await;
    let mut raw = Raw::open(server.address, &["channel-layers.v1.msgpack"]).await;
    let mut ask = async |frame: Value| {
        let bytes = channel_layers::Message::from_json(frame.to_string()).unwrap();
        raw.frame(true, BINARY, bytes.msgpack()).await;
        let answer = raw.next().await.unwrap();
        assert_eq!(answer.opcode, BINARY);
        let answer = channel_layers::Message::from_msgpack(answer.payload).unwrap();
        serde_json::from_slice::<Value>(answer.json()).unwrap()
    };
    assert_eq!(ask(json!({"op": "connect", "id": 1})).await["op"], "welcome");
    assert_eq!(ask(json!({"op": "group_add", "id": 2, "group": "g"})).await["op"], "ok");
    let bytes = json!({"$bytes": "AAEC/w=="});
    let heard = ask(json!({"op": "group_send", "group": "g", "message": {"data": bytes}})).await;
    assert_eq!(heard, json!({"op": "message", "group": "g", "message": {"data": bytes}}));
    assert_eq!(json_client.next().await["message"], json!({"data": bytes}));
}

#[tokio::test]
async fn a_member_that_is_gone_leaves_nothing_behind() {
    let server = server().await;
    for round in 0..3 {
        let client = server.join("g").await;
        assert_eq!(server.gateway.stats().connections, 1);
        drop(client);
        eventually("the end of a connection that was cut", || server.gateway.stats().connections == 0).await;
        let stats = server.gateway.stats();
        assert_eq!(stats.ended_by_client, round + 1, "{stats:?}");
    }
    // The last leave gave the group's channel back, so the layer has nobody to send to.
    let mut client = server.connect().await;
    client.ok(json!({"op": "group_send", "group": "g", "message": {}})).await;
    assert_eq!(server.gateway.stats().deliveries, 0);
}

#[tokio::test]
async fn members_of_a_group_that_lost_messages_are_told_and_can_join_again() {
    let server = Server::start(GatewayConfig::default().with_group_capacity(1)).await;
    let mut client = server.join("other").await;
    client.ok(json!({"op": "group_add", "group": "g"})).await;
    let group = GroupName::new("g").unwrap();
    // One thread runs the test and the gateway, so both messages are sent before the first is taken.
    for n in 0..3 {
        server.gateway.layer().group_send(&group, message! { "n": n }).await.unwrap();
    }
    let told = loop {
        let frame = client.next().await;
        if frame["op"] != "message" {
            break frame;
        }
    };
    assert_eq!((&told["op"], &told["group"], &told["code"]), (&json!("group_discarded"), &json!("g"), &json!(2500)));
    assert_eq!(server.gateway.stats().groups_lost, 1);
    client.ok(json!({"op": "group_add", "group": "g"})).await;
    server.gateway.layer().group_send(&group, message! { "n": 9 }).await.unwrap();
    assert_eq!(client.next().await["message"]["n"], 9);
    client.ok(json!({"op": "group_send", "group": "other", "message": {"n": 10}})).await;
    assert_eq!(client.next().await["group"], "other", "another group lost nothing");
}

#[tokio::test]
async fn a_flood_of_one_client_does_not_starve_another() {
    let server = server().await;
    let mut flooding = server.connect().await;
    let mut polite = server.join("g").await;
    let frame = json!({"op": "group_send", "group": "nobody", "message": {}}).to_string();
    let burst = crate::support::raw::frame(true, 1, frame.as_bytes()).repeat(2000);
    let flood = tokio::spawn(async move {
        loop {
            flooding.raw.bytes(&burst).await;
        }
    });
    for n in 0..50 {
        polite.ok(json!({"op": "group_send", "group": "g", "message": {"n": n}})).await;
        assert_eq!(polite.next().await["message"]["n"], n);
    }
    flood.abort();
}

#[tokio::test]
async fn a_volatile_group_skips_clients_that_are_not_ready_and_keeps_them() {
    let config = GatewayConfig::default().with_volatile(vec![Pattern::glob("cursor.*")]).with_outbound_bytes(1 << 18);
    let server = Server::start(config).await;
    let mut slow = server.join("cursor.page").await;
    let mut quick = server.join("cursor.page").await;
    let mut sender = server.connect().await;
    let text = "x".repeat(16 * 1024);
    let mut sent = 0;
    while server.gateway.stats().dropped_volatile < 100 {
        assert!(sent < 10_000, "the slow client still takes everything");
        sender.ok(json!({"op": "group_send", "group": "cursor.page", "message": {"n": sent, "text": text}})).await;
        assert_eq!(quick.next().await["message"]["n"], sent, "one that reads misses nothing");
        sent += 1;
    }
    // It reads again: what the kernel and the gateway still hold comes in order, and then what is new.
    let mut last = -1;
    loop {
        sender.ok(json!({"op": "group_send", "group": "cursor.page", "message": {"n": sent, "text": text}})).await;
        quick.next().await;
        let n = slow.next().await["message"]["n"].as_i64().unwrap();
        assert!(n > last);
        if n > last + 1 && last >= 0 {
            break;
        }
        last = n;
        sent += 1;
    }
    let stats = server.gateway.stats();
    assert_eq!((stats.connections, stats.dropped_slow, stats.closes.len()), (3, 0, 0), "{stats:?}");
}
