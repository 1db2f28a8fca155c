//! The two sides: a layer of Rust and one of Python with the same settings, and the servers that they share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use channel_layers::config::LayersConfig;
use channel_layers::layer::redis::RedisStats;
use channel_layers::layer::{ChannelLayer, Layer, Mailbox, MailboxOptions};
use channel_layers::{ChannelName, GroupName, Message, Result};
use rig::django::{Backend, Django, DjangoLayer};
use rig::{RedisServer, until, within};
use serde_json::{Value, json};

/// How long Python waits for a message that may not come.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// A layer of Rust.
pub(crate) struct Rust(Layer);

/// A layer on each side. The servers are the last to end, or the layers would complain.
pub(crate) struct Sides {
    pub(crate) backend: Backend,
    pub(crate) config: Value,
    pub(crate) rust: Rust,
    pub(crate) python: DjangoLayer,
    pub(crate) django: Django,
    pub(crate) servers: Vec<RedisServer>,
}

/// Servers without data.
pub(crate) async fn servers(count: usize) -> Vec<RedisServer> {
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(RedisServer::start().await);
    }
    servers
}

/// The time as scores have it.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A message of the driver's JSON, which spells bytes as the crate's own does.
pub(crate) fn message(value: &Value) -> Message {
    Message::from_json(value.to_string()).unwrap()
}

pub(crate) fn value(message: &Message) -> Value {
    serde_json::from_slice(message.json()).unwrap()
}

pub(crate) fn numbered(n: u64) -> Value {
    json!({"type": "chat.message", "text": "héllo ☃", "n": n})
}

/// The numbers of messages.
pub(crate) fn numbers(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(|message| message["n"].as_u64().unwrap()).collect()
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

impl Sides {
    /// Sides on so many new servers, with these settings.
    pub(crate) async fn open(backend: Backend, hosts: usize, more: Value) -> Self {
        Self::on(servers(hosts).await, backend, more).await
    }

    /// Sides on these servers.
    pub(crate) async fn on(servers: Vec<RedisServer>, backend: Backend, more: Value) -> Self {
        let mut config = json!({"hosts": servers.iter().map(RedisServer::url).collect::<Vec<_>>()});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let django = Django::start().await;
        let python = django.layer(backend, config.clone()).await;
        let rust = Rust::open(backend, &config);
        Self { backend, config, rust, python, django, servers }
    }

    pub(crate) fn server(&self) -> &RedisServer {
        &self.servers[0]
    }

    /// The settings with others in their place.
    pub(crate) fn with(&self, more: &Value) -> Value {
        let mut config = self.config.clone();
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    }

    /// Another layer in the Python process.
    pub(crate) async fn another_python(&self, more: Value) -> DjangoLayer {
        self.django.layer(self.backend, self.with(&more)).await
    }

    pub(crate) fn another_rust(&self, more: &Value) -> Rust {
        Rust::open(self.backend, &self.with(more))
    }

    /// Waits until so many processes are subscribed to a Redis channel. Python does not wait for that; in core there is
    /// nothing to wait for.
    pub(crate) async fn subscribed(&self, topic: &str, processes: i64) {
        if self.backend == Backend::Core {
            return;
        }
        until!(&format!("{processes} subscriptions of {topic}"), self.subscribers(topic).await == processes);
    }

    pub(crate) async fn group_subscribed(&self, group: &str, processes: i64) {
        let prefix = self.config.get("prefix").and_then(Value::as_str).unwrap_or("asgi");
        self.subscribed(&format!("{prefix}__group__{group}"), processes).await;
    }

    async fn subscribers(&self, topic: &str) -> i64 {
        let mut count = 0;
        for server in &self.servers {
            count += server.ok(&["PUBSUB", "NUMSUB", topic]).await.list()[1].int();
        }
        count
    }
}

impl Rust {
    pub(crate) fn open(backend: Backend, config: &Value) -> Self {
        let backend = match backend {
            Backend::Core => "channels_redis.core.RedisChannelLayer",
            Backend::PubSub => "channels_redis.pubsub.RedisPubSubChannelLayer",
        };
        let settings = json!({"default": {"BACKEND": backend, "CONFIG": config}});
        let layers = LayersConfig::from_json(&settings.to_string()).unwrap().open().unwrap();
        Self(layers.get("default").unwrap().clone())
    }

    pub(crate) fn layer(&self) -> &Layer {
        &self.0
    }

    pub(crate) async fn new_channel(&self) -> String {
        within("a new channel", self.0.new_channel("specific")).await.unwrap().to_string()
    }

    pub(crate) async fn mailbox(&self) -> Mailbox {
        within("a mailbox", self.0.mailbox("specific", MailboxOptions::default())).await.unwrap()
    }

    pub(crate) async fn send(&self, to: &str, content: &Value) -> Result<()> {
        within("a send", self.0.send(&channel(to), message(content))).await
    }

    pub(crate) async fn receive(&self, on: &str) -> Value {
        value(&within("a message", self.0.receive(&channel(on))).await.unwrap())
    }

    pub(crate) async fn group_add(&self, to: &str, member: &str) {
        within("a group_add", self.0.group_add(&group(to), &channel(member))).await.unwrap();
    }

    pub(crate) async fn group_discard(&self, from: &str, member: &str) {
        within("a group_discard", self.0.group_discard(&group(from), &channel(member))).await.unwrap();
    }

    pub(crate) async fn group_send(&self, to: &str, content: &Value) {
        within("a group_send", self.0.group_send(&group(to), message(content))).await.unwrap();
    }

    pub(crate) fn stats(&self) -> RedisStats {
        match &self.0 {
            Layer::Redis(layer) => layer.stats(),
            Layer::RedisPubSub(layer) => layer.stats(),
            other => panic!("not on Redis: {other:?}"),
        }
    }
}

/// The next message of a mailbox.
pub(crate) async fn next(mailbox: &mut Mailbox) -> Value {
    value(&within("a message in a mailbox", mailbox.recv()).await.unwrap())
}
