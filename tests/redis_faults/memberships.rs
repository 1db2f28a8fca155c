//! Memberships that somebody else ended: a mailbox that was put out of a group stays out.

use std::time::Duration;

use channel_layers::layer::redis::RedisLayer;
use channel_layers::layer::{ChannelLayer, MailboxOptions};
use rig::{RedisServer, until};

use crate::tools::{Member, ROOM, config, happens, reconnected, room};

/// What another process discards is not written again: not by the renewals, which only find what is there, and not after a
/// connection was lost to a server that has all its data. A restarted server is told everything again, since it may have
/// lost anything; but by then this process knows that the mailbox is out.
#[tokio::test]
async fn a_mailbox_that_was_put_out_stays_out() {
    let server = RedisServer::start().await;
    let settings = || config(&server.url()).with_group_expiry(Duration::from_secs(4));
    let mut member = Member::<RedisLayer>::join(settings()).await;
    let other = RedisLayer::connect(settings()).await.unwrap();
    until!("the layer is ready", member.layer.health().is_ready());
    let stays = channel_layers::GroupName::new("stays").unwrap();
    member.layer.group_add(&stays, member.mailbox.channel()).await.unwrap();
    let joined = async || {
        let score = server.ok(&["ZSCORE", "asgi:group:stays", member.mailbox.channel().as_str()]).await.text();
        score.parse::<f64>().unwrap_or_default()
    };
    let before = joined().await;
    other.group_discard(&room(), member.mailbox.channel()).await.unwrap();
    until!("the other membership is renewed", joined().await > before);
    assert_eq!(server.ok(&["ZCARD", ROOM]).await.int(), 0);
    server.ok(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    reconnected(&mut member.events).await;
    assert_eq!(server.ok(&["ZCARD", ROOM]).await.int(), 0);
    server.ok(&["FLUSHALL"]).await;
    let lost = |event: &_| matches!(event, channel_layers::layer::LayerEvent::DataLost { .. });
    happens(&mut member.events, "data lost", lost).await;
    assert_eq!(server.ok(&["ZCARD", "asgi:group:stays"]).await.int(), 1);
    assert_eq!(server.ok(&["ZCARD", ROOM]).await.int(), 0);
}

/// A `group_add` that was given up half-way, as when a browser goes while it joins, leaves nothing behind once the mailbox
/// is gone: neither one that Redis had carried out nor one that was still on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_that_was_given_up_leaves_nothing() {
    let server = RedisServer::start().await;
    let layer = RedisLayer::connect(config(&server.url())).await.unwrap();
    for polls in 0..200 {
        let mailbox = layer.mailbox("test", MailboxOptions::default()).await.unwrap();
        let joining = tokio::spawn({
            let (layer, channel) = (layer.clone(), mailbox.channel().clone());
            async move { layer.group_add(&room(), &channel).await }
        });
        for _ in 0..polls % 20 {
            tokio::task::yield_now().await;
        }
        joining.abort();
        let _ = joining.await;
        drop(mailbox);
    }
    layer.close().await.unwrap();
    assert_eq!(server.ok(&["ZRANGE", ROOM, "0", "-1"]).await.texts(), [""; 0]);
}
