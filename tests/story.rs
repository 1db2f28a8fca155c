//! The story that channel layers are for, with the project in examples/django and the commands of its guide: browsers on
//! two gateways and on Django's own socket, a Django view, and background tasks in both languages, each in a process of
//! its own, share one Redis. Everyone hears everyone, also after that Redis has lost everything.
#![cfg(not(target_family = "wasm"))]

use std::process::Command;
use std::time::{Duration, Instant};

use channel_layers::client::{Client, ClientConfig, Group};
use channel_layers::protocol::ErrorCode;
use channel_layers::{ErrorKind, Message, message};
use futures_util::{SinkExt, StreamExt};
use rig::django::{Backend, Site};
use rig::{Process, RedisServer, until, within};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What the guide says: the options that make a command share Django's Redis.
fn command(redis: &RedisServer, backend: Backend, words: &[&str]) -> Command {
    let backend = match backend {
        Backend::Core => "redis",
        Backend::PubSub => "redis-pubsub",
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_channel-layers"));
    command.args(words).args(["--backend", backend, "--redis-url", &redis.url()]).env_remove("RUST_LOG");
    command
}

/// A gateway in a process of its own.
struct Gateway {
    process: Process,
    url: String,
}

impl Gateway {
    async fn start(redis: &RedisServer, backend: Backend) -> Self {
        let mut process = Process::start(&mut command(redis, backend, &["serve", "--listen", "127.0.0.1:0"]));
        let listening = |output: &str| {
            let url = output.lines().find_map(|line| line.strip_prefix("listening on "));
            url.map(ToOwned::to_owned)
        };
        until!("the gateway listens", {
            assert!(!process.ended(), "{}", process.output());
            listening(&process.output()).is_some()
        });
        let url = listening(&process.output()).expect("that was waited for");
        Self { process, url }
    }
}

/// A browser whose socket the gateway holds.
struct AtGateway {
    group: Group,
    _client: Client,
}

impl AtGateway {
    async fn join(gateway: &Gateway) -> Self {
        let client = Client::connect(&gateway.url, ClientConfig::default()).unwrap();
        let joined = tokio::time::timeout(rig::PATIENCE, client.join("chat.lobby")).await;
        let group = joined.unwrap_or_else(|_| panic!("no browser gets in: {}", gateway.process.output())).unwrap();
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

/// The frames that a browser at a gateway is sent, as they are.
struct Frames(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Frames {
    /// A browser in the lobby.
    async fn join(gateway: &Gateway) -> Self {
        let url = format!("{}/ws", gateway.url.replace("http://", "ws://"));
        let (socket, _) = within("the gateway lets a browser in", connect_async(url)).await.unwrap();
        let mut frames = Self(socket);
        for (request, answer) in [
            (json!({"op": "connect", "id": 1}), "welcome"),
            (json!({"op": "group_add", "id": 2, "group": "chat.lobby"}), "ok"),
        ] {
            frames.0.send(tungstenite::Message::text(request.to_string())).await.unwrap();
            frames.until(answer).await;
        }
        frames
    }

    /// Waits for the next frame of this kind.
    async fn until(&mut self, op: &str) -> Value {
        let arrives = async {
            loop {
                if let tungstenite::Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["op"] == op {
                        return frame;
                    }
                }
            }
        };
        within(op, arrives).await
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

/// Says something from a process that talks to Redis itself.
async fn say_by_command(redis: &RedisServer, backend: Backend, text: &str) {
    let message = json!({"type": "chat.message", "text": text}).to_string();
    let command = command(redis, backend, &["group-send", "chat.lobby", &message]);
    let mut command = tokio::process::Command::from(command);
    let output = within("a command sends", command.kill_on_drop(true).output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

async fn everyone_hears_everyone(backend: Backend) {
    let redis = RedisServer::start().await;
    let site = Site::start(&redis.url(), backend).await;
    let (here, there) = (Gateway::start(&redis, backend).await, Gateway::start(&redis, backend).await);
    let (mut one, mut two) = (AtGateway::join(&here).await, AtGateway::join(&there).await);
    let mut three = AtDjango::join(&site).await;

    for speaker in ["gateway 1", "gateway 2", "Django", "a view", "manage.py", "a command in Rust"] {
        let text = format!("hello from {speaker}");
        match speaker {
            "gateway 1" => one.say(&text).await,
            "gateway 2" => two.say(&text).await,
            "Django" => three.say(&text).await,
            "a view" => site.post("lobby", &text).await,
            "manage.py" => site.manage(&["say", "lobby", &text]).await,
            _ => say_by_command(&redis, backend, &text).await,
        }
        // The next message and no other: nobody hears anything twice.
        assert_eq!(one.hear().await, text);
        assert_eq!(two.hear().await, text);
        assert_eq!(three.hear(&site).await, text);
    }

    // What browsers at a gateway choose to send ends no socket of Django's.
    let closing = one.group.send(message! { "type": "close" }).await.unwrap_err();
    assert_eq!(closing.kind(), ErrorKind::Refused(ErrorCode::RESERVED_TYPE));
    for hostile in [
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

/// How soon after a Redis is back everybody must hear everybody again.
const SOON: Duration = Duration::from_secs(10);

/// A Redis is killed and comes back empty. Open sockets stay open, are told to load their state again (2502), and hear
/// what is said; nobody does anything about it.
async fn an_empty_redis_is_healed(backend: Backend) {
    let mut redis = RedisServer::start().await;
    let (here, there) = (Gateway::start(&redis, backend).await, Gateway::start(&redis, backend).await);
    let (mut one, mut two) = (AtGateway::join(&here).await, AtGateway::join(&there).await);
    let mut frames = Frames::join(&here).await;
    one.say("before").await;
    assert_eq!((one.hear().await, two.hear().await), ("before".to_owned(), "before".to_owned()));

    redis.restart_empty().await;
    let back = Instant::now();
    let told = frames.until("group_discarded").await;
    assert_eq!((&told["group"], &told["code"]), (&json!("chat.lobby"), &json!(2502)), "{told}");
    for browser in [&mut one, &mut two] {
        until!("a browser hears what is said now", {
            say_by_command(&redis, backend, "after").await;
            matches!(tokio::time::timeout(Duration::from_millis(500), browser.hear()).await.as_deref(), Ok("after"))
        });
    }
    assert!(back.elapsed() < SOON, "{:?}", back.elapsed());
}

#[tokio::test]
async fn an_empty_redis_is_healed_over_core() {
    an_empty_redis_is_healed(Backend::Core).await;
}

#[tokio::test]
async fn an_empty_redis_is_healed_over_pubsub() {
    an_empty_redis_is_healed(Backend::PubSub).await;
}
