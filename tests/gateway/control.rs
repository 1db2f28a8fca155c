//! Orders to open sockets, across gateway processes: two gateways on one layer stand for them.

use std::fmt::{Debug, Write};
use std::future::ready;
use std::sync::{Arc, Mutex};

use channel_layers::gateway::{
    Authorizer, Credentials, Decision, Gateway, GatewayConfig, Grants, Identity, Order, Right, Selector,
};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{ErrorKind, GroupName, message};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::raw::Raw;
use crate::support::{Server, eventually, within};

/// Everybody is whom the token says, with the token's own id behind it: `ann/t1`.
struct ByToken;

impl Authorizer for ByToken {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        let (user, id) = credentials.token.as_deref().and_then(|token| token.split_once('/')).expect("a token");
        let grants = Grants::default().with_group("*", [Right::Join, Right::Send]);
        Box::pin(ready(Ok(Identity::user(user).with_token(id).with_grants(grants))))
    }
}

/// Two gateways that know of each other.
async fn two() -> (Server, Server) {
    let layer = Layer::default();
    let start = || Server::of(Gateway::with_authorizer(layer.clone(), GatewayConfig::default(), ByToken));
    let (one, other) = (start().await, start().await);
    eventually("they know of each other", || [&one, &other].iter().all(|server| server.gateway.nodes().len() == 2))
        .await;
    (one, other)
}

struct Session {
    raw: Raw,
    channel: String,
}

impl Session {
    async fn open(server: &Server, token: &str) -> Self {
        let mut raw = Raw::open(server.address, &[]).await;
        raw.text(&json!({"op": "connect", "id": 1, "token": token}).to_string()).await;
        let welcome = raw.json().await;
        assert_eq!(welcome["op"], "welcome", "{welcome}");
        Self { raw, channel: welcome["channel"].as_str().unwrap().to_owned() }
    }

    async fn ask(&mut self, frame: Value) -> Value {
        self.raw.text(&frame.to_string()).await;
        self.raw.json().await
    }

    async fn join(&mut self, group: &str) {
        assert_eq!(self.ask(json!({"op": "group_add", "id": 2, "group": group})).await["op"], "ok");
    }

    /// It still answers.
    async fn lives(&mut self) {
        assert_eq!(self.ask(json!({"op": "nonsense", "id": 9})).await["code"], 104);
    }
}

#[tokio::test]
async fn a_logout_reaches_a_users_sockets_on_every_gateway() {
    let (one, other) = two().await;
    let (mut here, mut there) = (Session::open(&one, "ann/t1").await, Session::open(&other, "ann/t2").await);
    let mut bob = Session::open(&other, "bob/t3").await;
    let concerned = one.gateway.order(Order::disconnect(Selector::user("ann")).because("logged out")).await.unwrap();
    assert_eq!(concerned, 1, "as many as are here");
    assert_eq!(here.raw.closed().await, (4505, "logged out".into()));
    assert_eq!(there.raw.closed().await, (4505, "logged out".into()));
    bob.lives().await;
}

#[tokio::test]
async fn one_token_one_connection_or_all_but_one() {
    let (one, other) = two().await;
    let (mut first, mut second) = (Session::open(&one, "ann/t1").await, Session::open(&other, "ann/t2").await);
    let (mut third, mut fourth) = (Session::open(&one, "ann/t3").await, Session::open(&other, "ann/t3").await);
    one.gateway.order(Order::disconnect(Selector::token("t2"))).await.unwrap();
    assert_eq!(second.raw.closed().await.0, 4505);
    let own = Selector::connection(fourth.channel.parse().unwrap());
    one.gateway.order(Order::reconnect(own)).await.unwrap();
    assert_eq!(fourth.raw.closed().await.0, 4007);
    other.gateway.order(Order::disconnect(Selector::user("ann").except(first.channel.parse().unwrap()))).await.unwrap();
    assert_eq!(third.raw.closed().await.0, 4505);
    first.lives().await;
}

#[tokio::test]
async fn who_is_put_out_of_a_group_is_told_and_hears_no_more_of_it() {
    let (one, other) = two().await;
    let (mut ann, mut bob) = (Session::open(&other, "ann/t1").await, Session::open(&other, "bob/t2").await);
    ann.join("g").await;
    bob.join("g").await;
    let group = "g".parse().unwrap();
    one.gateway.order(Order::leave(Selector::user("ann"), "g".parse().unwrap())).await.unwrap();
    let told = ann.raw.json().await;
    assert_eq!((&told["op"], &told["group"], &told["code"]), (&json!("group_discarded"), &json!("g"), &json!(2000)));
    one.gateway.layer().group_send(&group, channel_layers::message! { "n": 1 }).await.unwrap();
    assert_eq!(bob.raw.json().await["message"], json!({"n": 1}));
    ann.lives().await;
}

