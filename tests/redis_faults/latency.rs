//! A server that is far away.

use std::time::Duration;

use rig::{Proxy, RedisServer, until, within};

use crate::tools::{Clock, Member, Redis, config, name, number, numbered, on_both, room};

on_both!(a_server_is_200_ms_away);

/// Each way.
const LATENCY: Duration = Duration::from_millis(200);

/// 200 ms each way: everything works. A send is one round trip, a `group_send` two at most (core: the members, then the
/// messages; pub/sub: one).
async fn a_server_is_200_ms_away<L: Redis>() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    proxy.delay(LATENCY);
    let mut member = Member::<L>::join(config(&server.url_through(proxy.address()))).await;
    // The first send brings the script along.
    member.layer.group_send(&room(), numbered(0)).await.unwrap();
    let trip = LATENCY * 2;
    let clock = Clock::start();
    member.layer.send(&name("work"), numbered(0)).await.unwrap();
    clock.done("a send over 400 ms", trip * 2 - Duration::from_millis(1));
    let trips = if L::KEEPS { 2 } else { 1 };
    let clock = Clock::start();
    member.layer.group_send(&room(), numbered(1)).await.unwrap();
    clock.done("a group_send over 400 ms", trip * (trips + 1) - Duration::from_millis(1));
    member.hears(1).await;
    // What one pop takes is not asked for one by one.
    for number in 2..30 {
        member.layer.group_send(&room(), numbered(number)).await.unwrap();
        if number == 8 {
            proxy.pass();
        }
    }
    member.hears(29).await;
    assert_eq!(member.heard, (0..30).collect::<Vec<_>>());
    proxy.delay(LATENCY);
    if L::KEEPS {
        let job = within("the job", member.layer.receive(&name("work"))).await.unwrap();
        assert_eq!(number(&job), 0);
    }
    until!("ready", member.layer.health().is_ready());
    assert!(member.layer.health().hosts[0].lag.is_some_and(|lag| lag >= trip), "{:?}", member.layer.health());
    assert_eq!(member.layer.count().reconnects, 0);
}
