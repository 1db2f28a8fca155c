//! A gateway that is attacked, and somebody beside the attack who has to be served all the while.

use std::time::Duration;

use channel_layers::gateway::{GatewayConfig, GatewayStats};
use channel_layers::layer::{ChannelLayer, Layer};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::raw::Raw;
use crate::support::{Client, Server, within};

/// Between two rounds of the bystander, so that it stays below the rate that a client may have.
const PACE: Duration = Duration::from_millis(10);

/// What is attacked. One shard, so that the attack and those beside it are served by one task.
pub(crate) struct Arena<L: ChannelLayer = Layer> {
    pub(crate) server: Server<L>,
    bystander: Client,
    rounds: u64,
}

impl Arena {
    pub(crate) async fn new(config: GatewayConfig) -> Self {
        Self::of(Server::start(config.with_shards(1)).await).await
    }
}

impl<L: ChannelLayer> Arena<L> {
    pub(crate) async fn of(server: Server<L>) -> Self {
        let bystander = server.join("bystanders").await;
        let mut arena = Self { server, bystander, rounds: 0 };
        arena.serves().await;
        arena
    }

    /// A WebSocket that is connected.
    pub(crate) async fn attacker(&self) -> Raw {
        self.server.connect().await.raw
    }

    pub(crate) fn stats(&self) -> GatewayStats {
        self.server.gateway.stats()
    }

    /// A message of the bystander's goes to its group and comes back, and is answered.
    pub(crate) async fn serves(&mut self) {
        self.rounds += 1;
        let message = json!({"type": "round", "n": self.rounds});
        self.bystander.request(json!({"op": "group_send", "group": "bystanders", "message": message})).await;
        let (mut answered, mut delivered) = (false, false);
        while !(answered && delivered) {
            let frame = self.bystander.next().await;
            match frame["op"].as_str() {
                Some("ok") => answered = true,
                Some("message") if frame["message"] == message => delivered = true,
                _ => panic!("to the bystander: {frame}"),
            }
        }
    }

    /// Waits until something is so. The bystander is served all the while.
    pub(crate) async fn until(&mut self, what: &str, so: impl Fn(&GatewayStats) -> bool) {
        within(what, async {
            while !so(&self.stats()) {
                self.serves().await;
                tokio::time::sleep(PACE).await;
            }
        })
        .await;
    }

    /// Waits until so many connections were closed with a code, and only the bystander's is left.
    pub(crate) async fn closed(&mut self, code: u16, times: u64) {
        self.until(&format!("{times} are closed with {code}"), |stats| stats.closes.get(&code) == Some(&times)).await;
        self.alone().await;
    }

    /// Waits until only the bystander is left, in its group.
    pub(crate) async fn alone(&mut self) {
        self.until("what the attack took is given back", |stats| stats.connections == 1).await;
        let survey = self.server.gateway.survey("").await;
        let left: Vec<_> = survey.groups.iter().map(|count| count.group.as_str()).collect();
        assert_eq!(left, ["bystanders"], "groups that are left");
    }

    /// Lets something go on until the bystander was served so many times meanwhile, and ends it.
    pub(crate) async fn serves_during(&mut self, attack: JoinHandle<()>) {
        for _ in 0..50 {
            self.serves().await;
            assert!(!attack.is_finished(), "the attack has ended by itself");
        }
        attack.abort();
    }
}
