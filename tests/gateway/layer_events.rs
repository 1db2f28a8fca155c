//! What the gateway makes of a layer that lost its server: every group is joined again, up to the client's application.

use std::sync::Arc;
use std::time::Duration;

use channel_layers::client::{Client as NativeClient, ClientConfig, GroupState};
use channel_layers::gateway::{Gateway, GatewayConfig, GatewayStats};
use channel_layers::layer::{
    Capabilities, ChannelLayer, EventSender, Health, LayerEvent, LayerEvents, Mailbox, MailboxOptions, MemoryLayer,
};
use channel_layers::{ChannelName, GroupName, Message, Result, message};
use futures_util::StreamExt;
use serde_json::json;

use crate::support::{Server, eventually, within};

/// A layer of one process whose events are the test's, as if it had a server.
#[derive(Clone, Default)]
struct Scripted {
    inner: MemoryLayer,
    events: EventSender,
}

impl ChannelLayer for Scripted {
    fn send(&self, channel: &ChannelName, message: Message) -> impl Future<Output = Result<()>> + Send {
        self.inner.send(channel, message)
    }

    fn receive(&self, channel: &ChannelName) -> impl Future<Output = Result<Message>> + Send {
        self.inner.receive(channel)
    }

    fn new_channel(&self, prefix: &str) -> impl Future<Output = Result<ChannelName>> + Send {
        self.inner.new_channel(prefix)
    }

    fn mailbox(&self, prefix: &str, options: MailboxOptions) -> impl Future<Output = Result<Mailbox>> + Send {
        self.inner.mailbox(prefix, options)
    }

    fn group_add(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send {
        self.inner.group_add(group, channel)
    }

    fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> impl Future<Output = Result<()>> + Send {
        self.inner.group_discard(group, channel)
    }

    fn group_send(&self, group: &GroupName, message: Message) -> impl Future<Output = Result<()>> + Send {
        self.inner.group_send(group, message)
    }

    fn flush(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.flush()
    }

    fn close(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.close()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn events(&self) -> LayerEvents {
        self.events.listen()
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

/// Every event after which messages may be missing.
fn losses() -> [LayerEvent; 4] {
    let host: Arc<str> = "redis://localhost:6379".into();
    [
        LayerEvent::Reconnected { host: host.clone(), after: Duration::from_secs(3) },
        LayerEvent::DataLost { host },
        LayerEvent::Flushed,
        LayerEvent::Missed(7),
    ]
}

async fn server() -> (Server<Scripted>, Scripted) {
    let layer = Scripted::default();
    (Server::of(Gateway::new(layer.clone(), GatewayConfig::default())).await, layer)
}

#[tokio::test]
async fn members_of_every_group_are_told_to_join_again() {
    let (server, layer) = server().await;
    let (mut first, mut second) = (server.join("one").await, server.join("two").await);
    for (round, loss) in (1..).zip(losses()) {
        layer.events.send(loss);
        for (client, group) in [(&mut first, "one"), (&mut second, "two")] {
            let told = client.next().await;
            assert_eq!((&told["op"], &told["group"]), (&json!("group_discarded"), &json!(group)), "{told}");
            assert_eq!(told["code"], 2502);
            client.ok(json!({"op": "group_add", "group": group})).await;
            client.ok(json!({"op": "group_send", "group": group, "message": {"round": round}})).await;
            assert_eq!(client.next().await["message"]["round"], round, "once, by the new membership alone");
        }
        let GatewayStats { layer_reconnects, groups_lost, .. } = server.gateway.stats();
        assert_eq!((layer_reconnects, groups_lost), (round, 2 * round));
    }
}

#[tokio::test]
async fn a_server_out_of_reach_changes_nothing_for_members() {
    let (server, layer) = server().await;
    let mut client = server.join("g").await;
    layer.events.send(LayerEvent::Disconnected { host: "redis://other".into(), reason: "connection reset".into() });
    client.ok(json!({"op": "group_send", "group": "g", "message": {"n": 1}})).await;
    assert_eq!(client.next().await["message"]["n"], 1);
    // The event before this one was handled by now, and told nobody anything.
    layer.events.send(LayerEvent::Flushed);
    assert_eq!(client.next().await["code"], 2502);
    let stats = server.gateway.stats();
    assert_eq!((stats.layer_reconnects, stats.groups_lost), (1, 1));
}

#[tokio::test]
async fn a_flush_of_the_memory_layer_is_healed() {
    let server = Server::start(GatewayConfig::default()).await;
    let mut client = server.join("g").await;
    server.gateway.layer().flush().await.unwrap();
    assert_eq!(client.next().await["code"], 2502);
    client.ok(json!({"op": "group_add", "group": "g"})).await;
    let group = GroupName::new("g").unwrap();
    server.gateway.layer().group_send(&group, message! { "n": 1 }).await.unwrap();
    assert_eq!(client.next().await["message"]["n"], 1);
    assert!(server.gateway.health().is_ready());
}

#[tokio::test]
async fn the_native_client_joins_again_and_tells_its_application() {
    let (server, layer) = server().await;
    let client = NativeClient::connect(&format!("http://{}", server.address), ClientConfig::default()).unwrap();
    let group = within("the join", client.join("lobby")).await.unwrap();
    let mut states = group.states();
    assert_eq!(states.next().await, Some(GroupState::Joined { recovered: false }));
    let mut seen = Vec::new();
    layer.events.send(LayerEvent::Reconnected { host: "redis://localhost".into(), after: Duration::from_secs(1) });
    // The latest state is what a reader finds, so one that is replaced at once may be skipped.
    while seen.last() != Some(&GroupState::Joined { recovered: false }) {
        seen.push(within("the next state", states.next()).await.unwrap());
    }
    let why = |state: &GroupState| matches!(state, GroupState::Joining { code: 2502, reason } if !reason.is_empty());
    assert!(seen.len() > 1 && seen[..seen.len() - 1].iter().all(why), "{seen:?}");
    let lobby = GroupName::new("lobby").unwrap();
    layer.group_send(&lobby, message! { "n": 1 }).await.unwrap();
    assert_eq!(within("the message", group.recv()).await.unwrap(), message! { "n": 1 });
    assert_eq!(client.state(), channel_layers::client::State::Connected, "the socket was never lost");
}

#[tokio::test]
async fn nobody_listens_to_the_layer_once_the_gateway_has_stopped() {
    let (server, layer) = server().await;
    let client = server.join("g").await;
    assert!(format!("{:?}", layer.events).contains("listeners: Some(1)"), "one task listens: {:?}", layer.events);
    let gateway = server.gateway.clone();
    drop(client);
    server.stop().stopped().await;
    let idle = || format!("{:?}", layer.events).contains("listeners: Some(0)");
    eventually("the listener stops", idle).await;
    assert_eq!(gateway.stats().connections, 0);
}
