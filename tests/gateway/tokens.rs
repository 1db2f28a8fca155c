//! Tokens over real sockets: what a client with one may do, and keys that change at a server of their own.

use std::time::{Duration, SystemTime};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use channel_layers::gateway::auth::token::{Key, KeySource, SigningKey, TokenAuthorizer, TokenConfig};
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::backend::Backend;
use crate::support::Server;
use crate::support::raw::{Raw, request};

const SECRET: &str = "a secret of at least thirty-two bytes";

fn token(key: &SigningKey, mut claims: Value) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    if claims["exp"].is_null() {
        claims["exp"] = json!(now + 60);
    }
    key.sign(&claims).unwrap()
}

fn secret(claims: Value) -> String {
    token(&SigningKey::secret(SECRET).unwrap(), claims)
}

async fn serve(tokens: &TokenAuthorizer) -> Server {
    Server::of(Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), tokens.clone())).await
}

async fn server() -> (Server, TokenAuthorizer) {
    let tokens = TokenAuthorizer::new(TokenConfig::default().with_key(Key::secret(SECRET).unwrap())).unwrap();
    (serve(&tokens).await, tokens)
}

async fn connect(server: &Server, token: &str) -> Raw {
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(&json!({"op": "connect", "id": 1, "token": token}).to_string()).await;
    raw
}

/// The user of this token; the close code where it is not let in.
async fn user(server: &Server, token: &str) -> Result<String, u16> {
    let mut raw = connect(server, token).await;
    let frame = raw.next().await.expect("an answer or a close");
    match serde_json::from_slice::<Value>(&frame.payload) {
        Ok(welcome) => Ok(welcome["user"].as_str().unwrap().to_owned()),
        Err(_) => Err(u16::from_be_bytes([frame.payload[0], frame.payload[1]])),
    }
}

async fn ask(raw: &mut Raw, frame: Value) -> Value {
    raw.text(&frame.to_string()).await;
    raw.json().await
}

/// 0 for what is granted, or else the error's code.
async fn code(raw: &mut Raw, frame: Value) -> u64 {
    let answer = ask(raw, frame).await;
    match answer["op"].as_str() {
        Some("ok") => 0,
        _ => answer["code"].as_u64().unwrap_or_else(|| panic!("{answer}")),
    }
}

fn join(group: &str) -> Value {
    json!({"op": "group_add", "id": 2, "group": group})
}

fn group_send(group: &str, kind: &str) -> Value {
    json!({"op": "group_send", "id": 2, "group": group, "message": {"type": kind}})
}

fn send(channel: &str, kind: &str) -> Value {
    json!({"op": "send", "id": 2, "channel": channel, "message": {"type": kind}})
}

#[tokio::test]
async fn joining_sending_and_sending_to_channels_are_granted_apart() {
    let (server, _) = server().await;
    let claims = json!({
        "sub": "ann",
        "groups": [{"pattern": "hear.*", "can": ["join"]}, {"pattern": "say.*", "can": ["send"]}],
        "channels": [{"pattern": "work-*", "can": ["send"]}],
        "types": ["chat.*"],
    });
    let mut raw = connect(&server, &secret(claims)).await;
    assert_eq!(raw.json().await["user"], "ann");
    for (frame, expected) in [
        (join("hear.a"), 0),
        (group_send("say.a", "chat.message"), 0),
        (send("work-a", "chat.message"), 0),
        (join("say.a"), 103),
        (join("work-a"), 103),
        (join("other"), 103),
        (group_send("hear.a", "chat.message"), 103),
        (group_send("work-a", "chat.message"), 103),
        (send("hear.a", "chat.message"), 103),
        (send("say.a", "chat.message"), 103),
        (group_send("say.a", "poll.vote"), 103),
        (send("work-a", "poll.vote"), 103),
        (json!({"op": "group_send", "id": 2, "group": "say.a", "message": {}}), 103),
        // Reserved, whatever is granted.
        (group_send("say.a", "websocket.close"), 112),
    ] {
        assert_eq!(code(&mut raw, frame.clone()).await, expected, "{frame}");
    }
    let refused = ask(&mut raw, group_send("say.a", "poll.vote")).await;
    let reason = "the type \"poll.vote\" is not granted: no pattern in \"types\" matches it";
    assert_eq!(refused["reason"], reason);
}

