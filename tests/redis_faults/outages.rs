//! A server that dies and comes back: at once, after longer than client libraries try, empty or with what it had.

use std::collections::HashSet;
use std::time::Duration;

use channel_layers::layer::MailboxOptions;
use channel_layers::layer::redis::{Host, RedisConfig};
use channel_layers::{ErrorKind, GroupName};
use rig::{RedisServer, until, within};

use crate::tools::{
    Chatter, Clock, Member, ROOM, Redis, config, disconnected, name, number, numbered, on_both, reconnected, room,
};

/// How soon all must be well again.
const SOON: Duration = Duration::from_secs(10);

on_both!(
    an_empty_server_in_place_of_a_killed_one_delivers_again,
    a_killed_server_comes_back_with_its_data,
    a_server_is_away_for_longer_than_libraries_try,
    a_mailbox_that_is_dropped_meanwhile_is_in_no_group_afterwards,
    a_layer_that_began_without_a_server_says_when_there_is_one,
    one_of_two_servers_is_away,
);

/// `kill -9`, and a new server without data: what is sent meanwhile fails with Unavailable or Disconnected, nothing is
/// delivered twice, memberships and subscriptions stand again about a second after the server does.
async fn an_empty_server_in_place_of_a_killed_one_delivers_again<L: Redis>() {
    let mut server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    let peer = L::open(config(&server.url()).with_timeout(Duration::from_secs(1))).await.unwrap();
    let mut chatter = Chatter::begin(&peer);
    chatter.is_heard_by(&mut member).await;
    let down = Clock::start();
    server.kill9();
    disconnected(&mut member.events).await;
    down.done("a killed server is noticed", SOON);
    chatter.fails(ErrorKind::Unavailable).await;
    server.restart_empty().await;
    let up = Clock::start();
    let after = reconnected(&mut member.events).await;
    assert!(after <= down.elapsed() && after >= Duration::from_millis(500), "{after:?}");
    chatter.is_heard_by(&mut member).await;
    up.done("messages after an empty restart", SOON);
    if L::KEEPS {
        assert_eq!(server.ok(&["ZCARD", ROOM]).await.int(), 1);
    }
    let said = chatter.stop().await;
    let known = [ErrorKind::Unavailable, ErrorKind::Disconnected];
    assert!(said.failures.iter().all(|kind| known.contains(kind)), "{:?}", said.failures);
    member.heard_once_in_order();
    assert!(member.heard.iter().all(|heard| *heard <= said.next), "{said:?}");
    assert!(member.layer.count().reconnects > 0);
}

/// `kill -9`, and the server with the data that it had saved: what waited in Redis is delivered, once.
async fn a_killed_server_comes_back_with_its_data<L: Redis>() {
    let mut server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    let peer = L::open(config(&server.url())).await.unwrap();
    for job in 0..20 {
        peer.send(&name("work"), numbered(job)).await.unwrap();
    }
    server.ok(&["SAVE"]).await;
    server.kill9();
    disconnected(&mut member.events).await;
    server.restart_with_data().await;
    let up = Clock::start();
    reconnected(&mut member.events).await;
    for job in (0..20).filter(|_| L::KEEPS) {
        let received = within("a job", member.layer.receive(&name("work"))).await.unwrap();
        assert_eq!(received.to_string(), numbered(job).to_string());
    }
    let mut chatter = Chatter::begin(&peer);
    chatter.is_heard_by(&mut member).await;
    up.done("messages after a restart with data", SOON);
    chatter.stop().await;
    member.heard_once_in_order();
}

/// Hazard: client libraries give up after some attempts, and are then deaf for good (after 16 s it was so). Here attempts
/// go on for ever, at most a second apart. Canaries' memberships outlive this outage, so no data counts as lost.
async fn a_server_is_away_for_longer_than_libraries_try<L: Redis>() {
    let mut server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    let peer = L::open(config(&server.url())).await.unwrap();
    server.ok(&["SAVE"]).await;
    server.kill9();
    disconnected(&mut member.events).await;
    // Nothing happens meanwhile that could be waited for: the time is what is tested.
    tokio::time::sleep(Duration::from_secs(18)).await;
    server.restart_with_data().await;
    let up = Clock::start();
    let after = reconnected(&mut member.events).await;
    assert!(after >= Duration::from_secs(18), "{after:?}");
    let mut chatter = Chatter::begin(&peer);
    chatter.is_heard_by(&mut member).await;
    up.done("messages after 18 s without a server", SOON);
    assert_eq!(member.layer.count().reconnects, if L::KEEPS { 2 } else { 1 }, "the reader's, and the link's");
    assert_eq!(member.layer.count().data_lost, 0);
    chatter.stop().await;
}

