//! Orders by HTTP: who may give them, and that they reach sockets. What they do to which, `gateway::control` tests.

use channel_layers::gateway::GatewayConfig;
use serde_json::json;

use super::{ADMIN_KEY, KEY, keyed, post, request};
use crate::support::Server;

const DISCONNECT: &str = "/api/disconnect";
const LEAVE: &str = "/api/leave";

#[tokio::test]
async fn a_backend_ends_one_connection_and_takes_another_out_of_a_group() {
    let server = Server::start(keyed()).await;
    let key = [("X-API-Key", KEY)];
    let (mut first, welcome) = server.welcomed().await;
    let body = json!({"connection": welcome["channel"], "reason": "logged out"});
    let answer = post(server.address, DISCONNECT, &key, &body).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"local": 1})));
    assert_eq!(first.raw.closed().await, (4505, "logged out".into()));

    let (mut second, welcome) = server.welcomed().await;
    second.ok(json!({"op": "group_add", "group": "g"})).await;
    let body = json!({"connection": welcome["channel"], "group": "g"});
    assert_eq!(post(server.address, LEAVE, &key, &body).await.status, 202);
    assert_eq!(second.next().await["code"], 2000);
    let body = json!({"connection": welcome["channel"], "reconnect": true});
    let packed = channel_layers::Message::from_json(body.to_string()).unwrap();
    let headers = [("X-API-Key", ADMIN_KEY), ("Content-Type", "application/msgpack")];
    assert_eq!(request(server.address, "POST /api/disconnect", &headers, packed.msgpack()).await.status, 202);
    assert_eq!(second.raw.closed().await.0, 4007);
}

#[tokio::test]
async fn without_a_key_or_without_sense_nothing_is_done() {
    let server = Server::start(keyed()).await;
    let (mut client, welcome) = server.welcomed().await;
    let all = json!({"connection": welcome["channel"]});
    assert_eq!(post(server.address, DISCONNECT, &[], &all).await.refusal(), (401, 101));
    assert_eq!(post(server.address, DISCONNECT, &[("X-API-Key", "guess")], &all).await.refusal(), (401, 101));
    for (path, body) in [
        (DISCONNECT, json!({})),
        (DISCONNECT, json!({"except": welcome["channel"]})),
        (DISCONNECT, json!({"connection": welcome["channel"], "usr": "ann"})),
        (DISCONNECT, json!({"connection": "no channel!!"})),
        (LEAVE, json!({"connection": welcome["channel"]})),
        (LEAVE, json!({"connection": welcome["channel"], "group": "no group!"})),
    ] {
        assert_eq!(post(server.address, path, &[("X-API-Key", KEY)], &body).await.refusal(), (400, 106), "{body}");
    }
    client.ok(json!({"op": "group_add", "group": "g"})).await;
}

#[tokio::test]
async fn no_key_sends_to_the_gateways_own_group() {
    let server = Server::start(keyed()).await;
    let path = "/api/groups/_gateway.control/messages";
    assert_eq!(post(server.address, path, &[("X-API-Key", KEY)], &json!({"type": "t"})).await.refusal(), (403, 103));
}

#[tokio::test]
async fn a_gateway_for_this_machine_alone_takes_orders_without_a_key() {
    let server = Server::start(GatewayConfig::default()).await;
    let (mut client, welcome) = server.welcomed().await;
    let body = json!({"connection": welcome["channel"]});
    let proxied = [("X-Forwarded-For", "203.0.113.7")];
    assert_eq!(post(server.address, DISCONNECT, &proxied, &body).await.refusal(), (403, 103));
    assert_eq!(post(server.address, DISCONNECT, &[], &body).await.status, 202);
    assert_eq!(client.raw.closed().await.0, 4505);
}
