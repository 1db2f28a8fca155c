//! The conformance suite over the Redis layers with sender and receiver in different processes: every case sends in one
//! and receives in the other, once this way and once the other way round.
//!
//! The other process is this test binary, started again (`other`), and what is there is used from here like a layer
//! (`remote`). The cases of peers have three processes, since the second receiver is in one of its own where receivers
//! are elsewhere. All cases run. What a case asks of a mailbox's own bounds and sink is answered on this side of the
//! connection, so for layers it is proved where they receive here.
#![cfg(not(target_family = "wasm"))]

#[path = "redis_processes/other.rs"]
mod other;
#[path = "redis_processes/remote.rs"]
mod remote;
#[path = "redis_processes/wire.rs"]
mod wire;

use std::sync::Mutex;

use channel_layers::config::LayersConfig;
use channel_layers::layer::conformance::{Factory, Settings};
use channel_layers::layer::{Capabilities, ChannelLayer, Health, Layer, LayerEvents, Layers, Mailbox, MailboxOptions};
use channel_layers::{ChannelName, GroupName, Message, Result};
use remote::Remote;
use rig::RedisServer;
use serde_json::json;

/// A layer in two processes: one sends, and the other one does everything else.
#[derive(Clone)]
struct Apart<S, R> {
    sends: S,
    receives: R,
}

impl<S: ChannelLayer, R: ChannelLayer> ChannelLayer for Apart<S, R> {
    async fn send(&self, channel: &ChannelName, message: Message) -> Result<()> {
        self.sends.send(channel, message).await
    }

    async fn receive(&self, channel: &ChannelName) -> Result<Message> {
        self.receives.receive(channel).await
    }

    async fn new_channel(&self, prefix: &str) -> Result<ChannelName> {
        self.receives.new_channel(prefix).await
    }

    async fn mailbox(&self, prefix: &str, options: MailboxOptions) -> Result<Mailbox> {
        self.receives.mailbox(prefix, options).await
    }

    async fn group_add(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.receives.group_add(group, channel).await
    }

    async fn group_discard(&self, group: &GroupName, channel: &ChannelName) -> Result<()> {
        self.receives.group_discard(group, channel).await
    }

    async fn group_send(&self, group: &GroupName, message: Message) -> Result<()> {
        self.sends.group_send(group, message).await
    }

    async fn flush(&self) -> Result<()> {
        self.receives.flush().await
    }

    async fn close(&self) -> Result<()> {
        self.sends.close().await?;
        self.receives.close().await
    }

    fn capabilities(&self) -> Capabilities {
        self.receives.capabilities()
    }

    fn events(&self) -> LayerEvents {
        self.receives.events()
    }

    fn health(&self) -> Health {
        self.receives.health()
    }
}

/// Makes layers in two processes, each pair on a new server, which ends with the case.
struct Between<S, R> {
    backend: &'static str,
    /// Which of the two, the one here and the one elsewhere, sends.
    roles: fn(Layer, Remote) -> Apart<S, R>,
    /// What was made: the settings of the last layer are those of its peer.
    made: Mutex<Vec<(String, RedisServer)>>,
}

impl<S, R> Between<S, R> {
    /// Opens a layer here and one in another process.
    async fn open(&self, settings: &str) -> Apart<S, R> {
        let config = LayersConfig::from_json(settings).unwrap();
        let here = Layer::connect(config.get(Layers::DEFAULT).unwrap().clone()).await.unwrap();
        let there = Remote::start(settings, here.capabilities()).await;
        (self.roles)(here, there)
    }
}

fn sent_elsewhere(backend: &'static str) -> Between<Remote, Layer> {
    Between { backend, roles: |here, there| Apart { sends: there, receives: here }, made: Mutex::default() }
}

fn received_elsewhere(backend: &'static str) -> Between<Layer, Remote> {
    Between { backend, roles: |here, there| Apart { sends: here, receives: there }, made: Mutex::default() }
}

/// Settings as a Django project has them, which is how another process can be told.
fn in_djangos_shape(backend: &str, server: &RedisServer, settings: &Settings) -> String {
    // Text, not a map: the order of the patterns counts.
    let patterns = settings.channel_capacity.iter();
    let patterns: Vec<_> = patterns.map(|(pattern, most)| format!("{}:{most}", json!(pattern.to_string()))).collect();
    format!(
        r#"{{"default":{{"BACKEND":"{backend}","CONFIG":{{"hosts":[{url}],"capacity":{capacity},"expiry":{expiry},
            "group_expiry":{group_expiry},"channel_capacity":{{{patterns}}}}}}}}}"#,
        url = json!(server.url()),
        capacity = settings.capacity,
        expiry = settings.expiry.as_secs(),
        group_expiry = settings.group_expiry.as_secs(),
        patterns = patterns.join(","),
    )
}

impl<S, R> Factory for Between<S, R>
where
    S: ChannelLayer + Clone,
    R: ChannelLayer + Clone,
{
    type Layer = Apart<S, R>;

    async fn layer(&self, settings: Settings) -> Apart<S, R> {
        let server = RedisServer::start().await;
        let settings = in_djangos_shape(self.backend, &server, &settings);
        self.made.lock().unwrap().push((settings.clone(), server));
        self.open(&settings).await
    }

    async fn peer(&self, _: &Apart<S, R>) -> Option<Apart<S, R>> {
        let settings = self.made.lock().unwrap().last()?.0.clone();
        Some(self.open(&settings).await)
    }

    fn held(&self, _: &Apart<S, R>) -> Option<usize> {
        None
    }

    fn rounds(&self) -> usize {
        50
    }
}

channel_layers::conformance!(core_sent_elsewhere, sent_elsewhere("redis"), ());
channel_layers::conformance!(core_received_elsewhere, received_elsewhere("redis"), ());
channel_layers::conformance!(pubsub_sent_elsewhere, sent_elsewhere("redis-pubsub"), ());
channel_layers::conformance!(pubsub_received_elsewhere, received_elsewhere("redis-pubsub"), ());
