//! A Redis cluster of three masters, each with a replica, made by commands alone: no prompt and no folder is shared.

use crate::process::free_port;
use crate::redis::server::RedisServer;
use crate::{Reply, until};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// How long a node is silent before the others hold it for dead.
const NODE_TIMEOUT_MS: &str = "1000";

/// A running cluster. At the start nodes 0 to 2 are masters and node `n + 3` is the replica of node `n`.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    ids: Vec<String>,
}

impl RedisCluster {
    /// Starts it; every node knows every slot by then, and every replica is in step.
    pub async fn start() -> Self {
        Self::with_args(&[]).await
    }

    /// Starts it with words of redis.conf for each node.
    pub async fn with_args(args: &[&str]) -> Self {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..MASTERS * 2 {
            let bus = free_port().to_string();
            let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", NODE_TIMEOUT_MS];
            let bus_port = ["--cluster-port", &bus];
            // A replica may take over however long it was cut off, and serves the master that it was given.
            let replicas = ["--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no"];
            let all = [&cluster[..], &bus_port, &replicas, args].concat();
            nodes.push(RedisServer::with_args(&all).await);
            buses.push(bus);
        }
        let mut ids = Vec::new();
        for node in &nodes {
            ids.push(node.ok(&["CLUSTER", "MYID"]).await.text());
        }
        let cluster = Self { nodes, ids };
        cluster.share_slots().await;
        cluster.introduce(&buses).await;
        cluster.replicate().await;
        cluster.settled().await;
        cluster
    }

    async fn share_slots(&self) {
        for (at, node) in self.nodes.iter().enumerate() {
            node.ok(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]).await;
            if at < MASTERS {
                let (first, end) = (SLOTS * at / MASTERS, SLOTS * (at + 1) / MASTERS);
                node.ok(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]).await;
            }
        }
    }

    async fn introduce(&self, buses: &[String]) {
        for (node, bus) in self.nodes.iter().zip(buses).skip(1) {
            let port = node.port().to_string();
            self.nodes[0].ok(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]).await;
        }
        until!(
            "every node knows the others",
            async {
                for node in &self.nodes {
                    let known = node.ok(&["CLUSTER", "NODES"]).await.text();
                    if known.lines().count() < self.nodes.len() || known.contains("handshake") {
                        return false;
                    }
                }
                true
            }
            .await
        );
    }

    async fn replicate(&self) {
        for (at, node) in self.nodes.iter().enumerate().skip(MASTERS) {
            node.ok(&["CLUSTER", "REPLICATE", &self.ids[at - MASTERS]]).await;
        }
        for node in &self.nodes[MASTERS..] {
            until!("a replica is in step", node.in_step().await);
        }
    }

    /// Waits until all living nodes serve every slot and agree who does.
    pub async fn settled(&self) {
        until!(
            "the nodes of the cluster agree",
            async {
                let mut views = Vec::new();
                for node in self.living() {
                    if !node.ok(&["CLUSTER", "INFO"]).await.text().contains("cluster_state:ok") {
                        return false;
                    }
                    views.push(owners(&node.ok(&["CLUSTER", "SLOTS"]).await));
                }
                let alive = views[0].iter().all(|(_, port)| self.living().any(|node| node.port() == *port));
                alive && views.windows(2).all(|pair| pair[0] == pair[1])
            }
            .await
        );
    }

    fn living(&self) -> impl Iterator<Item = &RedisServer> {
        self.nodes.iter().filter(|node| node.runs())
    }

    pub fn node(&self, node: usize) -> &RedisServer {
        &self.nodes[node]
    }

    /// The URLs of all nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The slot of a key.
    pub async fn slot(&self, key: &str) -> u16 {
        let node = self.living().next().expect("a node lives");
        u16::try_from(node.ok(&["CLUSTER", "KEYSLOT", key]).await.int()).unwrap()
    }

    /// The node that serves a slot, as the first living node sees it.
    pub async fn owner(&self, slot: u16) -> usize {
        let node = self.living().next().expect("a node lives");
        let owners = owners(&node.ok(&["CLUSTER", "SLOTS"]).await);
        let (_, port) = owners.iter().rfind(|(first, _)| *first <= i64::from(slot)).expect("somebody serves the slot");
        self.nodes.iter().position(|node| node.port() == *port).expect("a node of this cluster")
    }

    /// Makes a replica the master in an orderly way, and waits until all nodes know.
    pub async fn failover(&self, replica: usize) {
        self.nodes[replica].ok(&["CLUSTER", "FAILOVER"]).await;
        until!("the replica is a master", self.nodes[replica].is_master().await);
        self.settled().await;
    }

    /// Kills a node and returns at once. Wait for its replica with [`settled`](Self::settled).
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill9();
    }

    /// Starts a killed node again, without the data that it had; waits until it is part of the cluster.
    pub async fn restart(&mut self, node: usize) {
        self.nodes[node].restart_with_data().await;
        self.settled().await;
    }

    /// Moves a slot with its keys to another master, as an administrator does who re-shards, and waits until all know.
    pub async fn migrate_slot(&self, slot: u16, to: usize) {
        let from = self.owner(slot).await;
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let number = slot.to_string();
        target.ok(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &self.ids[from]]).await;
        source.ok(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &self.ids[to]]).await;
        loop {
            let keys = source.ok(&["CLUSTER", "GETKEYSINSLOT", &number, "100"]).await.texts();
            if keys.is_empty() {
                break;
            }
            let port = target.port().to_string();
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            migrate.extend(keys.iter().map(String::as_str));
            source.ok(&migrate).await;
        }
        for node in [target, source] {
            node.ok(&["CLUSTER", "SETSLOT", &number, "NODE", &self.ids[to]]).await;
        }
        self.settled().await;
    }
}

/// The first slot of each range and the port of its master, in order.
fn owners(slots: &Reply) -> Vec<(i64, u16)> {
    let ranges = slots.clone().list().into_iter().map(|range| {
        let range = range.list();
        let port = range[2].clone().list()[1].int();
        (range[0].int(), u16::try_from(port).unwrap())
    });
    let mut owners: Vec<_> = ranges.collect();
    owners.sort_unstable();
    owners
}
