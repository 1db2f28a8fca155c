//! What operators are told: who is connected, and whether the gateway should be given work.

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::redis::{Host, RedisConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use serde_json::{Value, json};

use super::get;
use crate::support::{Server, eventually};

async fn info(server: &Server, query: &str) -> Value {
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
    let uptime = info["nodes"][0]["uptime"].take();
    assert!(uptime.as_f64().unwrap() < 60.0, "{uptime}");
    let node = info["nodes"][0]["node"].take();
    assert_eq!(node.as_str().unwrap().len(), 16);
    let layer = json!({"name": "memory", "ready": true, "hosts": []});
    assert_eq!(
        info,
        json!({
            "nodes": [{
                "node": null, "version": env!("CARGO_PKG_VERSION"), "uptime": null, "connections": 3, "groups": 2,
                "shards": 3, "shutting_down": false, "layer": layer,
            }],
            "connections": 3,
            "groups": [{"group": "chat.lobby", "members": 1}, {"group": "news", "members": 2}],
            "more": false,
        })
    );
}

#[tokio::test]
async fn groups_are_listed_by_prefix_and_in_pages() {
    let server = Server::start(GatewayConfig::default()).await;
    let mut client = server.connect().await;
    for number in 0..25 {
        client.ok(json!({"op": "group_add", "group": format!("chat.{number:02}")})).await;
    }
    client.ok(json!({"op": "group_add", "group": "news"})).await;
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = info(&server, &format!("?groups=chat.&limit=10&after={after}")).await;
        listed.extend(names(&page).into_iter().map(str::to_owned));
        after = listed.last().unwrap().clone();
        if page["more"] == false {
            break;
        }
        assert_eq!(names(&page).len(), 10);
    }
    assert_eq!(listed, (0..25).map(|number| format!("chat.{number:02}")).collect::<Vec<_>>());
    assert_eq!(names(&info(&server, "?groups=n").await), ["news"]);
    drop(client);
    eventually("the groups are left", || server.gateway.stats().connections == 0).await;
    assert_eq!(names(&info(&server, "").await), [""; 0]);
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?limits=1"] {
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
    let layer = &info(&sick, "").await["nodes"][0]["layer"];
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
