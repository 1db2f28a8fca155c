//! Connections through which nothing passes any more, and nobody says so. Each is found within ten seconds, torn down, and
//! the others do not notice.

use std::time::Duration;

use channel_layers::layer::ChannelLayer;
use channel_layers::layer::redis::{RedisLayer, RedisPubSubLayer};
use rig::{Proxy, RedisServer, until, within};

use crate::tools::{
    Chatter, Clock, Member, Redis, Seen, config, disconnected, name, number, numbered, on_both, reconnected, room,
    seen, the,
};

/// How soon a connection that leads nowhere must be found and another one made.
const FOUND: Duration = Duration::from_secs(10);

on_both!(the_whole_network_is_silent_for_a_while);

/// The connection for commands is silent: messages go on arriving, verbs fail with Timeout until it is found.
#[tokio::test]
async fn the_connection_for_commands_is_silent() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    let mut member = Member::<RedisLayer>::join(config(&server.url_through(proxy.address()))).await;
    let commands = the(&server, "the connection for commands", Seen::commands).await;
    let peer = RedisLayer::connect(config(&server.url())).await.unwrap();
    proxy.silence(&[commands.port]);
    let clock = Clock::start();
    peer.group_send(&room(), numbered(0)).await.unwrap();
    member.hears(0).await;
    clock.done("a message while commands are silent", Duration::from_secs(2));
    disconnected(&mut member.events).await;
    reconnected(&mut member.events).await;
    clock.done("a silent connection for commands is replaced", FOUND);
    member.layer.group_send(&room(), numbered(1)).await.unwrap();
    member.hears(1).await;
    until!("the old one is gone", !seen(&server).await.iter().any(|seen| seen.id == commands.id));
    assert_eq!(member.heard, [0, 1]);
}

/// The readers are silent both ways: what is sent from when the server has noticed that nobody pops any more (two
/// seconds; in these a message can be popped for the dead connection, and is lost) waits in Redis and arrives once.
#[tokio::test]
async fn readers_are_silent() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    let mut member = Member::<RedisLayer>::join(config(&server.url_through(proxy.address()))).await;
    let receiving = {
        let layer = member.layer.clone();
        tokio::spawn(async move { number(&layer.receive(&name("work")).await.unwrap()) })
    };
    let waiting =
        async || seen(&server).await.into_iter().filter(|seen| seen.reads() && seen.waits).collect::<Vec<_>>();
    until!("both readers", waiting().await.len() == 2);
    let readers = waiting().await;
    proxy.silence(&readers.iter().map(|reader| reader.port).collect::<Vec<_>>());
    let clock = Clock::start();
    until!("nobody pops any more", waiting().await.is_empty());
    for number in 0..50 {
        member.layer.group_send(&room(), numbered(number)).await.unwrap();
    }
    member.layer.send(&name("work"), numbered(50)).await.unwrap();
    member.hears(49).await;
    clock.done("a silent reader is replaced", FOUND);
    assert_eq!(within("the job", receiving).await.unwrap(), 50);
    clock.done("a silent reader of work is replaced", FOUND);
    until!(
        "the old ones are gone",
        !seen(&server).await.iter().any(|seen| readers.iter().any(|old| old.id == seen.id))
    );
    proxy.pass();
    member.layer.group_send(&room(), numbered(51)).await.unwrap();
    member.hears(51).await;
    assert_eq!(member.heard, (0..50).chain([51]).collect::<Vec<_>>());
}

/// Hazard: a pop that is held up in the network would take messages when it arrives at last, for a reader that is gone.
/// The server is told to kill that connection before another one pops, so nothing is lost.
#[tokio::test]
async fn a_pop_that_was_held_up_takes_nothing_when_it_arrives() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    let mut member = Member::<RedisLayer>::join(config(&server.url_through(proxy.address()))).await;
    let reader = the(&server, "the reader", |seen| seen.reads() && seen.waits).await;
    proxy.unhear(&[reader.port]);
    until!("its pop has ended", !seen(&server).await.iter().any(|seen| seen.id == reader.id && seen.waits));
    for number in 0..50 {
        member.layer.group_send(&room(), numbered(number)).await.unwrap();
    }
    until!("it was killed", !seen(&server).await.iter().any(|seen| seen.id == reader.id));
    proxy.pass();
    member.hears(49).await;
    assert_eq!(member.heard, (0..50).collect::<Vec<_>>());
}

/// Hazard: a subscription that is dead and looks alive. What is published until it is found is lost, and Disconnected and
/// Reconnected tell of it. Verbs go on.
#[tokio::test]
async fn the_subscriber_is_silent() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    let mut member = Member::<RedisPubSubLayer>::join(config(&server.url_through(proxy.address()))).await;
    let listener = the(&server, "the subscriber", Seen::listens).await;
    proxy.silence(&[listener.port]);
    let clock = Clock::start();
    member.layer.group_send(&room(), numbered(0)).await.unwrap();
    disconnected(&mut member.events).await;
    reconnected(&mut member.events).await;
    clock.done("a silent subscriber is replaced", FOUND);
    member.layer.group_send(&room(), numbered(1)).await.unwrap();
    member.hears(1).await;
    until!("the old one is gone", !seen(&server).await.iter().any(|seen| seen.id == listener.id));
    proxy.pass();
    member.layer.group_send(&room(), numbered(2)).await.unwrap();
    member.hears(2).await;
    assert_eq!(member.heard, [1, 2], "what was published meanwhile is not heard late");
}

/// Nothing passes at all, and then everything does, late: nothing is delivered twice, and all heals.
async fn the_whole_network_is_silent_for_a_while<L: Redis>() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    let mut member = Member::<L>::join(config(&server.url_through(proxy.address()))).await;
    let peer = L::open(config(&server.url())).await.unwrap();
    let mut chatter = Chatter::begin(&peer);
    chatter.is_heard_by(&mut member).await;
    proxy.stall();
    let clock = Clock::start();
    disconnected(&mut member.events).await;
    clock.done("a silent network is noticed", FOUND);
    proxy.pass();
    let clock = Clock::start();
    reconnected(&mut member.events).await;
    chatter.is_heard_by(&mut member).await;
    clock.done("messages after a silent network", FOUND);
    chatter.stop().await;
    member.heard_once_in_order();
}
