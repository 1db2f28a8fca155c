//! Everything that is dropped is counted by its reason.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake};
use std::time::{SystemTime, UNIX_EPOCH};

use channel_layers::GroupName;
use channel_layers::layer::redis::{RedisLayer, RedisPubSubLayer};
use channel_layers::layer::{ChannelLayer, MailboxOptions};
use rig::{Proxy, RedisServer, until, within};
use tokio::sync::Notify;

use crate::tools::{Member, Redis, Seen, config, name, number, numbered, reconnected, room, the};

/// `{"type": "x"}` in MessagePack, behind twelve random bytes: as `channels_redis` writes it, without a receiver's name.
const UNADDRESSED: &[u8] = b"0123456789ab\x81\xa4type\xa1x";

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

async fn put(server: &RedisServer, key: &str, score: f64, member: &[u8]) {
    server.ok(&[b"ZADD", key.as_bytes(), score.to_string().as_bytes(), member]).await;
}

/// What arrives under the key of a mailbox and is not what it should be.
#[tokio::test]
async fn messages_that_are_wrong() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
    let channel = member.mailbox.channel().as_str().to_owned();
    let key = format!("asgi{}!", channel.split('!').next().unwrap());
    put(&server, &key, now(), b"this is no message").await;
    until!("undecodable", member.layer.count().dropped_undecodable == 1);
    put(&server, &key, now(), UNADDRESSED).await;
    until!("unaddressed", member.layer.count().dropped_unaddressed == 1);
    put(&server, &key, now() - 61.0, UNADDRESSED).await;
    until!("expired", member.layer.count().dropped_expired == 1);
    member.layer.group_send(&room(), numbered(1)).await.unwrap();
    member.hears(1).await;
    let counted = member.layer.count();
    assert_eq!((counted.dropped_undecodable, counted.dropped_unaddressed, counted.dropped_expired), (1, 1, 1));
}

/// The same for pub/sub, where only what is no message can arrive.
#[tokio::test]
async fn published_messages_that_are_wrong() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisPubSubLayer>::join(config(&server.url())).await;
    let channel = member.mailbox.channel().as_str().to_owned();
    server.ok(&[&b"PUBLISH"[..], channel.as_bytes(), b"this is no message"]).await;
    until!("undecodable", member.layer.count().dropped_undecodable == 1);
    member.layer.send(&name("nobody"), numbered(0)).await.unwrap();
    assert_eq!(member.layer.count().dropped_no_subscriber, 1);
    member.layer.group_send(&room(), numbered(1)).await.unwrap();
    member.hears(1).await;
}

/// A member's process that does not take its messages from Redis any more.
#[tokio::test]
async fn processes_that_are_full() {
    let server = RedisServer::start().await;
    let layer = RedisLayer::connect(config(&server.url()).with_capacity(2)).await.unwrap();
    let (group, gone) = (GroupName::new("gone").unwrap(), name("specific.gone!member"));
    layer.group_add(&group, &gone).await.unwrap();
    for number in 0..5 {
        layer.group_send(&group, numbered(number)).await.unwrap();
    }
    assert_eq!(layer.stats().dropped_over_capacity, 3);
}

/// A mailbox that is full, and one that is gone: what came from Redis for them is counted here.
#[tokio::test]
async fn mailboxes_that_do_not_take_it() {
    let server = RedisServer::start().await;
    let layer = RedisLayer::connect(config(&server.url())).await.unwrap();
    let small = layer.mailbox("small", MailboxOptions::default().with_capacity(1)).await.unwrap();
    let gone = layer.mailbox("gone", MailboxOptions::default()).await.unwrap();
    let channel = gone.channel().clone();
    for number in 0..3 {
        layer.send(small.channel(), numbered(number)).await.unwrap();
    }
    until!("no room", layer.stats().local.dropped_capacity == 2);
    drop(gone);
    layer.send(&channel, numbered(0)).await.unwrap();
    // Its key is read as long as some mailbox is under it, and one of so many is.
    let mut others = Vec::new();
    for _ in 0..16 {
        others.push(layer.mailbox("gone", MailboxOptions::default()).await.unwrap());
    }
    until!("nobody", layer.stats().local.dropped_no_receiver == 1);
}

/// A job that its receiver did not take goes back; where the way back is silent it cannot be known whether it did, and it
/// is counted as lost rather than risked twice.
#[tokio::test]
async fn jobs_that_are_given_back() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    let layer = RedisLayer::connect(config(&server.url_through(proxy.address()))).await.unwrap();
    let work = name("work");
    let waiting = async || server.ok(&["ZCARD", "asgiwork"]).await.int();
    let (receiving, _) = begin(layer.receive(&work));
    the(&server, "the reader", |seen| seen.reads() && seen.waits).await;
    layer.send(&work, numbered(0)).await.unwrap();
    until!("it is taken", waiting().await == 0);
    drop(receiving);
    until!("it is given back", layer.stats().given_back == 1);
    assert_eq!(waiting().await, 1);
    let (receiving, woken) = begin(layer.receive(&work));
    within("it is handed over", woken.0.notified()).await;
    let mut events = layer.events();
    proxy.silence(&[the(&server, "the connection for commands", Seen::commands).await.port]);
    drop(receiving);
    until!("it counts as lost", layer.stats().dropped_in_return == 1);
    assert_eq!(layer.stats().given_back, 1);
    reconnected(&mut events).await;
    layer.send(&work, numbered(1)).await.unwrap();
    assert_eq!(number(&within("another job", layer.receive(&work)).await.unwrap()), 1);
}

/// Told when a future can go on.
#[derive(Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Polls a future once.
fn begin<F: Future>(future: F) -> (Pin<Box<F>>, Arc<Woken>) {
    let (mut future, woken) = (Box::pin(future), Arc::<Woken>::default());
    let waker = Arc::clone(&woken).into();
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    (future, woken)
}