#[tokio::test]
async fn without_a_good_token_nobody_is_let_in() {
    let (server, tokens) = server().await;
    let stranger = SigningKey::secret([7; 32]).unwrap();
    for (token, code) in [
        (secret(json!({"exp": 1})), 4002),
        (token(&stranger, json!({})), 4502),
        (secret(json!({"aud": "mail"})), 4502),
        ("nonsense".to_owned(), 4502),
        ("x".repeat(9000), 4502),
    ] {
        let (closed, reason) = connect(&server, &token).await.closed().await;
        assert_eq!(closed, code, "{token:.20}");
        assert!(!reason.is_empty());
    }
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(r#"{"op":"connect","id":1}"#).await;
    assert_eq!(raw.closed().await, (4502, "a token is needed to connect here".into()));
    let refused = tokens.stats().refused;
    for reason in ["expired", "signature", "audience", "malformed", "too_large", "missing"] {
        assert_eq!(refused[reason], 1, "{reason}");
    }
}

#[tokio::test]
async fn a_token_may_come_in_a_header_and_not_in_the_address() {
    let (server, _) = server().await;
    let token = secret(json!({"sub": "ann"}));
    let mut raw = Raw::handshake(server.address, &request(&format!("Authorization: Bearer {token}\r\n"))).await;
    raw.text(r#"{"op":"connect","id":1}"#).await;
    assert_eq!(raw.json().await["user"], "ann");
    let in_the_address = request("").replace("/ws", &format!("/ws?token={token}&access_token={token}"));
    let mut raw = Raw::handshake(server.address, &in_the_address).await;
    raw.text(r#"{"op":"connect","id":1}"#).await;
    assert_eq!(raw.closed().await.0, 4502);
}

#[tokio::test]
async fn a_fresh_token_brings_fresh_grants() {
    let (server, _) = server().await;
    let grants = |pattern: &str| json!([{"pattern": pattern, "can": ["join"]}]);
    let mut raw = connect(&server, &secret(json!({"sub": "ann", "groups": grants("a")}))).await;
    assert_eq!(raw.json().await["op"], "welcome");
    assert_eq!((code(&mut raw, join("a")).await, code(&mut raw, join("b")).await), (0, 103));
    let fresh = |claims| json!({"op": "refresh", "id": 2, "token": secret(claims)});
    assert_eq!(code(&mut raw, fresh(json!({"sub": "bob", "groups": grants("*")}))).await, 103);
    assert_eq!(code(&mut raw, fresh(json!({"groups": grants("*")}))).await, 103);
    assert_eq!(code(&mut raw, fresh(json!({"sub": "ann", "exp": 1}))).await, 107);
    assert_eq!(code(&mut raw, join("b")).await, 103, "what is refused changes nothing");
    assert_eq!(code(&mut raw, fresh(json!({"sub": "ann", "groups": grants("b")}))).await, 0);
    let withdrawn = raw.json().await;
    assert_eq!((&withdrawn["op"], &withdrawn["group"]), (&json!("group_discarded"), &json!("a")));
    assert_eq!(withdrawn["code"], 2001);
    assert_eq!(code(&mut raw, join("b")).await, 0);
    assert_eq!(code(&mut raw, join("c")).await, 103);
    // What is granted still is kept without a word.
    let grants = json!([{"pattern": "b", "can": ["join", "send"]}]);
    assert_eq!(code(&mut raw, fresh(json!({"sub": "ann", "groups": grants, "types": ["*"]}))).await, 0);
    let hello = json!({"op": "group_send", "group": "b", "message": {"type": "t"}});
    assert_eq!(ask(&mut raw, hello).await["message"], json!({"type": "t", "sender": "ann"}));
}

/// A key of `tests/vectors/tokens.json`, and how it is published.
fn published(alg: &str, kid: &str) -> (SigningKey, Value) {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/tokens.json")).unwrap();
    let vector = vectors.as_array().unwrap().iter().find(|vector| vector["alg"] == alg).unwrap();
    let lines = vector["public"].as_str().unwrap().lines().filter(|line| !line.starts_with('-'));
    let der = Base64::decode_vec(&lines.collect::<String>()).unwrap();
    let encoded = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let jwk = match alg {
        "ES256" => {
            let (x, y) = der[der.len() - 64..].split_at(32);
            json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encoded(x), "y": encoded(y)})
        }
        _ => json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encoded(&der[der.len() - 32..])}),
    };
    (SigningKey::pem(vector["private"].as_str().unwrap()).unwrap().with_id(kid), jwk)
}

