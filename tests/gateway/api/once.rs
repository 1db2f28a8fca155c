//! `Idempotency-Key`: sent again is not sent twice.

use std::future::ready;
use std::sync::Arc;

use channel_layers::gateway::{Authorizer, Credentials, Decision, Gateway, GatewayConfig, Identity};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{ChannelName, GroupName, Message, message};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{KEY, OTHER_KEY, keyed, post};
use crate::support::{Server, within};

const GROUP: &str = "/api/groups/news/messages";
const ONCE: (&str, &str) = ("Idempotency-Key", "order-17");

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_and_sends_nothing() {
    let server = Server::start(keyed()).await;
    let (mut member, key) = (server.join("news").await, ("X-API-Key", KEY));
    let first = post(server.address, GROUP, &[key, ONCE], &json!({"n": 1})).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (202, None));
    let _later = server.join("news").await;
    let again = post(server.address, GROUP, &[key, ONCE], &json!({"n": 1})).await;
    assert_eq!((again.status, again.json()), (202, json!({"local": 1})), "the answer of the first time");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(post(server.address, GROUP, &[key], &json!({"n": 2})).await.status, 202);
    assert_eq!(member.next().await["message"], json!({"n": 1}));
    assert_eq!(member.next().await["message"], json!({"n": 2}), "nothing came twice");
}

#[tokio::test]
async fn another_request_under_the_key_is_422() {
    let server = Server::start(keyed()).await;
    let headers = [("X-API-Key", KEY), ONCE];
    assert_eq!(post(server.address, GROUP, &headers, &json!({"n": 1})).await.status, 202);
    assert_eq!(post(server.address, GROUP, &headers, &json!({"n": 2})).await.refusal(), (422, 106));
    let elsewhere = "/api/groups/other/messages";
    assert_eq!(post(server.address, elsewhere, &headers, &json!({"n": 1})).await.refusal(), (422, 106));
}

#[tokio::test]
async fn another_backend_has_keys_of_its_own() {
    let server = Server::start(keyed()).await;
    for (key, body) in [(KEY, json!({"n": 1})), (OTHER_KEY, json!({"n": 2}))] {
        let answer = post(server.address, GROUP, &[("X-API-Key", key), ONCE], &body).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (202, None));
    }
    let guest = post(server.address, GROUP, &[ONCE], &json!({"n": 3})).await;
    assert_eq!((guest.status, guest.header("idempotency-replayed")), (202, None));
}

#[tokio::test]
async fn what_was_refused_can_be_tried_again() {
    let server = Server::start(keyed()).await;
    let (headers, path) = ([("X-API-Key", KEY), ONCE], "/api/channels/worker/messages");
    for _ in 0..100 {
        assert_eq!(post(server.address, path, &headers[..1], &json!({})).await.status, 202);
    }
    assert_eq!(post(server.address, path, &headers, &json!({"n": 1})).await.refusal(), (503, 108));
    let worker = ChannelName::new("worker").unwrap();
    server.gateway.layer().receive(&worker).await.unwrap();
    let answer = post(server.address, path, &headers, &json!({"n": 1})).await;
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (202, None));
}

#[tokio::test]
async fn a_batch_is_kept_once_something_of_it_was_sent() {
    let server = Server::start(keyed()).await;
    let headers = [("X-API-Key", KEY), ONCE];
    let nothing = json!({"items": [{"group": "no news", "message": {}}]});
    for _ in 0..2 {
        let answer = post(server.address, "/api/batch", &headers, &nothing).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, None));
    }
    let some = json!({"items": [{"group": "no news", "message": {}}, {"channel": "worker", "message": {"n": 1}}]});
    let first = post(server.address, "/api/batch", &headers, &some).await;
    let again = post(server.address, "/api/batch", &headers, &some).await;
    assert_eq!((first.json(), first.header("idempotency-replayed")), (again.json(), None));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let worker = ChannelName::new("worker").unwrap();
    server.gateway.layer().send(&worker, message! { "n": 2 }).await.unwrap();
    for n in [1, 2] {
        assert_eq!(server.gateway.layer().receive(&worker).await.unwrap(), message! { "n": n });
    }
}

/// Lets a client send once there is a permit.
struct Gate {
    asked: Semaphore,
    permits: Semaphore,
}

struct Gated(Arc<Gate>);

impl Authorizer for Gated {
    fn connect<'a>(&'a self, _: &'a Credentials) -> Decision<'a, Identity> {
        Box::pin(ready(Ok(Identity::user("alice"))))
    }

    fn group_send<'a>(&'a self, _: &'a Identity, _: &'a GroupName, _: &'a Message) -> Decision<'a, ()> {
        Box::pin(async {
            self.0.asked.add_permits(1);
            self.0.permits.acquire().await.unwrap().forget();
            Ok(())
        })
    }
}

#[tokio::test]
async fn while_the_first_is_carried_out_others_are_409_and_hanging_up_does_not_end_it() {
    let gate = Arc::new(Gate { asked: Semaphore::new(0), permits: Semaphore::new(0) });
    let authorizer = Gated(Arc::clone(&gate));
    let server = Server::of(Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), authorizer)).await;
    let address = server.address;
    let body = |n: u8| json!({"n": n});
    let first = tokio::spawn(async move { post(address, GROUP, &[ONCE], &body(1)).await });
    within("the first is asked for", gate.asked.acquire()).await.unwrap().forget();
    let answer = post(address, GROUP, &[ONCE], &body(1)).await;
    assert_eq!((answer.refusal(), answer.header("retry-after")), ((409, 113), Some("1")));
    assert_eq!(post(address, GROUP, &[ONCE], &body(2)).await.refusal(), (422, 106));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.permits.add_permits(1);
    let kept = within("it is carried out", async {
        loop {
            let answer = post(address, GROUP, &[ONCE], &body(1)).await;
            if answer.status != 409 {
                break answer;
            }
        }
    })
    .await;
    assert_eq!((kept.status, kept.header("idempotency-replayed")), (202, Some("true")));
}

#[tokio::test]
async fn a_key_that_is_none_is_400() {
    let server = Server::of(Gateway::new(Layer::default(), GatewayConfig::default())).await;
    for key in ["", &"x".repeat(256), "caf\u{e9}"] {
        let answer = post(server.address, GROUP, &[("Idempotency-Key", key)], &json!({})).await;
        assert_eq!(answer.refusal(), (400, 106), "{key:?}");
    }
}
