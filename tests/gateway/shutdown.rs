//! The end of a gateway, and where it may begin.

use std::collections::HashSet;
use std::time::Duration;

use channel_layers::ErrorKind;
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::support::raw::Raw;
use crate::support::{Client, Server, eventually, within};

/// The opcode of a text frame.
const TEXT: u8 = 1;

#[tokio::test]
async fn every_client_is_closed_with_4000_and_its_own_wait() {
    let server = Server::start(GatewayConfig::default().with_reconnect_spread(Duration::from_millis(1000))).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(server.join("g").await);
    }
    let (gateway, address) = (server.gateway.clone(), server.address);
    let stopping = server.stop();
    let mut waits = Vec::new();
    for client in &mut clients {
        let (code, reason) = client.raw.closed().await;
        assert_eq!(code, 4000);
        let reason: Value = serde_json::from_str(&reason).unwrap();
        assert!(reason["reason"].is_string(), "{reason}");
        waits.push(reason["retry_after"].as_u64().unwrap());
    }
    stopping.stopped().await;
    waits.sort_unstable();
    assert_eq!(waits, (1..=10).map(|n| n * 100).collect::<Vec<_>>());
    let stats = gateway.stats();
    assert_eq!((stats.connections, stats.closes.get(&4000)), (0, Some(&10)));
    assert!(TcpStream::connect(address).await.is_err(), "the port is free");
}

#[tokio::test]
async fn what_was_accepted_before_the_shutdown_arrives_before_the_close() {
    let server = Server::start(GatewayConfig::default()).await;
    let (mut receiver, mut sender) = (server.join("g").await, server.connect().await);
    for n in 0..20 {
        sender.ok(json!({"op": "group_send", "group": "g", "message": {"n": n}})).await;
    }
    let stopping = server.stop();
    for n in 0..20 {
        assert_eq!(receiver.next().await["message"]["n"], n);
    }
    assert_eq!(receiver.raw.closed().await.0, 4000);
    drop(sender);
    stopping.stopped().await;
}

/// Sends to the group until the gateway closes, one request after the other; what was acknowledged.
async fn send_until_closed(mut sender: Client, lane: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let note = format!("{lane}.{n}");
        sender.request(json!({"op": "group_send", "group": "g", "message": {"note": note}})).await;
        match sender.raw.next().await {
            Some(frame) if frame.opcode == TEXT => acknowledged.push(note),
            _ => break,
        }
    }
    acknowledged
}

/// What a member hears until the gateway closes.
async fn hear_until_closed(mut member: Client) -> HashSet<String> {
    let mut heard = HashSet::new();
    while let Some(frame) = member.raw.next().await.filter(|frame| frame.opcode == TEXT) {
        let frame: Value = serde_json::from_slice(&frame.payload).unwrap();
        heard.extend(frame["message"]["note"].as_str().map(str::to_owned));
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_during_the_shutdown_arrives_before_the_close_too() {
    for _ in 0..20 {
        let server = Server::start(GatewayConfig::default()).await;
        let members =
            [server.join("g").await, server.join("g").await].map(|member| tokio::spawn(hear_until_closed(member)));
        let mut senders = Vec::new();
        for lane in 0..8 {
            senders.push(tokio::spawn(send_until_closed(server.connect().await, lane)));
        }
        let gateway = server.gateway.clone();
        eventually("messages flow", || gateway.stats().frames_in > 400).await;
        let stopping = server.stop();
        let mut acknowledged = Vec::new();
        for sender in senders {
            acknowledged.extend(within("the senders are closed", sender).await.unwrap());
        }
        for member in members {
            let heard = within("the members are closed", member).await.unwrap();
            let missing: Vec<_> = acknowledged.iter().filter(|note| !heard.contains(*note)).collect();
            assert!(missing.is_empty(), "{} of {}: {missing:?}", missing.len(), acknowledged.len());
        }
        stopping.stopped().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_the_close_is_left_behind() {
    let config = GatewayConfig::default().with_close_timeout(Duration::from_millis(50));
    let server = Server::start(config).await;
    let _silent = server.join("g").await;
    let _unconnected = Raw::open(server.address, &[]).await;
    let gateway = server.gateway.clone();
    server.stop().stopped().await;
    assert_eq!(gateway.stats().connections, 0);
}

#[tokio::test]
async fn what_does_not_close_in_time_is_cut() {
    let config = GatewayConfig::default()
        .with_close_timeout(Duration::from_secs(60))
        .with_shutdown_timeout(Duration::from_millis(50));
    let server = Server::start(config).await;
    let _silent = server.connect().await;
    let gateway = server.gateway.clone();
    // The gateway's own limit of 50 ms holds, not the minute that each connection would have.
    within("the shutdown", gateway.shutdown()).await;
    assert_eq!(gateway.stats().connections, 0);
}

#[tokio::test]
async fn idle_http_connections_do_not_hold_the_shutdown_up() {
    let server = Server::start(GatewayConfig::default()).await;
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut kept_alive = Raw::handshake(server.address, head).await;
    assert_eq!(kept_alive.body().await, "ok\n");
    server.stop().stopped().await;
    assert_eq!(kept_alive.next().await, None);
}

#[tokio::test]
async fn an_anonymous_gateway_listens_on_loopback_only() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
    let error = within("a refusal", gateway.serve(listener, std::future::pending())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("--allow-anonymous"), "{error}");
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let gateway = Gateway::new(Layer::default(), GatewayConfig::default().with_allow_anonymous(true));
    within("serving", gateway.serve(listener, async {})).await.unwrap();
}
