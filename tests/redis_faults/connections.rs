//! Connections that end under a server that goes on, and a server that pauses.

use std::time::Duration;

use channel_layers::ErrorKind;
use channel_layers::layer::redis::{RedisLayer, RedisPubSubLayer};
use channel_layers::layer::{ChannelLayer, LayerEvent};
use rig::{RedisServer, until, within};

use crate::tools::{
    Chatter, Clock, Member, Redis, Seen, config, disconnected, kill, name, number, numbered, on_both, reconnected,
    room, seen, the,
};

const SOON: Duration = Duration::from_secs(10);

on_both!(every_connection_is_killed_at_once, the_server_pauses_for_longer_than_anybody_waits);

/// `CLIENT KILL` of all connections while messages flow: what was taken from Redis but not yet written to the reader may
/// be lost, everything else arrives, nothing twice, and all is well again in a fraction of a second.
async fn every_connection_is_killed_at_once<L: Redis>() {
    let server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    let peer = L::open(config(&server.url())).await.unwrap();
    let mut chatter = Chatter::begin(&peer);
    for kind in ["normal", "pubsub", "normal"] {
        chatter.is_heard_by(&mut member).await;
        server.ok(&["CLIENT", "KILL", "TYPE", kind]).await;
        let clock = Clock::start();
        chatter.is_heard_by(&mut member).await;
        clock.done(&format!("messages after the {kind} connections were killed"), SOON);
    }
    let said = chatter.stop().await;
    let known = [ErrorKind::Unavailable, ErrorKind::Disconnected];
    assert!(said.failures.iter().all(|kind| known.contains(kind)), "{:?}", said.failures);
    member.heard_once_in_order();
}

/// The connection for commands is killed: verbs go on over the next one, and receiving was not touched.
#[tokio::test]
async fn the_connection_for_commands_is_killed() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
    let commands = the(&server, "the connection for commands", Seen::commands).await;
    let reader = the(&server, "the reader", Seen::reads).await;
    let peer = RedisLayer::connect(config(&server.url())).await.unwrap();
    kill(&server, &commands).await;
    for number in 0..200 {
        peer.group_send(&room(), numbered(number)).await.unwrap();
    }
    member.hears(199).await;
    disconnected(&mut member.events).await;
    reconnected(&mut member.events).await;
    member.layer.group_send(&room(), numbered(200)).await.unwrap();
    member.hears(200).await;
    assert_eq!(member.heard, (0..=200).collect::<Vec<_>>());
    assert!(seen(&server).await.iter().any(|seen| seen.id == reader.id), "the reader was not touched");
}

/// The readers are killed while they wait: nothing in Redis is lost. Whoever sends notices nothing, and there is no
/// event, since nothing may be missing.
#[tokio::test]
async fn readers_are_killed() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
    let own = the(&server, "the reader", |seen| seen.reads() && seen.waits).await;
    let receiving = tokio::spawn({
        let layer = member.layer.clone();
        async move {
            let mut jobs = Vec::new();
            while jobs.len() < 50 {
                jobs.push(number(&layer.receive(&name("work")).await.unwrap()));
            }
            jobs
        }
    });
    let work = the(&server, "the other reader", |seen| seen.reads() && seen.waits && seen.id != own.id).await;
    let peer = RedisLayer::connect(config(&server.url())).await.unwrap();
    let clock = Clock::start();
    kill(&server, &own).await;
    kill(&server, &work).await;
    for number in 0..50 {
        peer.group_send(&room(), numbered(number)).await.unwrap();
        peer.send(&name("work"), numbered(number)).await.unwrap();
    }
    member.hears(49).await;
    let jobs = within("the jobs", receiving).await.unwrap();
    clock.done("all messages after the readers were killed", SOON);
    assert_eq!(member.heard, (0..50).collect::<Vec<_>>());
    assert_eq!(jobs, (0..50).collect::<Vec<_>>());
    until!("both are counted", member.layer.count().reconnects == 2);
    assert_eq!(server.ok(&["EXISTS", "asgiwork"]).await.int(), 0, "nothing waits");
}

/// The subscriber is killed: what is published until it is back is lost, which Disconnected and Reconnected tell of.
#[tokio::test]
async fn the_subscriber_is_killed() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisPubSubLayer>::join(config(&server.url())).await;
    let peer = RedisPubSubLayer::connect(config(&server.url())).await.unwrap();
    let mine = member.mailbox.channel().clone();
    let subscribed = async || server.ok(&["PUBSUB", "NUMSUB", mine.as_str()]).await.list()[1].int();
    let ports: Vec<_> = seen(&server).await.into_iter().filter(Seen::listens).collect();
    // The member was there first.
    let clock = Clock::start();
    kill(&server, &ports[0]).await;
    disconnected(&mut member.events).await;
    let after = reconnected(&mut member.events).await;
    clock.done("subscriptions after the subscriber was killed", SOON);
    assert!(after > Duration::ZERO && after <= clock.elapsed(), "{after:?}");
    assert_eq!(subscribed().await, 1);
    peer.group_send(&room(), numbered(1)).await.unwrap();
    peer.send(&mine, numbered(2)).await.unwrap();
    member.hears(2).await;
    assert_eq!(member.heard, [1, 2]);
}

/// `CLIENT PAUSE` for longer than a reader waits: verbs fail with Timeout in the time that is set, later ones with
/// Unavailable; afterwards all heals, and what was sent meanwhile arrives once or not at all.
async fn the_server_pauses_for_longer_than_anybody_waits<L: Redis>() {
    let server = RedisServer::start().await;
    let timeout = Duration::from_secs(1);
    let mut member = Member::<L>::join(config(&server.url()).with_timeout(timeout)).await;
    let peer = L::open(config(&server.url()).with_timeout(timeout)).await.unwrap();
    let mut chatter = Chatter::begin(&peer);
    chatter.is_heard_by(&mut member).await;
    server.ok(&["CLIENT", "PAUSE", "8000", "ALL"]).await;
    let (clock, paused) = (Clock::start(), Duration::from_secs(8));
    let failed = member.layer.send(&name("work"), numbered(0)).await.unwrap_err();
    clock.done("a verb in a pause", timeout * 2);
    assert_eq!(failed.kind(), ErrorKind::Timeout, "{failed}");
    disconnected(&mut member.events).await;
    chatter.fails(ErrorKind::Unavailable).await;
    reconnected(&mut member.events).await;
    chatter.is_heard_by(&mut member).await;
    clock.done("messages after a pause of 8 s, from its beginning", paused + SOON);
    let said = chatter.stop().await;
    assert!(said.failures.contains(&ErrorKind::Timeout), "{:?}", said.failures);
    member.heard_once_in_order();
    let event = tokio::time::timeout(Duration::ZERO, member.events.next()).await;
    assert!(!matches!(event, Ok(Some(LayerEvent::DataLost { .. }))), "{event:?}");
}
