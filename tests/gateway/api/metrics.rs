//! `/metrics`: what it counts, in a format that a strict reader takes, and who may read it.

use std::collections::BTreeMap;
use std::future::ready;

use channel_layers::gateway::{Authorizer, Credentials, Decision, Denied, Gateway, GatewayConfig, Identity};
use channel_layers::layer::redis::{Host, RedisConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use serde_json::json;

use super::openmetrics::Page;
use super::{ADMIN_KEY, KEY, get, keyed, post};
use crate::support::raw::{self, Raw};
use crate::support::{Server, eventually};

async fn page<L: ChannelLayer>(server: &Server<L>) -> Page {
    let answer = get(server.address, "/metrics", &[]).await;
    assert_eq!(answer.status, 200);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    Page::read(answer.text())
}

#[tokio::test]
async fn a_strict_reader_takes_it_and_every_name_keeps_the_conventions() {
    let server = Server::start(keyed()).await;
    let page = page(&server).await;
    for name in page.names() {
        assert!(name.starts_with("channel_layers_"), "{name}");
        assert!(!name.contains("_total") && !name.ends_with("_count") && !name.ends_with("_info"), "{name}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(page.value(&format!("channel_layers_build_info{{version={version},layer=memory}}")), 1.0);
    assert_eq!(page.value("channel_layers_ready"), 1.0);
    assert!(page.value("channel_layers_start_time_seconds") > 1.7e9);
    // Codes and reasons are there before anything has happened.
    assert_eq!(page.value("channel_layers_connections_closed_total{code=4003}"), 0.0);
    assert_eq!(page.value("channel_layers_requests_rejected_total{code=permission_denied}"), 0.0);
}

#[tokio::test]
async fn connections_frames_bytes_and_deliveries_are_counted() {
    let server = Server::start(GatewayConfig::default()).await;
    let (mut json, mut other) = (server.join("news").await, server.join("news").await);
    let mut msgpack = Raw::open(server.address, &["channel-layers.v1.msgpack"]).await;
    msgpack.frame(true, raw::BINARY, channel_layers::message! { "op": "connect", "id": 1 }.msgpack()).await;
    msgpack.next().await.unwrap();
    let before = page(&server).await;
    assert_eq!(before.value("channel_layers_connections{encoding=json}"), 2.0);
    assert_eq!(before.value("channel_layers_connections{encoding=msgpack}"), 1.0);
    assert_eq!(before.value("channel_layers_groups"), 1.0);
    assert_eq!(before.value("channel_layers_frames_received_total"), 5.0);
    let path = "/api/groups/news/messages";
    assert_eq!(post(server.address, path, &[], &json!({"n": 1})).await.status, 202);
    let (heard, _) = (json.next().await, other.next().await);
    let counted = || server.gateway.stats().delivery_times.counts.iter().map(|(_, n)| n).sum::<u64>() > 0;
    eventually("the delivery is timed", counted).await;
    drop(msgpack);
    eventually("the connection has ended", || server.gateway.stats().connections == 2).await;
    let after = page(&server).await;
    let grown = |name: &str| after.value(name) - before.value(name);
    assert_eq!(grown("channel_layers_deliveries_total"), 2.0);
    assert_eq!(grown("channel_layers_frames_sent_total"), 2.0);
    // Two bytes of header, since the frame is a short one.
    let frame = 2.0 + f64::from(u16::try_from(heard.to_string().len()).unwrap());
    assert_eq!(grown("channel_layers_sent_bytes_total"), 2.0 * frame);
    assert!((1.0..=2.0).contains(&grown("channel_layers_delivery_seconds_count")), "once for each shard");
    assert!(after.value("channel_layers_delivery_seconds_sum") > 0.0);
    assert_eq!(after.value("channel_layers_connections{encoding=msgpack}"), 0.0);
    assert_eq!(after.value("channel_layers_connections_opened_total{encoding=msgpack}"), 1.0);
    assert_eq!(after.value("channel_layers_connections_closed_total{code=client}"), 1.0);
}

#[tokio::test]
async fn bytes_from_clients_are_those_of_their_frames() {
    let server = Server::start(GatewayConfig::default()).await;
    let mut raw = Raw::open(server.address, &[]).await;
    let (connect, pong) = (r#"{"op":"connect","id":1}"#, r#"{"op":"pong"}"#);
    raw.text(connect).await;
    raw.next().await.unwrap();
    raw.text(pong).await;
    // Two bytes of header and four of the mask, each.
    let sent = (connect.len() + pong.len() + 2 * 6) as u64;
    eventually("all of it is counted", || server.gateway.stats().bytes_in == sent).await;
}

#[tokio::test]
async fn refusals_are_counted_by_their_codes_whichever_way_they_went() {
    let server = Server::start(keyed()).await;
    let mut client = server.connect().await;
    assert_eq!(client.refused(json!({"op": "group_add", "group": "no name"})).await, 102);
    assert_eq!(post(server.address, "/api/groups/no%20name/messages", &[], &json!({})).await.refusal(), (400, 102));
    let full = "/api/channels/worker/messages";
    for _ in 0..100 {
        assert_eq!(post(server.address, full, &[], &json!({})).await.status, 202);
    }
    assert_eq!(client.refused(json!({"op": "send", "channel": "worker", "message": {}})).await, 108);
    assert_eq!(post(server.address, full, &[("X-API-Key", "0000000000000000")], &json!({})).await.status, 401);
    let page = page(&server).await;
    assert_eq!(page.value("channel_layers_requests_rejected_total{code=invalid_name}"), 2.0);
    assert_eq!(page.value("channel_layers_requests_rejected_total{code=channel_full}"), 1.0);
    assert_eq!(page.value("channel_layers_layer_errors_total{kind=channel_full}"), 1.0);
    assert_eq!(page.value("channel_layers_api_key_failures_total{reason=wrong}"), 1.0);
}

#[tokio::test]
async fn a_client_that_does_not_read_shows() {
    let server = Server::start(GatewayConfig::default().with_outbound_bytes(256 * 1024)).await;
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(r#"{"op":"connect","id":1}"#).await;
    raw.next().await.unwrap();
    raw.text(r#"{"op":"group_add","id":2,"group":"news"}"#).await;
    raw.next().await.unwrap();
    let text = json!({"text": "x".repeat(32 * 1024)});
    while server.gateway.stats().dropped_slow == 0 {
        assert_eq!(post(server.address, "/api/groups/news/messages", &[], &text).await.status, 202);
    }
    let page = page(&server).await;
    assert!(page.value("channel_layers_longest_backlog_bytes") > 100_000.0);
    assert!(page.value("channel_layers_dropped_messages_total{reason=slow_consumer}") >= 1.0);
}

/// Refuses everybody, and counts it.
struct Counting;

impl Authorizer for Counting {
    fn connect<'a>(&'a self, _: &'a Credentials) -> Decision<'a, Identity> {
        Box::pin(ready(Err(Denied::Unauthorized("nobody is let in".into()))))
    }

    fn failures(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([("expired", 3)])
    }
}

#[tokio::test]
async fn what_the_layer_and_the_authorizer_know_is_there() {
    // Nobody listens on this port.
    let layer = Layer::redis(RedisConfig::new([Host::url("redis://:secret@127.0.0.1:1/0").unwrap()])).unwrap();
    let server = Server::of(Gateway::with_authorizer(layer, GatewayConfig::default(), Counting)).await;
    let answer = get(server.address, "/metrics", &[]).await;
    assert!(!answer.text().contains("secret"));
    let page = Page::read(answer.text());
    let host = server.gateway.health().hosts[0].host.clone();
    assert_eq!(page.value(&format!("channel_layers_layer_up{{host={host}}}")), 0.0);
    assert_eq!(page.find(&format!("channel_layers_layer_canary_lag_seconds{{host={host}}}")), None);
    assert_eq!(page.value("channel_layers_ready"), 0.0);
    assert_eq!(page.value("channel_layers_layer_dropped_messages_total{reason=undecodable}"), 0.0);
    assert_eq!(page.value("channel_layers_auth_failures_total{reason=expired}"), 3.0);
    server.gateway.layer().close().await.unwrap();
}

#[tokio::test]
async fn it_is_for_this_machine_for_those_with_a_key_or_for_all_as_configured() {
    let elsewhere = ("X-Forwarded-For", "192.0.2.1");
    let server = Server::start(keyed()).await;
    assert_eq!(get(server.address, "/metrics", &[]).await.status, 200);
    assert_eq!(get(server.address, "/metrics", &[elsewhere]).await.refusal(), (401, 101));
    for key in [KEY, ADMIN_KEY] {
        assert_eq!(get(server.address, "/metrics", &[elsewhere, ("X-API-Key", key)]).await.status, 200);
    }
    let keyless = Server::start(GatewayConfig::default()).await;
    assert_eq!(get(keyless.address, "/metrics", &[elsewhere]).await.refusal(), (403, 103));
    let open = Server::start(keyed().with_open_metrics(true)).await;
    assert_eq!(get(open.address, "/metrics", &[elsewhere]).await.status, 200);
}
