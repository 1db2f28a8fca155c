//! What a layer says of itself.

use std::time::Duration;

use rig::{Proxy, RedisServer, until};

use crate::tools::{Clock, Redis, config, on_both};

on_both!(health_follows_the_path);

const SOON: Duration = Duration::from_secs(10);

/// Not ready before the first canary has come round, ready then; not ready when the path is cut, with the reason, and
/// ready when it is mended.
async fn health_follows_the_path<L: Redis>() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    proxy.refuse();
    let layer = L::begin(config(&server.url_through(proxy.address())));
    let health = layer.health();
    assert!(!health.is_ready() && health.hosts.len() == 1, "{health:?}");
    proxy.pass();
    let clock = Clock::start();
    until!("ready", layer.health().is_ready());
    clock.done("ready after the first connection", SOON);
    assert!(layer.health().hosts[0].lag.is_some_and(|lag| lag < Duration::from_secs(3)));
    proxy.refuse();
    let clock = Clock::start();
    until!("not ready", !layer.health().is_ready());
    clock.done("not ready after a cut", SOON);
    let host = layer.health().hosts.remove(0);
    assert!(host.lag.is_none() && host.fault.is_some(), "{host:?}");
    assert!(host.host.contains(&proxy.address().port().to_string()), "{host:?}");
    proxy.pass();
    let clock = Clock::start();
    until!("ready again", layer.health().is_ready());
    clock.done("ready after the path is mended", SOON);
    proxy.stall();
    let clock = Clock::start();
    until!("not ready in silence", !layer.health().is_ready());
    clock.done("not ready in silence", SOON);
}
