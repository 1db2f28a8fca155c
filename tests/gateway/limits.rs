//! What a client may take: rates, connections by user and address, ages; and what the one gets that takes more.

use std::future::ready;
use std::time::Duration;

use channel_layers::gateway::{Authorizer, Credentials, Decision, Gateway, GatewayConfig, Identity};
use channel_layers::layer::{ChannelLayer, Layer, Pattern};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::raw::{PING, Raw, request};
use crate::support::{Server, eventually};

/// Everybody is whom the token says, in the groups behind the name: `ann`, `ann:g,h`.
struct ByToken;

impl Authorizer for ByToken {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        let token = credentials.token.as_deref().unwrap_or("nobody");
        let (user, groups) = token.split_once(':').unwrap_or((token, ""));
        let groups = groups.split(',').filter(|group| !group.is_empty()).map(|group| group.parse().unwrap());
        Box::pin(ready(Ok(Identity::user(user).with_join(groups.collect::<Vec<_>>()))))
    }
}

async fn by_token(config: GatewayConfig) -> Server {
    Server::of(Gateway::with_authorizer(Layer::default(), config, ByToken)).await
}

async fn connect(server: &Server, token: &str) -> Raw {
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(&json!({"op": "connect", "id": 1, "token": token}).to_string()).await;
    raw
}

fn send(id: u64) -> Value {
    json!({"op": "group_send", "id": id, "group": "g", "message": {}})
}

#[tokio::test]
async fn a_client_that_asks_too_fast_is_told_how_long_to_wait_and_then_served() {
    let server = Server::start(GatewayConfig::default().with_message_rate(20).with_message_burst(2)).await;
    let mut client = server.connect().await;
    for id in 1..=3 {
        client.send(&send(id)).await;
    }
    assert_eq!((client.next().await["op"].clone(), client.next().await["op"].clone()), (json!("ok"), json!("ok")));
    let refused = client.next().await;
    assert_eq!((&refused["code"], &refused["id"], &refused["temporary"]), (&json!(110), &json!(3), &json!(true)));
    let wait = refused["retry_after"].as_u64().expect("a wait");
    assert!((1..=50).contains(&wait), "{wait}");
    // Asked before its time it is refused again, so this ends only if the wait is what it says.
    let begun = tokio::time::Instant::now();
    tokio::time::sleep_until(begun + Duration::from_millis(wait + 51)).await;
    assert_eq!(client.ask(send(4)).await["op"], "ok");
}

#[tokio::test]
async fn a_client_that_does_not_wait_is_closed_with_4005() {
    let server = Server::start(GatewayConfig::default().with_message_rate(1).with_message_burst(5)).await;
    let mut client = server.connect().await;
    for id in 1..=11 {
        client.send(&send(id)).await;
    }
    for _ in 1..=10 {
        client.next().await;
    }
    let (code, reason) = client.raw.closed().await;
    assert_eq!(code, 4005);
    let reason: Value = serde_json::from_str(&reason).unwrap();
    assert!(reason["retry_after"].as_u64() > Some(4000), "{reason}");
    eventually("the count", || server.gateway.stats().closes.get(&4005) == Some(&1)).await;
}

#[tokio::test]
async fn websocket_pings_are_requests_too() {
    let server = Server::start(GatewayConfig::default().with_message_rate(1).with_message_burst(5)).await;
    let mut client = server.connect().await;
    for _ in 0..11 {
        client.raw.frame(true, PING, b"").await;
    }
    assert_eq!(client.raw.closed().await.0, 4005);
}

#[tokio::test]
async fn frames_that_are_no_requests_count_as_well() {
    let server = Server::start(GatewayConfig::default().with_message_rate(1).with_message_burst(5)).await;
    let mut client = server.connect().await;
    for id in 1..=11 {
        client.send(&json!({"op": "nonsense", "id": id})).await;
    }
    for _ in 1..=10 {
        assert_eq!(client.next().await["code"], 104);
    }
    assert_eq!(client.raw.closed().await.0, 4005);
}

#[tokio::test]
async fn a_user_may_have_so_many_connections() {
    let server = by_token(GatewayConfig::default().with_user_connections(2)).await;
    let mut first = connect(&server, "ann").await;
    let mut second = connect(&server, "ann").await;
    assert_eq!(
        (first.json().await["op"].clone(), second.json().await["op"].clone()),
        (json!("welcome"), json!("welcome"))
    );
    assert_eq!(connect(&server, "ann").await.closed().await.0, 4504);
    let mut bob = connect(&server, "bob").await;
    assert_eq!(bob.json().await["op"], "welcome");
    assert_eq!(server.gateway.stats().users, 2);
    drop(first);
    eventually("one of ann's has ended", || server.gateway.stats().ended_by_client == 1).await;
    assert_eq!(connect(&server, "ann").await.json().await["op"], "welcome");
}

