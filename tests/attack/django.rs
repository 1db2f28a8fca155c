//! Messages whose type is chosen to run a method of a real Django consumer that is nobody's to run.

use std::process::Command;

use channel_layers::gateway::{Authorizer, Credentials, Decision, Gateway, GatewayConfig, Grants, Identity, Right};
use channel_layers::layer::Layer;
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer};
use rig::django::python;
use rig::{Process, RedisServer, until};
use serde_json::{Value, json};

use crate::support::Server;

/// Everybody may send `chat.message` to the lobby and nothing else.
struct ToTheLobby;

impl Authorizer for ToTheLobby {
    fn connect<'a>(&'a self, _: &'a Credentials) -> Decision<'a, Identity> {
        let grants = Grants::default().with_group("chat.lobby", [Right::Send]).with_type("chat.message");
        Box::pin(std::future::ready(Ok(Identity::user("mallory").with_grants(grants))))
    }
}

/// What the consumer has printed.
fn lines(consumer: &Process) -> Vec<Value> {
    let output = consumer.output();
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{output}"))).collect()
}

#[tokio::test]
async fn a_consumer_of_django_runs_what_was_granted_and_nothing_else() {
    let redis = RedisServer::start().await;
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/django/consumer.py");
    let mut command = Command::new(std::path::absolute(python()).unwrap());
    let consumer = Process::start(command.args([program, &redis.url()]).env("PYTHONDONTWRITEBYTECODE", "1"));
    until!("the consumer is in its group", consumer.output().contains("ready"));
    let inherited = lines(&consumer).swap_remove(0);

    let layer = RedisLayer::connect(RedisConfig::new([Host::url(&redis.url()).unwrap()])).await.unwrap();
    let gateway = Gateway::with_authorizer(Layer::from(layer), GatewayConfig::default(), ToTheLobby);
    let server = Server::of(gateway).await;
    let mut attacker = server.connect().await;
    let mut send = async |message: Value| -> u64 {
        let frame = json!({"op": "group_send", "group": "chat.lobby", "message": message});
        attacker.ask(frame).await["code"].as_u64().unwrap_or(0)
    };

    // Whatever the grants say, and however it is spelled.
    for name in inherited["inherited"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
        assert_eq!(send(json!({"type": name})).await, 112, "{name}");
        assert_eq!(send(json!({"type": name.replace('_', ".")})).await, 112, "{name}");
    }
    for kind in ["websocket.close", "websocket.disconnect", "_private", ".private", "__class__", "http.request"] {
        assert_eq!(send(json!({"type": kind})).await, 112, "{kind}");
    }
    // What was not granted.
    for message in [
        json!({"type": "chat_delete_all"}),
        json!({"type": "chat.delete.all"}),
        json!({"type": "chat.message\0"}),
        json!({"type": "chat.message "}),
        json!({"type": "chat․message"}),
        json!({"text": "no type"}),
    ] {
        assert_eq!(send(message.clone()).await, 103, "{message}");
    }
    let disguised = json!({"type": {"$bytes": "Y2xvc2U="}});
    assert_eq!(send(disguised).await, 106);

    assert_eq!(send(json!({"type": "chat.message", "sender": "the editor"})).await, 0);
    until!("what was granted has run", consumer.output().contains("ran"));
    let came = json!({"came": "chat.message"});
    let ran = json!({"ran": "chat_message", "sender": "mallory"});
    assert_eq!(lines(&consumer)[1..], [json!({"ready": true}), came, ran]);
}
