//! Servers that cannot be used: `connect` says at once which, why and what to do, and keeps secrets to itself.

use std::time::Duration;

use channel_layers::ErrorKind;
use channel_layers::layer::ChannelLayer;
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer, RedisPubSubLayer};
use rig::{DisguisedRedis, RedisServer, within};

use crate::tools::{Chatter, Clock, Member, Redis, config, name, number, numbered, on_both, room};

on_both!(
    a_wrong_password,
    a_missing_password,
    a_replica,
    a_server_before_5,
    a_host_where_nothing_listens,
    a_user_who_may_not_send,
);

/// What `connect` says, which must be soon.
async fn refused<L: Redis>(host: Host, soon: bool) -> String {
    let clock = Clock::start();
    let Err(error) = L::open(RedisConfig::new([host])).await else { panic!("it must be refused") };
    clock.done("a refusal", Duration::from_secs(if soon { 3 } else { 8 }));
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    error.to_string()
}

async fn a_wrong_password<L: Redis>() {
    let server = RedisServer::options().password("secret").start().await;
    let host = Host::tcp("127.0.0.1", server.port()).with_password("hunter2");
    let text = refused::<L>(host, true).await;
    assert!(text.contains(&server.port().to_string()) && text.contains("WRONGPASS"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

async fn a_missing_password<L: Redis>() {
    let server = RedisServer::options().password("secret").start().await;
    let text = refused::<L>(Host::tcp("127.0.0.1", server.port()), true).await;
    assert!(text.contains("NOAUTH"), "{text}");
}

async fn a_replica<L: Redis>() {
    let (master, replica) = (RedisServer::start().await, RedisServer::start().await);
    replica.ok(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]).await;
    let text = refused::<L>(Host::tcp("127.0.0.1", replica.port()), true).await;
    assert!(text.contains("read-only replica: name its master, or sentinels"), "{text}");
}

async fn a_server_before_5<L: Redis>() {
    let server = RedisServer::start().await;
    let old = DisguisedRedis::old(server.address(), "4.0.14").await;
    let text = refused::<L>(Host::url(&old.url()).unwrap(), true).await;
    assert!(text.contains("it is Redis 4.0, and a channel layer needs 5.0 or later: update it"), "{text}");
}

/// Not a refusal that lasts: `connect` waits for as long as it is told.
async fn a_host_where_nothing_listens<L: Redis>() {
    let mut server = RedisServer::start().await;
    server.kill9();
    let text = refused::<L>(Host::tcp("127.0.0.1", server.port()), false).await;
    assert!(text.contains("nothing was done") && text.contains("refused"), "{text}");
}

/// A user without the right to a command: the verb that needs it says so, the rest works.
async fn a_user_who_may_not_send<L: Redis>() {
    let server = RedisServer::start().await;
    server.ok(&["ACL", "SETUSER", "me", "on", ">secret", "~*", "&*", "+@all", "-evalsha", "-publish"]).await;
    let host = Host::tcp("127.0.0.1", server.port()).with_username("me").with_password("secret");
    let mut member = Member::<L>::join(RedisConfig::new([host])).await;
    let refused = member.layer.send(&name("work"), numbered(0)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config, "{refused}");
    assert!(refused.to_string().contains("does not let this user do it"), "{refused}");
    let peer = L::open(config(&server.url())).await.unwrap();
    let mut chatter = Chatter::begin(&peer);
    chatter.is_heard_by(&mut member).await;
    chatter.stop().await;
}

/// A user who may not block, kill or look at the server: the layer does without what it only prefers, and a reader that
/// is refused does not ask without a pause.
#[tokio::test]
async fn a_user_with_few_rights() {
    let server = RedisServer::start().await;
    server
        .ok(&["ACL", "SETUSER", "me", "on", ">secret", "~*", "&*", "+@all", "-@admin", "-@dangerous", "-client"])
        .await;
    let host = Host::tcp("127.0.0.1", server.port()).with_username("me").with_password("secret");
    let mut member = Member::<RedisLayer>::join(RedisConfig::new([host])).await;
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    chatter.stop().await;
    server.ok(&["ACL", "SETUSER", "me", "-bzpopmin", "-bzmpop"]).await;
    let refusals = async || {
        let log = server.ok(&["INFO", "commandstats"]).await.text();
        let fields = log.lines().filter(|line| line.contains("bzpopmin") || line.contains("bzmpop"));
        let rejected =
            fields.filter_map(|line| line.split("rejected_calls=").nth(1)?.split(',').next()?.parse::<u64>().ok());
        rejected.sum::<u64>()
    };
    rig::until!("the reader is refused", refusals().await > 0);
    let (clock, before) = (Clock::start(), refusals().await);
    // Twice each time: for many messages, and for one.
    rig::until!("the reader asks again", refusals().await >= before + 16);
    assert!(clock.elapsed() > Duration::from_secs(1), "{:?}", clock.elapsed());
}

/// A server that has no `BZMPOP` though its version has, and a user who may not: there is another way.
#[tokio::test]
async fn a_server_that_does_not_pop_many() {
    let renamed = RedisServer::with_args(&["--rename-command", "BZMPOP", "other"]).await;
    let forbidding = RedisServer::start().await;
    forbidding.ok(&["ACL", "SETUSER", "default", "-bzmpop"]).await;
    for server in [renamed, forbidding] {
        let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
        for number in 0..300 {
            // The capacity of its key is 100.
            while member.layer.group_send(&room(), numbered(number)).await.is_err() {}
            if number % 50 == 49 {
                member.hears(number).await;
            }
        }
        assert_eq!(member.heard, (0..300).collect::<Vec<_>>());
        assert_eq!(member.layer.count().reconnects, 0);
    }
}

/// Redis 5 knows neither RESP3 nor `BZMPOP`: the core layer works, in batches too.
#[tokio::test]
async fn redis_5_carries_the_core_layer() {
    let server = RedisServer::start().await;
    let old = DisguisedRedis::old(server.address(), "5.0.14").await;
    let mut member = Member::<RedisLayer>::join(config(&old.url())).await;
    for number in 0..300 {
        // The capacity of its key is 100.
        while member.layer.group_send(&room(), numbered(number)).await.is_err() {}
        member.layer.send(&name(&format!("work-{number}")), numbered(number)).await.unwrap();
        if number % 50 == 49 {
            member.hears(number).await;
        }
    }
    assert_eq!(member.heard, (0..300).collect::<Vec<_>>());
    let job = within("a job", member.layer.receive(&name("work-7"))).await.unwrap();
    assert_eq!(number(&job), 7);
    rig::until!("ready", member.layer.health().is_ready());
}

/// Pub/sub needs what is sent without being asked: it refuses Redis 5, and says so from every verb that subscribes.
#[tokio::test]
async fn redis_5_does_not_carry_pubsub() {
    let server = RedisServer::start().await;
    let old = DisguisedRedis::old(server.address(), "5.0.14").await;
    let text = refused::<RedisPubSubLayer>(Host::url(&old.url()).unwrap(), true).await;
    let why = "it is Redis 5.0, and the pub/sub layer needs 6.0 or later: update it";
    assert!(text.contains(why), "{text}");
    let layer = RedisPubSubLayer::new(config(&old.url()).with_timeout(Duration::from_millis(500))).unwrap();
    let failed = layer.new_channel("mine").await.unwrap_err();
    assert!(failed.to_string().contains(why), "{failed}");
}
