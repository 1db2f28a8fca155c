//! What an authorizer decides, and what a client sees of it.

use std::future::ready;
use std::time::Duration;

use channel_layers::gateway::{Authorizer, Credentials, Decision, Denied, Gateway, GatewayConfig, Identity};
use channel_layers::layer::Layer;
use channel_layers::{ChannelName, GroupName, Message};
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::raw::Raw;

/// Takes the token for the user's name, `:brief` behind it for one that ends soon; some names may not be touched.
struct ByName;

fn answer<'a, T: Send + 'a>(result: Result<T, Denied>) -> Decision<'a, T> {
    Box::pin(ready(result))
}

fn unless_secret(name: &str) -> Result<(), Denied> {
    match name {
        "secret" => Err(Denied::Forbidden("that is secret".into())),
        "login" => Err(Denied::Unauthorized("log in first".into())),
        "busy" => Err(Denied::Unavailable("ask later".into())),
        "old" => Err(Denied::Expired("too late".into())),
        _ => Ok(()),
    }
}

impl Authorizer for ByName {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        assert!(credentials.peer.is_none_or(|peer| peer.ip().is_loopback()));
        let token = credentials.token.as_deref().unwrap_or("login");
        answer(unless_secret(token).map(|()| match token.strip_suffix(":brief") {
            Some(name) => Identity::user(name).expires_in(Duration::from_millis(50)),
            None => Identity::user(token),
        }))
    }

    fn join<'a>(&'a self, _: &'a Identity, group: &'a GroupName) -> Decision<'a, ()> {
        answer(unless_secret(group.as_str()))
    }

    fn group_send<'a>(&'a self, _: &'a Identity, group: &'a GroupName, _: &'a Message) -> Decision<'a, ()> {
        answer(unless_secret(group.as_str()))
    }

    fn send<'a>(&'a self, _: &'a Identity, channel: &'a ChannelName, _: &'a Message) -> Decision<'a, ()> {
        answer(unless_secret(channel.as_str()))
    }
}

fn config() -> GatewayConfig {
    GatewayConfig::default().with_token_grace(Duration::from_millis(50))
}

async fn server() -> Server {
    Server::of(Gateway::with_authorizer(Layer::default(), config(), ByName)).await
}

async fn connect(server: &Server, token: Option<&str>) -> Raw {
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(&json!({"op": "connect", "id": 1, "token": token}).to_string()).await;
    raw
}

async fn ask(raw: &mut Raw, frame: Value) -> Value {
    raw.text(&frame.to_string()).await;
    raw.json().await
}

#[tokio::test]
async fn connections_that_are_refused_are_closed_with_the_reason() {
    let server = server().await;
    for (token, code) in [(None, 4502), (Some("secret"), 4503), (Some("old"), 4002), (Some("busy"), 4001)] {
        let (closed, reason) = connect(&server, token).await.closed().await;
        assert_eq!(closed, code, "{token:?}");
        assert!(!reason.is_empty());
    }
}

#[tokio::test]
async fn requests_that_are_refused_leave_the_connection() {
    let server = server().await;
    let mut raw = connect(&server, Some("ann")).await;
    assert_eq!(raw.json().await["user"], "ann");
    for (name, code) in [("secret", 103), ("login", 101), ("busy", 113), ("old", 107)] {
        for frame in [
            json!({"op": "group_add", "id": 2, "group": name}),
            json!({"op": "group_send", "id": 2, "group": name, "message": {}}),
            json!({"op": "send", "id": 2, "channel": name, "message": {}}),
            json!({"op": "refresh", "id": 2, "token": name}),
        ] {
            assert_eq!(ask(&mut raw, frame.clone()).await["code"], code, "{frame}");
        }
    }
}

#[tokio::test]
async fn the_sender_is_the_tokens_user() {
    let server = server().await;
    let mut raw = connect(&server, Some("ann")).await;
    assert_eq!(raw.json().await["op"], "welcome");
    assert_eq!(ask(&mut raw, json!({"op": "group_add", "id": 2, "group": "g"})).await["op"], "ok");
    let forged = json!({"op": "group_send", "group": "g", "message": {"type": "t", "sender": "bob"}});
    assert_eq!(ask(&mut raw, forged).await["message"], json!({"type": "t", "sender": "ann"}));
}

#[tokio::test]
async fn a_token_that_ends_closes_with_4002_unless_it_is_refreshed() {
    let server = server().await;
    let mut raw = connect(&server, Some("ann:brief")).await;
    assert_eq!(raw.json().await["expires"], 0.05);
    assert_eq!(raw.closed().await.0, 4002);
    let mut raw = connect(&server, Some("ann")).await;
    assert_eq!(raw.json().await["expires"], Value::Null);
    assert_eq!(ask(&mut raw, json!({"op": "refresh", "id": 2, "token": "bob"})).await["code"], 103);
    let refreshed = ask(&mut raw, json!({"op": "refresh", "id": 2, "token": "ann:brief"})).await;
    assert_eq!(refreshed, json!({"op": "ok", "id": 2, "expires": 0.05}));
    assert_eq!(raw.closed().await.0, 4002);
}
