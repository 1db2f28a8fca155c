//! The end of a layer, with and without a server to tell.

use std::time::Duration;

use rig::{RedisServer, until};

use crate::tools::{Chatter, Clock, Member, Redis, config, disconnected, name, numbered, on_both, seen};

on_both!(
    a_closed_layer_leaves_nothing_behind,
    a_dropped_layer_leaves_nothing_behind,
    a_layer_is_closed_while_its_server_is_away,
);

/// Of what a layer had in Redis only messages stay, which expire.
async fn nothing_is_left(server: &RedisServer) {
    until!("no connection is left", seen(server).await.is_empty());
    let groups = async || server.ok(&["KEYS", "asgi:group:*"]).await.texts();
    assert!(groups().await.is_empty(), "{:?}", groups().await);
    for key in server.ok(&["KEYS", "*"]).await.texts() {
        assert!(server.ok(&["PTTL", &key]).await.int() > 0, "{key}");
    }
}

/// Closing ends every connection, though a mailbox is still held, and takes its memberships away.
async fn a_closed_layer_leaves_nothing_behind<L: Redis>() {
    let server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    chatter.stop().await;
    member.layer.send(&name("work"), numbered(0)).await.unwrap();
    until!("ready", member.layer.health().is_ready());
    let clock = Clock::start();
    member.layer.close().await.unwrap();
    clock.done("closing", Duration::from_secs(2));
    nothing_is_left(&server).await;
    assert!(member.events.next().await.is_none());
    assert!(member.layer.send(&name("work"), numbered(0)).await.is_err());
}

/// A layer that is dropped without being closed: the same, a moment later.
async fn a_dropped_layer_leaves_nothing_behind<L: Redis>() {
    let server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    chatter.stop().await;
    until!("ready", member.layer.health().is_ready());
    drop(member);
    until!("no connection is left", seen(&server).await.is_empty());
    nothing_is_left(&server).await;
}

/// Closing does not wait for a server that is away, and a drop leaves nothing that goes on looking for it.
async fn a_layer_is_closed_while_its_server_is_away<L: Redis>() {
    let mut server = RedisServer::start().await;
    let mut closed = Member::<L>::join(config(&server.url())).await;
    let dropped = Member::<L>::join(config(&server.url())).await;
    server.kill9();
    disconnected(&mut closed.events).await;
    let clock = Clock::start();
    closed.layer.close().await.unwrap();
    clock.done("closing without a server", Duration::from_secs(4));
    drop(dropped);
    let tasks = tokio::runtime::Handle::current().metrics();
    until!("no task is left", tasks.num_alive_tasks() == 0);
    drop(closed);
    server.restart_empty().await;
    assert!(seen(&server).await.is_empty());
}