fn set(keys: &[&Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn at(backend: &Backend) -> TokenConfig {
    TokenConfig::default().with_source(KeySource::JwksUrl(backend.url("/jwks")))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_change() {
    let ((old, old_jwk), (new, new_jwk)) = (published("ES256", "old"), published("EdDSA", "new"));
    let first = set(&[&old_jwk]);
    let backend = Backend::start(move |_| Some((200, first.clone()))).await;
    let tokens = TokenAuthorizer::new(at(&backend).with_jwks_interval(Duration::ZERO)).unwrap();
    let server = serve(&tokens).await;
    assert_eq!(backend.asked().len(), 0, "nobody has asked yet");
    // However many come at once.
    let ann = token(&old, json!({"sub": "ann"}));
    assert_eq!(join_all((0..20).map(|_| user(&server, &ann))).await, vec![Ok("ann".to_owned()); 20]);
    assert_eq!(backend.asked().len(), 1);
    let both = set(&[&old_jwk, &new_jwk]);
    backend.decides(move |_| Some((200, both.clone())));
    let bob = token(&new, json!({"sub": "bob"}));
    assert_eq!(user(&server, &bob).await, Ok("bob".into()));
    assert_eq!((user(&server, &ann).await, backend.asked().len()), (Ok("ann".into()), 2));
    let last = set(&[&new_jwk]);
    backend.decides(move |_| Some((200, last.clone())));
    assert_eq!(user(&server, &ann).await, Ok("ann".into()), "the set is fresh still");
    tokens.reload().unwrap();
    assert_eq!(user(&server, &bob).await, Ok("bob".into()));
    assert_eq!(user(&server, &ann).await, Err(4502));
    assert_eq!(tokens.stats().fetch_failures, 0);
}

#[tokio::test]
async fn made_up_names_of_keys_cause_no_more_than_one_request() {
    let (key, jwk) = published("ES256", "k");
    let keys = set(&[&jwk]);
    let backend = Backend::start(move |_| Some((200, keys.clone()))).await;
    let tokens = TokenAuthorizer::new(at(&backend).with_jwks_interval(Duration::from_secs(3600))).unwrap();
    let server = serve(&tokens).await;
    for n in 0..10 {
        let (made_up, _) = published("ES256", &format!("k{n}"));
        assert_eq!(user(&server, &token(&made_up, json!({"sub": "root"}))).await, Err(4502));
    }
    assert_eq!(user(&server, &token(&key, json!({"sub": "ann"}))).await, Ok("ann".into()));
    assert_eq!((backend.asked().len(), tokens.stats().refused["unknown_key"]), (1, 10));
}

#[tokio::test]
async fn a_server_that_fails_leaves_the_keys_that_are_there() {
    let (key, jwk) = published("EdDSA", "k");
    let ann = token(&key, json!({"sub": "ann"}));
    let keys = set(&[&jwk]);
    let good = {
        let keys = keys.clone();
        move |_: &_| Some((200, keys.clone()))
    };
    let large = "x".repeat(300 * 1024);
    let backend = Backend::start(|_| Some((500, String::new()))).await;
    let config = at(&backend).with_jwks_interval(Duration::ZERO).with_jwks_ttl(Duration::ZERO);
    let tokens = TokenAuthorizer::new(config.with_jwks_timeout(Duration::from_millis(200))).unwrap();
    let server = serve(&tokens).await;
    assert_eq!(user(&server, &ann).await, Err(4001), "it cannot be decided, so the client may come again");
    assert_eq!(tokens.stats().refused["keys_unavailable"], 1);
    backend.decides(good);
    assert_eq!(user(&server, &ann).await, Ok("ann".into()));
    for (status, body) in [(500, keys.as_str()), (302, ""), (200, "<html>"), (200, r#"{"keys":[]}"#), (200, &large)] {
        let (body, failures) = (body.to_owned(), tokens.stats().fetch_failures);
        backend.decides(move |_| Some((status, body.clone())));
        assert_eq!(user(&server, &ann).await, Ok("ann".into()), "{status}");
        assert_eq!(tokens.stats().fetch_failures, failures + 1, "{status}");
    }
    backend.decides(|_| None);
    assert_eq!(user(&server, &ann).await, Ok("ann".into()), "it does not answer at all");
    assert_eq!(tokens.stats().fetch_failures, 7);
}
