//! Masters that change: sentinels that swap, a master that dies under them, one that is demoted.

use std::time::Duration;

use channel_layers::ErrorKind;
use channel_layers::layer::redis::{Host, RedisConfig};
use rig::{RedisServer, Sentinels, within};

use crate::tools::{Chatter, Clock, Member, Redis, config, disconnected, name, numbered, on_both, reconnected};

const SOON: Duration = Duration::from_secs(10);

on_both!(sentinels_swap_master_and_replica, a_master_under_sentinels_is_killed, a_master_is_demoted);

fn guarded(sentinels: &Sentinels) -> RedisConfig {
    let addresses: Vec<_> = sentinels.addresses().iter().map(|at| (at.ip().to_string(), at.port())).collect();
    RedisConfig::new([Host::sentinel(addresses, sentinels.name())]).with_timeout(Duration::from_secs(1))
}

/// A failover on request: the layer asks the sentinels with each sign of life, and follows within three seconds, though the
/// old master takes itself for one for ten more. What was written to the old master and not yet copied is
/// lost, as is what is sent between the two.
async fn sentinels_swap_master_and_replica<L: Redis>() {
    let mut sentinels = Sentinels::start().await;
    let mut member = Member::<L>::join(guarded(&sentinels)).await;
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    sentinels.failover().await;
    let clock = Clock::start();
    disconnected(&mut member.events).await;
    reconnected(&mut member.events).await;
    chatter.is_heard_by(&mut member).await;
    clock.done("messages after a failover", SOON);
    chatter.stop().await;
    member.heard_once_in_order();
}

/// `kill -9` of the master: as long as the sentinels take to name another one (here half a second and an election),
/// verbs fail with Unavailable, then all goes on over the new master.
async fn a_master_under_sentinels_is_killed<L: Redis>() {
    let mut sentinels = Sentinels::start().await;
    let mut member = Member::<L>::join(guarded(&sentinels)).await;
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    sentinels.kill_master();
    disconnected(&mut member.events).await;
    chatter.fails(ErrorKind::Unavailable).await;
    sentinels.promoted().await;
    let clock = Clock::start();
    reconnected(&mut member.events).await;
    chatter.is_heard_by(&mut member).await;
    clock.done("messages after another master was named", SOON);
    chatter.stop().await;
    member.heard_once_in_order();
}

/// A master that becomes a replica under a running layer: found by the first refused write or the next sign of life. Verbs
/// say so from then until it is a master again. A replica takes what is published and passes it on to nobody but its own
/// subscribers: for up to two seconds pub/sub does not notice.
async fn a_master_is_demoted<L: Redis>() {
    let (server, master) = (RedisServer::start().await, RedisServer::start().await);
    let mut member = Member::<L>::join(config(&server.url()).with_timeout(Duration::from_secs(1))).await;
    server.ok(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]).await;
    let clock = Clock::start();
    disconnected(&mut member.events).await;
    clock.done("a demoted master is noticed", SOON);
    let refused = within("a refusal", async {
        loop {
            match member.layer.send(&name("work"), numbered(0)).await {
                Ok(()) => rig::pause().await,
                Err(refused) => return refused,
            }
        }
    })
    .await;
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    assert!(refused.to_string().contains("read-only replica: name its master"), "{refused}");
    server.ok(&["REPLICAOF", "NO", "ONE"]).await;
    let clock = Clock::start();
    reconnected(&mut member.events).await;
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    clock.done("messages after a server is a master again", SOON);
    chatter.stop().await;
    member.heard_once_in_order();
}
