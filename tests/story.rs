//! The story that channel layers are for: browsers on two gateways and on Django's own socket, a Django view, and
//! background tasks in both languages share one Redis with the project in examples/django. Everyone hears everyone.
#![cfg(not(target_family = "wasm"))]

use channel_layers::client::{Client, ClientConfig, Group};
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::redis::{Host, RedisConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{GroupName, Message, message};
use futures_util::{SinkExt, StreamExt};
use rig::django::{Backend, Site};
use rig::{RedisServer, within};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The layer of one more process on that Redis.
fn layer(redis: &RedisServer, backend: Backend) -> Layer {
    let config = RedisConfig::new([Host::url(&redis.url()).unwrap()]);
    match backend {
        Backend::Core => Layer::redis(config),
        Backend::PubSub => Layer::redis_pubsub(config),
    }
    .unwrap()
}

/// A gateway with a layer of its own; its address.
async fn gateway(redis: &RedisServer, backend: Backend) -> String {
    let gateway = Gateway::new(layer(redis, backend), GatewayConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    url
}

/// A browser whose socket the gateway holds.
struct AtGateway {
    group: Group,
    _client: Client,
}

impl AtGateway {
    async fn join(gateway: &str) -> Self {
        let client = Client::connect(gateway, ClientConfig::default()).unwrap();
        let group = within("the gateway lets a browser in", client.join("chat.lobby")).await.unwrap();
        Self { group, _client: client }
    }

    async fn say(&self, text: &str) {
        self.send(message! { "type": "chat.message", "from": "a gateway", "text": text }).await;
    }

    async fn send(&self, message: Message) {
        within("a browser sends through a gateway", self.group.send(message)).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        let message = within("a browser at a gateway hears something", self.group.recv()).await.unwrap();
        message.decode::<Value>().unwrap()["text"].as_str().unwrap().to_owned()
    }
}

/// A browser whose socket Django holds.
struct AtDjango(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl AtDjango {
    async fn join(site: &Site) -> Self {
        let request = ClientRequestBuilder::new(site.socket("lobby").parse().unwrap());
        let request = request.with_header("origin", site.origin());
        let (socket, _) = within("Django lets a browser in", connect_async(request)).await.unwrap();
        Self(socket)
    }

    async fn say(&mut self, text: &str) {
        let message = json!({"from": "Django", "text": text}).to_string();
        self.0.send(tungstenite::Message::text(message)).await.unwrap();
    }

    async fn hear(&mut self, site: &Site) -> String {
        let frame = within("a browser at Django hears something", self.0.next()).await;
        match frame {
            Some(Ok(tungstenite::Message::Text(text))) => {
                serde_json::from_str::<Value>(&text).unwrap()["text"].as_str().unwrap().to_owned()
            }
            other => panic!("not a message: {other:?}\n{}", site.log()),
        }
    }
}

async fn everyone_hears_everyone(backend: Backend) {
    let redis = RedisServer::start().await;
    let site = Site::start(&redis.url(), backend).await;
    let (here, there) = (gateway(&redis, backend).await, gateway(&redis, backend).await);
    let (mut one, mut two) = (AtGateway::join(&here).await, AtGateway::join(&there).await);
    let mut three = AtDjango::join(&site).await;
    let task = layer(&redis, backend);
    let lobby = GroupName::new("chat.lobby").unwrap();

    for speaker in ["gateway 1", "gateway 2", "Django", "a view", "manage.py", "a task in Rust"] {
        let text = format!("hello from {speaker}");
        match speaker {
            "gateway 1" => one.say(&text).await,
            "gateway 2" => two.say(&text).await,
            "Django" => three.say(&text).await,
            "a view" => site.post("lobby", &text).await,
            "manage.py" => site.manage(&["say", "lobby", &text]).await,
            _ => task.group_send(&lobby, message! { "type": "chat.message", "text": text.as_str() }).await.unwrap(),
        }
        // The next message and no other: nobody hears anything twice.
        assert_eq!(one.hear().await, text);
        assert_eq!(two.hear().await, text);
        assert_eq!(three.hear(&site).await, text);
    }

    // What browsers at a gateway choose to send ends no socket of Django's.
    for hostile in [
        message! { "type": "close" },
        message! { "type": "no.such.method" },
        message! { "text": "no type" },
        message! { "type": "chat.message", "text": [1, 2] },
    ] {
        one.send(hostile).await;
    }
    assert_eq!(three.hear(&site).await, "[1, 2]");
    two.say("still here").await;
    assert_eq!(three.hear(&site).await, "still here");
}

#[tokio::test]
async fn everyone_hears_everyone_over_core() {
    everyone_hears_everyone(Backend::Core).await;
}

#[tokio::test]
async fn everyone_hears_everyone_over_pubsub() {
    everyone_hears_everyone(Backend::PubSub).await;
}
