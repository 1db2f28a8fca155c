//! Keys: who gets in with which, what a backend may that a client may not, and how guessing ends.

use std::future::ready;

use channel_layers::gateway::{
    ApiKeys, Authorizer, Credentials, Decision, Denied, Gateway, GatewayConfig, Grants, Identity, Right,
};
use channel_layers::layer::{Layer, Pattern};
use serde_json::json;

use super::{ADMIN_KEY, KEY, OTHER_KEY, get, keyed, post};
use crate::support::Server;

const GROUP: &str = "/api/groups/news/messages";

/// Knows one token, whose user may send to `chat.*`.
struct OneToken;

impl Authorizer for OneToken {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        let grants = Grants::default()
            .with_group(Pattern::glob("chat.*"), [Right::Send, Right::Join])
            .with_type(Pattern::glob("*"));
        Box::pin(ready(match credentials.token.as_deref() {
            Some("alices-token") => Ok(Identity::user("alice").with_grants(grants)),
            Some("old-token") => Err(Denied::Expired("it is over".into())),
            _ => Err(Denied::Unauthorized("no such token".into())),
        }))
    }
}

async fn server() -> Server {
    Server::of(Gateway::with_authorizer(Layer::default(), keyed(), OneToken)).await
}

#[tokio::test]
async fn a_key_lets_a_backend_send_to_everything_under_any_sender() {
    let server = Server::start(keyed()).await;
    let mut member = server.join("news").await;
    let message = json!({"type": "news.item", "sender": "the editor"});
    for key in [("Authorization", format!("Bearer {KEY}")), ("X-API-Key", OTHER_KEY.to_owned())] {
        let answer = post(server.address, GROUP, &[(key.0, &key.1)], &message).await;
        assert_eq!((answer.status, answer.json()), (202, json!({"local": 1})));
        assert_eq!(member.next().await["message"], message);
    }
    let reserved = post(server.address, GROUP, &[("X-API-Key", KEY)], &json!({"type": "websocket.close"})).await;
    assert_eq!(reserved.refusal(), (403, 112));
}

#[tokio::test]
async fn a_client_may_what_its_token_says_and_is_named_as_sender() {
    let server = server().await;
    let alice = [("Authorization", "Bearer alices-token")];
    let forged = json!({"type": "chat.message", "sender": "bob"});
    assert_eq!(post(server.address, GROUP, &alice, &forged).await.refusal(), (403, 103));
    let mut listener = crate::support::raw::Raw::open(server.address, &[]).await;
    listener.text(r#"{"op":"connect","id":1,"token":"alices-token"}"#).await;
    assert_eq!(listener.json().await["op"], "welcome");
    listener.text(r#"{"op":"group_add","id":2,"group":"chat.lobby"}"#).await;
    assert_eq!(listener.json().await["op"], "ok");
    let answer = post(server.address, "/api/groups/chat.lobby/messages", &alice, &forged).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"local": 1})));
    assert_eq!(listener.json().await["message"], json!({"type": "chat.message", "sender": "alice"}));
}

