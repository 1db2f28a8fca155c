//! A master and its replica under three sentinels, who promote the replica when the master is gone.

use std::net::SocketAddr;

use crate::redis::server::{RedisOptions, RedisServer};
use crate::until;

/// What the sentinels call the master.
const NAME: &str = "main";

/// How long a server is silent before a sentinel holds it for dead, in milliseconds.
const DOWN_AFTER_MS: &str = "500";

/// Running servers and their sentinels.
pub struct Sentinels {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    master: usize,
}

impl Sentinels {
    /// Starts them; by then each sentinel knows the others and the replica.
    pub async fn start() -> Self {
        Self::of(RedisServer::options(), RedisServer::options()).await
    }

    /// The same, where the servers and the sentinels ask for a password of their own.
    pub async fn with_passwords(servers: &str, sentinels: &str) -> Self {
        Self::of(RedisServer::options().password(servers), RedisServer::options().password(sentinels)).await
    }

    async fn of(server: RedisOptions, sentinel: RedisOptions) -> Self {
        let password = server.password_or_empty();
        let master = server.copy().start().await;
        let replica = server.start().await;
        let port = master.port().to_string();
        replica.ok(&["REPLICAOF", "127.0.0.1", &port]).await;
        until!("the replica is in step", replica.in_step().await);
        let sentinel = sentinel.sentinel();
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let sentinel = sentinel.copy().start().await;
            sentinel.ok(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", &port, "2"]).await;
            sentinel.ok(&["SENTINEL", "SET", NAME, "down-after-milliseconds", DOWN_AFTER_MS]).await;
            sentinel.ok(&["SENTINEL", "SET", NAME, "failover-timeout", "3000"]).await;
            if !password.is_empty() {
                sentinel.ok(&["SENTINEL", "SET", NAME, "auth-pass", &password]).await;
            }
            sentinels.push(sentinel);
        }
        let all = Self { servers: vec![master, replica], sentinels, master: 0 };
        all.watched().await;
        all
    }

    /// Waits until each sentinel sees the master, its replica and the two other sentinels.
    async fn watched(&self) {
        let wanted = [("flags", "master"), ("num-slaves", "1"), ("num-other-sentinels", "2")];
        for sentinel in &self.sentinels {
            until!(
                "a sentinel sees everybody",
                async {
                    let fields = sentinel.ok(&["SENTINEL", "MASTER", NAME]).await.texts();
                    wanted
                        .iter()
                        .all(|(name, value)| fields.chunks(2).any(|field| field[0] == *name && field[1] == *value))
                }
                .await
            );
        }
    }

    /// What the sentinels call the master.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// Where the sentinels listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(RedisServer::address).collect()
    }

    /// The server that was the master when [`promoted`](Self::promoted) returned last.
    pub fn master(&mut self) -> &mut RedisServer {
        &mut self.servers[self.master]
    }

    /// The other server.
    pub fn replica(&mut self) -> &mut RedisServer {
        &mut self.servers[1 - self.master]
    }

    /// Tells the sentinels to swap master and replica, and waits until they have.
    pub async fn failover(&mut self) {
        // A sentinel has to have heard lately that the replica is well.
        until!(
            "a sentinel agrees to swap",
            async { !self.sentinels[0].command(&["SENTINEL", "FAILOVER", NAME]).await.is_error() }.await
        );
        self.promoted().await;
    }

    /// Kills the master and returns at once.
    pub fn kill_master(&mut self) {
        self.master().kill9();
    }

    /// Waits until the replica is the master and every sentinel says so.
    pub async fn promoted(&mut self) {
        let next = 1 - self.master;
        let server = &self.servers[next];
        until!("the replica is the master", server.is_master().await);
        let port = server.port().to_string();
        for sentinel in &self.sentinels {
            until!(
                "a sentinel names the new master",
                async { sentinel.ok(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).await.texts()[1] == port }.await
            );
        }
        self.master = next;
    }
}
