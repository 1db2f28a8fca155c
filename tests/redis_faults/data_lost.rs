//! Data that somebody else takes away, without any connection ending.

use std::time::Duration;

use channel_layers::layer::redis::RedisLayer;
use channel_layers::layer::{ChannelLayer, LayerEvent};
use rig::{RedisServer, until};

use crate::tools::{Chatter, Clock, Member, ROOM, Redis, config, happens, on_both, room};

on_both!(somebody_flushes_the_server);

/// `FLUSHALL`: what waited is gone, and memberships stand again with the next canary, two or three seconds later. Pub/sub
/// keeps nothing in Redis, so it loses nothing.
async fn somebody_flushes_the_server<L: Redis>() {
    let server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    // Only memberships that a canary has seen can be missed.
    until!("the layer is ready", member.layer.health().is_ready());
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    for times in 1..=2 {
        server.ok(&["FLUSHALL"]).await;
        let clock = Clock::start();
        if L::KEEPS {
            happens(&mut member.events, "data lost", |event| matches!(event, LayerEvent::DataLost { .. })).await;
            assert_eq!(server.ok(&["ZCARD", ROOM]).await.int(), 1);
            assert_eq!(member.layer.count().data_lost, times);
        }
        chatter.is_heard_by(&mut member).await;
        clock.done("messages after a FLUSHALL", Duration::from_secs(8));
    }
    chatter.stop().await;
    member.heard_once_in_order();
    assert_eq!(member.layer.count().reconnects, 0);
}

/// Emptying the layer on purpose is not a loss.
#[tokio::test]
async fn a_flush_of_our_own_is_no_loss() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
    until!("the layer is ready", member.layer.health().is_ready());
    member.layer.flush().await.unwrap();
    happens(&mut member.events, "flushed", |event| matches!(event, LayerEvent::Flushed)).await;
    until!("a canary came by", server.ok(&["KEYS", "asgi:group:canary*"]).await.list().len() == 1);
    assert_eq!(member.layer.count().data_lost, 0);
    assert_eq!(server.ok(&["ZCARD", ROOM]).await.int(), 0);
    member.layer.group_add(&room(), member.mailbox.channel()).await.unwrap();
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    chatter.stop().await;
}