/// What a process could not tell Redis it tells when it can: nobody sends to a mailbox that is gone.
async fn a_mailbox_that_is_dropped_meanwhile_is_in_no_group_afterwards<L: Redis>() {
    let mut server = RedisServer::start().await;
    let mut member = Member::<L>::join(config(&server.url())).await;
    let other = member.layer.mailbox("other", MailboxOptions::default()).await.unwrap();
    member.layer.group_add(&room(), other.channel()).await.unwrap();
    server.ok(&["SAVE"]).await;
    server.kill9();
    disconnected(&mut member.events).await;
    let gone = other.channel().clone();
    drop(other);
    server.restart_with_data().await;
    reconnected(&mut member.events).await;
    if L::KEEPS {
        until!("it left", server.ok(&["ZRANGE", ROOM, "0", "-1"]).await.texts() == [member.mailbox.channel().as_str()]);
    } else {
        let subscribers = async || server.ok(&["PUBSUB", "NUMSUB", gone.as_str()]).await.list()[1].int();
        until!("it is not subscribed to", subscribers().await == 0);
    }
    let mut chatter = Chatter::begin(&member.layer);
    chatter.is_heard_by(&mut member).await;
    chatter.stop().await;
}

/// A layer made while its server is away: verbs fail with Unavailable in the time that is set, then all works.
async fn a_layer_that_began_without_a_server_says_when_there_is_one<L: Redis>() {
    let mut server = RedisServer::start().await;
    server.kill9();
    let timeout = Duration::from_millis(500);
    let layer = L::begin(config(&server.url()).with_timeout(timeout));
    let mut events = layer.events();
    let clock = Clock::start();
    let failed = layer.group_send(&room(), numbered(0)).await.unwrap_err();
    clock.done("a verb without a server", timeout * 4);
    assert_eq!(failed.kind(), ErrorKind::Unavailable, "{failed}");
    disconnected(&mut events).await;
    server.restart_empty().await;
    reconnected(&mut events).await;
    layer.send(&name("work"), numbered(1)).await.unwrap();
    assert_eq!(layer.count().reconnects, 0, "there was no connection before");
}

/// One of two servers is away for longer than memberships last: what is on the other one goes on, memberships are
/// renewed there, and health says which is which.
async fn one_of_two_servers_is_away<L: Redis>() {
    let (mut gone, stays) = (RedisServer::start().await, RedisServer::start().await);
    let expiry = Duration::from_secs(4);
    let hosts = [&gone, &stays].map(|server| Host::url(&server.url()).unwrap());
    let settings = RedisConfig::new(hosts).with_timeout(Duration::from_secs(1)).with_group_expiry(expiry);
    let layer = L::open(settings).await.unwrap();
    let mut mailboxes = Vec::new();
    for _ in 0..16 {
        mailboxes.push(layer.mailbox("member", MailboxOptions::default()).await.unwrap());
    }
    // Some of these are on each server, in either layout.
    let groups = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"];
    let groups = groups.map(|group| GroupName::new(group).unwrap());
    for (group, mailbox) in groups.iter().flat_map(|group| mailboxes.iter().map(move |mailbox| (group, mailbox))) {
        layer.group_add(group, mailbox.channel()).await.unwrap();
    }
    until!("ready", layer.health().is_ready());
    gone.kill9();
    let clock = Clock::start();
    let well = || layer.health().hosts.iter().map(|host| host.is_ready()).collect::<Vec<_>>();
    until!("health tells which", well() == [false, true]);
    // A membership that is not renewed has ended by then; there is no event of its absence.
    tokio::time::sleep((expiry * 2).saturating_sub(clock.elapsed())).await;
    let (mut reached, mut failures) = (0, HashSet::new());
    for (number, group) in (0..).zip(&groups) {
        if let Err(e) = layer.group_send(group, numbered(number)).await {
            failures.insert(e.kind());
        }
    }
    for mailbox in &mailboxes {
        let mut last = -1;
        while let Some(message) = mailbox.try_recv().unwrap() {
            assert!(number(&message) > last, "nothing twice");
            (last, reached) = (number(&message), reached + 1);
        }
    }
    // Core: every group has members whose messages are on the other server. Pub/sub: a group is on one server.
    let partly = if L::KEEPS { ErrorKind::Disconnected } else { ErrorKind::Unavailable };
    assert!(reached > 0 && failures.contains(&partly), "{reached} {failures:?}");
    assert!(failures.iter().all(|kind| [partly, ErrorKind::Unavailable].contains(kind)), "{failures:?}");
}
