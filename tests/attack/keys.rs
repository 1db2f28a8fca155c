//! Tokens that are forged, over or for others, and keys that are guessed.

use std::time::{Duration, SystemTime};

use base64ct::{Base64UrlUnpadded, Encoding};
use channel_layers::gateway::auth::token::{Key, KeySource, SigningKey, TokenAuthorizer, TokenConfig};
use channel_layers::gateway::{ApiKeys, Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::raw::Raw;
use crate::support::{Server, eventually, within};

/// The keys of RFC 8037, appendix A.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const SECRET: &str = "a secret of at least thirty-two bytes";

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn claims(exp: u64, aud: &str) -> Value {
    json!({"sub": "mallory", "aud": aud, "exp": exp})
}

/// A token under a header of the attacker's own.
fn under(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    [part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()), part(signature)].join(".")
}

async fn connect(server: &Server, token: Option<&str>) -> Raw {
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(&json!({"op": "connect", "id": 1, "token": token}).to_string()).await;
    raw
}

#[tokio::test]
async fn tokens_that_are_not_what_they_say_are_4502() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("public.pem");
    std::fs::write(&pem, PUBLIC).unwrap();
    let config = TokenConfig::default().with_source(KeySource::PemFile(pem)).with_audience("chat");
    let tokens = TokenAuthorizer::new(config).unwrap();
    let gateway = Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), tokens.clone());
    let server = Server::of(gateway).await;
    let right = SigningKey::pem(PRIVATE).unwrap();
    let good = claims(now() + 60, "chat");
    let signed = right.sign(&good).unwrap();
    let mut bystander = connect(&server, Some(&signed)).await;
    assert_eq!(bystander.json().await["user"], "mallory");

    // The public key, which everybody has, as a secret: what a verifier takes that believes the header.
    let confused = SigningKey::secret(PUBLIC).unwrap().sign(&good).unwrap();
    let (head, rest) = signed.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let admin =
        Base64UrlUnpadded::encode_string(claims(now() + 60, "chat").to_string().replace("mallory", "root").as_bytes());
    let jwk = json!({"kty": "oct", "k": "AAAA"});
    let attacks = [
        ("none", under(&json!({"alg": "none"}), &good, b"")),
        ("None", under(&json!({"alg": "None", "typ": "JWT"}), &good, b"")),
        ("no algorithm", under(&json!({}), &good, b"x")),
        ("HS256 by the public key", confused),
        ("a key of its own in the header", under(&json!({"alg": "HS256", "jwk": jwk}), &good, &[0; 32])),
        ("a key from elsewhere", under(&json!({"alg": "EdDSA", "jku": "http://evil.example"}), &good, &[0; 64])),
        ("an extension that is critical", under(&json!({"alg": "EdDSA", "crit": ["exp"]}), &good, &[0; 64])),
        ("another signature", format!("{head}.{body}.{}", Base64UrlUnpadded::encode_string(&[1; 64]))),
        ("no signature", format!("{head}.{body}.")),
        ("other claims", format!("{head}.{admin}.{signature}")),
        ("another secret", SigningKey::secret(SECRET).unwrap().sign(&good).unwrap()),
        ("for others", right.sign(&claims(now() + 60, "shop")).unwrap()),
        ("without an end", right.sign(&json!({"sub": "mallory", "aud": "chat"})).unwrap()),
        ("not yet", right.sign(&json!({"sub": "m", "aud": "chat", "exp": now() + 90, "nbf": now() + 60})).unwrap()),
        ("one dot", "a.b".to_owned()),
        ("nothing", String::new()),
        ("60,000 bytes", "a".repeat(60_000)),
    ];
    for (what, token) in &attacks {
        let (code, reason) = connect(&server, Some(token)).await.closed().await;
        assert_eq!(code, 4502, "{what}: {reason}");
        assert!(!reason.contains("mallory") && reason.len() <= 123, "{what}: {reason}");
    }
    assert_eq!(connect(&server, None).await.closed().await.0, 4502);
    let (code, _) = connect(&server, Some(&right.sign(&claims(now() - 3600, "chat")).unwrap())).await.closed().await;
    assert_eq!(code, 4002, "one that is over: the client comes back with a fresh one");
    let refused: u64 = tokens.stats().refused.values().sum();
    assert_eq!(refused, attacks.len() as u64 + 2);
    bystander.text(r#"{"op":"group_add","id":2,"group":"g"}"#).await;
    assert_eq!(bystander.json().await["code"], 103, "nothing was granted, and it is served");
    eventually("all are gone", || server.gateway.stats().connections == 1).await;
}

/// A connection goes on after its token has ended for as long as was said, and then no longer.
#[tokio::test]
async fn a_token_that_ends_takes_its_connection_along() {
    let tokens =
        TokenAuthorizer::new(TokenConfig::default().with_key(Key::secret(SECRET).unwrap()).with_leeway(Duration::ZERO));
    let config = GatewayConfig::default().with_token_grace(Duration::ZERO);
    let server = Server::of(Gateway::with_authorizer(Layer::default(), config, tokens.unwrap())).await;
    let token = SigningKey::secret(SECRET).unwrap().sign(&json!({"sub": "ann", "exp": now() + 2})).unwrap();
    let mut raw = connect(&server, Some(&token)).await;
    assert_eq!(raw.json().await["op"], "welcome");
    assert_eq!(raw.closed().await.0, 4002);
    let mut late = connect(&server, Some(&token)).await;
    assert_eq!(late.closed().await.0, 4002);
}

const KEY: &str = "5f0c2b6e9a7d4c31";

/// Asks for what keys are needed for, from an address of its own: the status.
async fn post(server: &Server, from: &str, key: &str) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = within("a connection", socket.connect(server.address)).await.unwrap();
    let head =
        "POST /api/groups/g/messages HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    stream.write_all(format!("{head}X-API-Key: {key}\r\n\r\n{{}}").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    within("an answer", stream.read_exact(&mut answer)).await.unwrap();
    std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn guessing_keys_is_401_and_then_429_for_the_guesser_alone() {
    let keys = ApiKeys::parse([format!("backend:{KEY}")]).unwrap();
    let server = Server::start(GatewayConfig::default().with_api_keys(keys)).await;
    let mut statuses = Vec::new();
    for n in 0..200 {
        statuses.push(post(&server, "127.0.0.2", &format!("{n:016x}")).await);
    }
    let wrong = statuses.iter().take_while(|status| **status == 401).count();
    // A guess is forgiven every six seconds.
    assert!((10..15).contains(&wrong), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() > 180, "{statuses:?}");
    assert_eq!(post(&server, "127.0.0.2", KEY).await, 429, "a right guess tells no more than a wrong one");
    assert_eq!(post(&server, "127.0.0.3", KEY).await, 202);
    let stats = server.gateway.stats();
    assert_eq!(stats.keys_wrong + stats.keys_held_up, 201);
}
