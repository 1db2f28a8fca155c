//! What the tests against real sockets share: a gateway on a free port, and a WebSocket client that may misbehave.

mod opcode;
pub(crate) mod raw;

use std::net::SocketAddr;
use std::time::Duration;

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use raw::Raw;

/// How long a test waits for anything. Far above what it takes: only a defect reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that must happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits until something that is on its way has happened.
pub(crate) async fn eventually(what: &str, happened: impl Fn() -> bool) {
    within(what, async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A gateway that serves on a free port of the loopback interface.
pub(crate) struct Server<L: ChannelLayer = Layer> {
    pub(crate) gateway: Gateway<L>,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<channel_layers::Result<()>>,
}

impl Server {
    pub(crate) async fn start(config: GatewayConfig) -> Self {
        Self::of(Gateway::new(Layer::default(), config)).await
    }
}

impl<L: ChannelLayer> Server<L> {
    pub(crate) async fn of(gateway: Gateway<L>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = gateway.clone();
        let task = tokio::spawn(async move { serving.serve(listener, async { drop(stopped.await) }).await });
        Self { gateway, address, stop, task }
    }

    /// Asks it to shut down; wait for [`Stopping::stopped`].
    pub(crate) fn stop(self) -> Stopping {
        drop(self.stop);
        Stopping(self.task)
    }

    /// A client that is connected.
    pub(crate) async fn connect(&self) -> Client {
        let (client, _) = self.welcomed().await;
        client
    }

    /// A client that is connected, and its `welcome`.
    pub(crate) async fn welcomed(&self) -> (Client, Value) {
        let mut client = Client { raw: Raw::open(self.address, &[]).await, next: 1 };
        let welcome = client.ask(json!({"op": "connect"})).await;
        assert_eq!(welcome["op"], "welcome", "{welcome}");
        (client, welcome)
    }

    /// A client that is connected and in a group.
    pub(crate) async fn join(&self, group: &str) -> Client {
        let mut client = self.connect().await;
        let answer = client.ask(json!({"op": "group_add", "group": group})).await;
        assert_eq!(answer["op"], "ok", "{answer}");
        client
    }
}

pub(crate) struct Stopping(JoinHandle<channel_layers::Result<()>>);

impl Stopping {
    pub(crate) async fn stopped(self) {
        within("the gateway stops", self.0).await.unwrap().unwrap();
    }
}

/// A client that speaks the protocol in JSON.
pub(crate) struct Client {
    pub(crate) raw: Raw,
    next: u64,
}

impl Client {
    /// Sends a request under the next id, without waiting.
    pub(crate) async fn request(&mut self, mut frame: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        frame["id"] = id.into();
        self.send(&frame).await;
        id
    }

    /// Sends a frame as it is.
    pub(crate) async fn send(&mut self, frame: &Value) {
        self.raw.text(&frame.to_string()).await;
    }

    /// Sends a request and waits for the next frame, which must be its answer.
    pub(crate) async fn ask(&mut self, frame: Value) -> Value {
        let id = self.request(frame).await;
        let answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// The next frame that is not a ping.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame = self.raw.json().await;
            if frame["op"] != "ping" {
                return frame;
            }
        }
    }

    /// Joins or leaves a group, sends to it, and the like, all of which must be granted.
    pub(crate) async fn ok(&mut self, frame: Value) {
        let answer = self.ask(frame).await;
        assert_eq!(answer["op"], "ok", "{answer}");
    }

    /// A request that must fail; its code.
    pub(crate) async fn refused(&mut self, frame: Value) -> u64 {
        let answer = self.ask(frame).await;
        assert_eq!(answer["op"], "error", "{answer}");
        assert!(answer["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
        answer["code"].as_u64().unwrap()
    }
}