#[tokio::test]
async fn who_shows_nothing_or_something_wrong_is_told_so() {
    let server = server().await;
    for (headers, refusal) in [
        (&[][..], (401, 101)),
        (&[("Authorization", "Bearer 0000000000000000")], (401, 101)),
        (&[("Authorization", "Bearer old-token")], (401, 107)),
        (&[("Authorization", "Basic YTpi")], (401, 101)),
        (&[("X-API-Key", "0000000000000000")], (401, 101)),
        (&[("X-API-Key", ADMIN_KEY)], (401, 101)),
        // A key that is wrong is not made good by a token that is right.
        (&[("X-API-Key", "0000000000000000"), ("Authorization", "Bearer alices-token")], (401, 101)),
    ] {
        let answer = post(server.address, GROUP, headers, &json!({})).await;
        assert_eq!(answer.refusal(), refusal, "{headers:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn where_everybody_is_let_in_a_wrong_key_is_wrong_all_the_same() {
    let server = Server::start(keyed()).await;
    assert_eq!(post(server.address, GROUP, &[], &json!({})).await.status, 202);
    let wrong = [("Authorization", "Bearer 0000000000000000")];
    assert_eq!(post(server.address, GROUP, &wrong, &json!({})).await.refusal(), (401, 101));
}

#[tokio::test]
async fn keys_are_replaced_while_the_gateway_runs() {
    let (old, fresh) = ([("X-API-Key", KEY)], [("X-API-Key", OTHER_KEY)]);
    let keys = ApiKeys::parse([KEY]).unwrap();
    let server = Server::start(GatewayConfig::default().with_api_keys(keys.clone())).await;
    assert_eq!(post(server.address, GROUP, &old, &json!({})).await.status, 202);
    keys.replace([KEY, OTHER_KEY]).unwrap();
    assert_eq!(post(server.address, GROUP, &old, &json!({})).await.status, 202);
    assert_eq!(post(server.address, GROUP, &fresh, &json!({})).await.status, 202);
    keys.replace([OTHER_KEY]).unwrap();
    assert_eq!(post(server.address, GROUP, &old, &json!({})).await.status, 401);
    assert_eq!(post(server.address, GROUP, &fresh, &json!({})).await.status, 202);
}

#[tokio::test]
async fn guessing_ends_in_429_even_for_the_right_key_and_leaves_tokens_alone() {
    let server = server().await;
    let guess = |number: u32| format!("Bearer 000000000000{number:04}");
    for number in 0..10 {
        let answer = post(server.address, GROUP, &[("Authorization", &guess(number))], &json!({})).await;
        assert_eq!(answer.refusal(), (401, 101));
    }
    for headers in [[("Authorization", guess(10).as_str())], [("X-API-Key", KEY)]] {
        let answer = post(server.address, GROUP, &headers, &json!({})).await;
        assert_eq!(answer.refusal(), (429, 110));
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=6).contains(&wait), "{wait}");
    }
    assert_eq!(get(server.address, "/api/info", &[("X-API-Key", ADMIN_KEY)]).await.refusal(), (429, 110));
    let alice = [("Authorization", "Bearer alices-token")];
    assert_eq!(
        post(server.address, "/api/groups/chat.lobby/messages", &alice, &json!({"type": "a"})).await.status,
        202
    );
    let stats = server.gateway.stats();
    assert_eq!((stats.keys_wrong, stats.keys_held_up), (10, 3));
    assert_eq!((stats.rejections[&101], stats.rejections[&110]), (10, 3));
}

#[tokio::test]
async fn managing_needs_a_key_where_there_are_some() {
    let server = Server::start(keyed()).await;
    assert_eq!(get(server.address, "/api/info", &[]).await.refusal(), (401, 101));
    for key in [KEY, ADMIN_KEY] {
        assert_eq!(get(server.address, "/api/info", &[("X-API-Key", key)]).await.status, 200);
    }
}

#[tokio::test]
async fn without_keys_managing_is_for_this_machine_where_everybody_here_is_let_in() {
    let local = Server::start(GatewayConfig::default()).await;
    assert_eq!(get(local.address, "/api/info", &[]).await.status, 200);
    for proxied in [
        ("X-Forwarded-For", "192.0.2.1"),
        // Neither who it says that it comes from counts, nor whether that can be read.
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-For", ""),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=192.0.2.1"),
        ("X-Real-IP", "192.0.2.1"),
        ("Via", "1.1 proxy"),
    ] {
        let answer = get(local.address, "/api/info", &[proxied]).await;
        assert_eq!(answer.refusal(), (403, 103));
        assert!(answer.json()["reason"].as_str().unwrap().contains("`api_keys`"), "{answer:?}");
    }
    let open = Server::start(GatewayConfig::default().with_allow_anonymous(true)).await;
    assert_eq!(get(open.address, "/api/info", &[]).await.refusal(), (403, 103));
    let known = Server::of(Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), OneToken)).await;
    assert_eq!(get(known.address, "/api/info", &[]).await.refusal(), (403, 103));
    assert_eq!(get(known.address, "/api/info", &[("X-API-Key", KEY)]).await.refusal(), (401, 101));
}