#[tokio::test]
async fn any_program_on_the_layer_can_give_an_order() {
    let (one, _other) = two().await;
    let mut ann = Session::open(&one, "ann/t1").await;
    // As Django would send it.
    let message = channel_layers::message! { "type": "_gateway.disconnect", "user": "ann" };
    one.gateway.layer().group_send(&Order::GROUP.parse().unwrap(), message).await.unwrap();
    assert_eq!(ann.raw.closed().await.0, 4505);
    let mut bob = Session::open(&one, "bob/t2").await;
    Order::disconnect(Selector::token("t2")).send(one.gateway.layer()).await.unwrap();
    assert_eq!(bob.raw.closed().await.0, 4505);
}

#[tokio::test]
async fn nonsense_in_the_gateways_group_is_passed_over() {
    let (one, _other) = two().await;
    let mut ann = Session::open(&one, "ann/t1").await;
    let group = Order::GROUP.parse().unwrap();
    for nonsense in [
        channel_layers::message! {},
        channel_layers::message! { "type": "_gateway.disconnect" },
        channel_layers::message! { "type": "_gateway.disconnect", "user": 7 },
        channel_layers::message! { "type": "_gateway.leave", "user": "ann", "group": "no such group!" },
        channel_layers::message! { "type": "_gateway.later", "user": "ann" },
    ] {
        one.gateway.layer().group_send(&group, nonsense).await.unwrap();
    }
    Order::disconnect(Selector::user("bob")).send(one.gateway.layer()).await.unwrap();
    ann.lives().await;
    let error = one.gateway.order(Order::disconnect(Selector::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn an_order_is_carried_out_here_even_when_the_others_cannot_be_told() {
    let (one, _other) = two().await;
    let mut ann = Session::open(&one, "ann/t1").await;
    one.gateway.layer().close().await.unwrap();
    assert!(one.gateway.order(Order::disconnect(Selector::user("ann"))).await.is_err());
    assert_eq!(ann.raw.closed().await.0, 4505);
}

#[tokio::test]
async fn members_are_counted_over_all_gateways() {
    let (one, other) = two().await;
    let (mut ann, mut bob) = (Session::open(&one, "ann/t1").await, Session::open(&other, "bob/t2").await);
    ann.join("chat.a").await;
    bob.join("chat.a").await;
    bob.join("chat.b").await;
    bob.join("news").await;
    let survey = within("the answers", one.gateway.survey("chat.")).await;
    let groups: Vec<_> = survey.groups.iter().map(|count| (count.group.as_str(), count.members)).collect();
    assert_eq!((groups, survey.missing), (vec![("chat.a", 2), ("chat.b", 1)], 0));
    let nodes = one.gateway.nodes();
    assert_eq!((nodes[0].connections, nodes[0].users, nodes[0].draining), (1, 1, false));
}

#[tokio::test]
async fn a_gateway_that_ends_says_so() {
    let (one, other) = two().await;
    other.stop().stopped().await;
    eventually("it is forgotten", || one.gateway.nodes().len() == 1).await;
    let survey = within("nobody is waited for", one.gateway.survey("")).await;
    assert_eq!(survey.missing, 0);
}

/// Notes what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn what_is_not_understood_is_logged_without_what_it_says() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (one, _other) = two().await;
    let group = GroupName::new(Order::GROUP).unwrap();
    let long = format!("_gateway.{}", "x".repeat(100));
    for kind in ["_gateway.later", "_gateway.node", "chat.private", &long] {
        let message = message! { "type": kind, "node": 7, "user": "hidden" };
        one.gateway.layer().group_send(&group, message).await.unwrap();
    }
    let said = || log.0.lock().unwrap().clone();
    let count = |text: &str| said().matches(text).count();
    eventually("both have heard all", || count("was not understood") == 8).await;
    assert_eq!((count("_gateway.later"), count("_gateway.node")), (2, 2), "{}", said());
    assert_eq!((count("hidden"), count("private"), count("xxx")), (0, 0, 0), "{}", said());
}