#[tokio::test]
async fn an_address_may_have_so_many_connections() {
    let server = Server::start(GatewayConfig::default().with_address_connections(2)).await;
    let (first, _second) = (server.connect().await, server.connect().await);
    let refused = Raw::handshake(server.address, &request("")).await.head;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("retry-after: "), "{refused}");
    drop(first);
    eventually("one has ended", || server.gateway.stats().connections == 1).await;
    server.connect().await;
}

#[tokio::test]
async fn pages_of_other_sites_may_not_connect_unless_they_are_named() {
    let server = Server::start(GatewayConfig::default()).await;
    let head = async |server: &Server, origin: &str| {
        Raw::handshake(server.address, &request(&format!("Origin: {origin}\r\n"))).await.head
    };
    assert!(head(&server, "https://evil.example").await.starts_with("HTTP/1.1 403 "));
    assert_eq!(server.gateway.stats().refused, 1);
    assert!(head(&server, "http://localhost").await.starts_with("HTTP/1.1 101 "), "the host of the request");
    let origins = vec![Pattern::glob("https://*.example")];
    let server = Server::start(GatewayConfig::default().with_origins(origins)).await;
    assert!(head(&server, "https://app.example").await.starts_with("HTTP/1.1 101 "));
    assert!(head(&server, "https://app.example.evil").await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn a_connection_ends_by_age_with_4008_between_nine_tenths_and_all_of_it() {
    let age = Duration::from_millis(200);
    let server = Server::start(GatewayConfig::default().with_max_connection_age(Some(age))).await;
    let begun = tokio::time::Instant::now();
    let mut client = server.connect().await;
    assert_eq!(client.raw.closed().await.0, 4008);
    assert!(begun.elapsed() >= age.mul_f64(0.9));
}

#[tokio::test]
async fn who_is_put_into_groups_from_the_start_hears_all_from_the_welcome_on() {
    let server = by_token(GatewayConfig::default()).await;
    let mut ann = connect(&server, "ann:g,h,g").await;
    let welcome = ann.json().await;
    assert_eq!((&welcome["op"], &welcome["groups"]), (&json!("welcome"), &json!(["g", "h", "g"])));
    for group in ["g", "h"] {
        server.gateway.layer().group_send(&group.parse().unwrap(), channel_layers::message! { "n": 1 }).await.unwrap();
        assert_eq!(ann.json().await["group"], group);
    }
    ann.text(&json!({"op": "group_add", "id": 2, "group": "g"}).to_string()).await;
    assert_eq!(ann.json().await["op"], "ok", "it is in it");
    ann.text(&json!({"op": "group_add", "id": 3, "group": "other"}).to_string()).await;
    assert_eq!(ann.json().await["code"], 103, "and may not join others");
    let many = (0..200).map(|n| format!("g{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(connect(&server, &format!("bob:{many}")).await.closed().await.0, 4502);
}

#[tokio::test]
async fn nobody_joins_or_sends_to_the_gateways_own_group() {
    let server = Server::start(GatewayConfig::default()).await;
    let mut client = server.connect().await;
    let order = json!({"type": "_gateway.disconnect", "user": "ann"});
    for (frame, code) in [
        (json!({"op": "group_add", "group": "_gateway.control"}), 103),
        (json!({"op": "group_send", "group": "_gateway.control", "message": {"type": "chat"}}), 103),
        (json!({"op": "group_send", "group": "g", "message": order}), 112),
        (json!({"op": "send", "channel": "gateway!x", "message": order}), 112),
    ] {
        assert_eq!(client.ask(frame.clone()).await["code"], code, "{frame}");
    }
}

/// Many connections close a few at a time, and those that are not closed yet are served.
#[tokio::test]
async fn a_shutdown_closes_many_connections_at_a_pace() {
    let config = GatewayConfig::default().with_reconnect_spread(Duration::from_millis(600));
    let server = Server::start(config).await;
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(server.join("g").await);
    }
    let mut last = server.connect().await;
    let gateway = server.gateway.clone();
    let stopping = server.stop();
    eventually("some have ended", || (1..250).contains(&gateway.stats().closes.values().sum::<u64>())).await;
    // Either it is served, or it is one of those that were closed.
    last.request(send(7)).await;
    let mut closing = JoinSet::new();
    for mut client in clients {
        closing.spawn(async move {
            loop {
                let frame = client.raw.next().await.expect("a close frame comes first");
                if frame.opcode == crate::support::raw::CLOSE {
                    return u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
                }
            }
        });
    }
    while let Some(code) = closing.join_next().await {
        assert_eq!(code.unwrap(), 4000);
    }
    drop(last);
    stopping.stopped().await;
    assert_eq!(gateway.stats().connections, 0);
}
