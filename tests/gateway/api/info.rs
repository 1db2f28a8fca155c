//! What operators are told: who is connected, and whether the gateway should be given work.

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::redis::{Host, RedisConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use serde_json::{Value, json};

use super::get;
use crate::support::{Server, eventually};

async fn info<L: ChannelLayer>(server: &Server<L>, query: &str) -> Value {
    let answer = get(server.address, &format!("/api/info{query}"), &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn names(info: &Value) -> Vec<&str> {
    info["groups"].as_array().unwrap().iter().map(|group| group["group"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn it_tells_of_connections_groups_and_the_layer() {
    let server = Server::start(GatewayConfig::default().with_shards(3)).await;
    let _clients = (server.join("news").await, server.join("news").await, server.join("chat.lobby").await);
    let mut info = info(&server, "").await;
    assert!(info["nodes"][0]["uptime"].take().is_u64());
    let node = info["nodes"][0]["node"].take();
    assert_eq!(node.as_str().unwrap().len(), 16);
    let node = json!({
        "node": null, "version": env!("CARGO_PKG_VERSION"), "uptime": null, "connections": 3, "users": 0, "groups": 2,
        "draining": false,
    });
    let expected = json!({
        "nodes": [node], "missing": 0, "connections": 3,
        "groups": [{"group": "chat.lobby", "members": 1}, {"group": "news", "members": 2}], "more": false,
        "layer": {"name": "memory", "ready": true, "hosts": []},
    });
    assert_eq!(info, expected);
}

#[tokio::test]
async fn groups_are_listed_by_prefix_up_to_a_limit() {
    let server = Server::start(GatewayConfig::default()).await;
    let mut client = server.connect().await;
    for number in 0..25 {
        client.ok(json!({"op": "group_add", "group": format!("chat.{number:02}")})).await;
    }
    client.ok(json!({"op": "group_add", "group": "news"})).await;
    for (query, listed, more) in [("?groups=chat.&limit=10", 10, true), ("?groups=chat.&limit=25", 25, false)] {
        let page = info(&server, query).await;
        let expected: Vec<_> = (0..listed).map(|number| format!("chat.{number:02}")).collect();
        assert_eq!((names(&page), &page["more"]), (expected.iter().map(String::as_str).collect(), &json!(more)));
    }
    assert_eq!(names(&info(&server, "?groups=n").await), ["news"]);
    drop(client);
    eventually("the groups are left", || server.gateway.stats().connections == 0).await;
    assert_eq!(names(&info(&server, "").await), [""; 0]);
    for query in ["?limit=0", "?limit=501", "?limit=x", "?limits=1"] {
        let answer = get(server.address, &format!("/api/info{query}"), &[]).await;
        assert_eq!(answer.refusal(), (400, 106), "{query}");
    }
}

#[tokio::test]
async fn ready_is_a_gateway_whose_layer_carries_messages() {
    let well = Server::start(GatewayConfig::default()).await;
    let answer = get(well.address, "/readyz", &[]).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"ready": true})));
    // Nobody listens on this port, and no test message has ever come back.
    let layer = Layer::redis(RedisConfig::new([Host::url("redis://127.0.0.1:1/0").unwrap()])).unwrap();
    let sick = Server::of(Gateway::new(layer, GatewayConfig::default())).await;
    let answer = get(sick.address, "/readyz", &[]).await;
    let reason = "the channel layer does not carry messages";
    assert_eq!((answer.status, answer.json()), (503, json!({"ready": false, "reason": reason})));
    assert_eq!(get(sick.address, "/healthz", &[]).await.status, 200);
    let layer = &info(&sick, "").await["layer"];
    assert_eq!((&layer["ready"], &layer["hosts"][0]["lag"]), (&json!(false), &Value::Null));
    assert!(layer["hosts"][0]["host"].as_str().unwrap().contains("127.0.0.1:1"), "{layer}");
    sick.gateway.layer().close().await.unwrap();
}

#[tokio::test]
async fn ready_no_more_is_a_gateway_that_shuts_down() {
    let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
    let server = Server::of(gateway).await;
    server.gateway.shutdown().await;
    let answer = get(server.address, "/readyz", &[]).await;
    assert_eq!((answer.status, answer.json()), (503, json!({"ready": false, "reason": "the gateway shuts down"})));
}
