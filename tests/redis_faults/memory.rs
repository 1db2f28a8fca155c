//! A server that is full.

use std::time::Duration;

use channel_layers::ErrorKind;
use channel_layers::layer::ChannelLayer;
use channel_layers::layer::redis::RedisLayer;
use rig::{RedisServer, until, within};

use crate::tools::{Chatter, Clock, Member, Redis, config, name, number, numbered, room};

/// `maxmemory` is reached and nothing is evicted: sending and joining fail with an error that says so, and receiving goes
/// on, which frees memory. Nothing needs to be done here once there is room again.
#[tokio::test]
async fn a_full_server_says_so_and_is_emptied() {
    let server = RedisServer::with_args(&["--maxmemory-policy", "noeviction"]).await;
    let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
    for job in 0..10 {
        member.layer.send(&name("work"), numbered(job)).await.unwrap();
    }
    server.ok(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let mailbox = member.mailbox.channel().clone();
    let failed = [
        member.layer.send(&name("work"), numbered(10)).await,
        member.layer.group_send(&room(), numbered(10)).await,
        member.layer.group_add(&room(), &mailbox).await,
    ];
    for failed in failed {
        let failed = failed.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Unavailable, "{failed}");
        assert!(failed.to_string().contains("out of memory: raise its maxmemory"), "{failed}");
    }
    for job in 0..10 {
        assert_eq!(number(&within("a job", member.layer.receive(&name("work"))).await.unwrap()), job);
    }
    let told =
        async || member.layer.health().hosts[0].fault.as_ref().is_some_and(|fault| fault.contains("out of memory"));
    until!("health tells", told().await);
    server.ok(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let clock = Clock::start();
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    clock.done("messages once there is memory", Duration::from_secs(2));
    assert!(chatter.stop().await.failures.is_empty());
    until!("health is well", member.layer.health().is_ready());
    assert_eq!(member.layer.count().reconnects, 0);
}
