//! What the client library does by itself and would cost messages, beyond what the other files cover.

use std::time::Duration;

use channel_layers::layer::ChannelLayer;
use channel_layers::layer::redis::RedisLayer;
use futures_util::FutureExt;
use rig::{RedisServer, until, within};
use tokio::time::timeout;

use crate::tools::{Clock, Member, Redis, Seen, config, name, number, numbered, room, seen, the};

/// Hazard: the library's response time-out (500 ms) ends a blocking pop here and not on the server, which then pops the
/// next message for nobody. Readers have none.
#[tokio::test]
async fn a_message_comes_after_a_pop_has_waited_longer_than_the_library_would() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
    let peer = RedisLayer::connect(config(&server.url())).await.unwrap();
    let work = name("work");
    let mut receiving = Box::pin(member.layer.receive(&work));
    assert!(receiving.as_mut().now_or_never().is_none());
    let patient =
        async || seen(&server).await.iter().filter(|seen| seen.reads() && seen.waits && seen.idle >= 1).count();
    until!("both readers have waited for a second", patient().await == 2);
    peer.send(&work, numbered(1)).await.unwrap();
    peer.group_send(&room(), numbered(2)).await.unwrap();
    assert_eq!(number(&within("the job", receiving).await.unwrap()), 1);
    member.mailbox.recv().await.map(|message| assert_eq!(number(&message), 2)).unwrap();
    assert_eq!(member.layer.count().reconnects, 0);
}

/// Hazard: a pop whose future is dropped takes a message for nobody (channels_redis loses 5 to 22 of 150 this way). Here
/// nobody drops a pop: each message comes once, in order, however often receivers give up.
#[tokio::test]
async fn receivers_give_up_300_times_and_nothing_is_lost() {
    let server = RedisServer::start().await;
    let layer = RedisLayer::connect(config(&server.url())).await.unwrap();
    let peer = RedisLayer::connect(config(&server.url())).await.unwrap();
    let sending = tokio::spawn(async move {
        for number in 0..150 {
            peer.send(&name("work"), numbered(number)).await.unwrap();
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..4000))).await;
        }
    });
    let (mut received, mut given_up) = (Vec::new(), 0);
    while received.len() < 150 || given_up < 300 {
        let patience = Duration::from_micros(fastrand::u64(..3000));
        match timeout(patience, layer.receive(&name("work"))).await {
            Ok(message) => received.push(number(&message.unwrap())),
            Err(_) => given_up += 1,
        }
        if given_up > 20_000 {
            panic!("{} of 150 came: {received:?}", received.len());
        }
    }
    sending.await.unwrap();
    assert_eq!(received, (0..150).collect::<Vec<_>>(), "given back: {}", layer.stats().given_back);
}

/// A receiver that was handed a message and is not looked at for a while: nothing more is popped for it meanwhile, and
/// what it has goes back when it is dropped.
#[tokio::test]
async fn a_receiver_that_is_not_polled_holds_one_message() {
    let server = RedisServer::start().await;
    let layer = RedisLayer::connect(config(&server.url())).await.unwrap();
    let work = name("work");
    let mut receiving = Box::pin(layer.receive(&work));
    assert!(receiving.as_mut().now_or_never().is_none());
    the(&server, "the reader", |seen| seen.reads() && seen.waits).await;
    for number in 0..3 {
        layer.send(&work, numbered(number)).await.unwrap();
    }
    let waiting = async || server.ok(&["ZCARD", "asgiwork"]).await.int();
    until!("one is taken", waiting().await == 2);
    // Many round trips later it is still one.
    for number in 3..50 {
        layer.send(&name("other"), numbered(number)).await.unwrap();
    }
    assert_eq!((waiting().await, layer.stats().given_back), (2, 0));
    drop(receiving);
    until!("it is back", waiting().await == 3);
    until!("it counts", layer.stats().given_back == 1);
    for job in 0..3 {
        assert_eq!(number(&within("a job", layer.receive(&work)).await.unwrap()), job);
    }
}

/// Hazard: a script that the server has forgotten is an error. It was not run then, and is sent again as a whole.
#[tokio::test]
async fn scripts_are_flushed() {
    let server = RedisServer::start().await;
    let mut member = Member::<RedisLayer>::join(config(&server.url())).await;
    for number in 0..20 {
        if number % 3 == 0 {
            server.ok(&["SCRIPT", "FLUSH"]).await;
        }
        member.layer.group_send(&room(), numbered(number)).await.unwrap();
    }
    member.hears(19).await;
    assert_eq!(member.heard, (0..20).collect::<Vec<_>>());
}

/// Hazard: commands that share a connection with a pop wait behind it. Pops have connections of their own, two at most
/// however many channels are received on.
#[tokio::test]
async fn verbs_do_not_wait_behind_a_pop() {
    let server = RedisServer::start().await;
    let member = Member::<RedisLayer>::join(config(&server.url())).await;
    let works: Vec<_> = (0..20).map(|number| name(&format!("work-{number}"))).collect();
    let mut receiving: Vec<_> = works.iter().map(|work| Box::pin(member.layer.receive(work))).collect();
    for receiving in &mut receiving {
        assert!(receiving.as_mut().now_or_never().is_none());
    }
    let pops = async || seen(&server).await.into_iter().filter(|seen| seen.reads() && seen.waits).count();
    until!("both readers wait", pops().await == 2);
    let clock = Clock::start();
    for number in 0..20 {
        member.layer.send(&name("other"), numbered(number)).await.unwrap();
    }
    clock.done("twenty sends beside waiting pops", Duration::from_secs(1));
    let all = seen(&server).await;
    assert_eq!(all.iter().filter(|seen| seen.commands()).count(), 1, "{all:?}");
    assert!(all.iter().all(|seen: &Seen| !seen.listens()) && all.len() == 3, "{all:?}");
}

/// Hazard: `CLIENT UNBLOCK` finds nothing where it overtakes the pop, on its other connection, and the pop then waits for
/// its two seconds without the new key. So the server is told again. Two work queues are received on by turns, so that
/// every pop is unblocked for the other.
#[tokio::test]
async fn a_pop_that_was_overtaken_is_unblocked_all_the_same() {
    let server = RedisServer::start().await;
    let layer = RedisLayer::connect(config(&server.url())).await.unwrap();
    let (one, idle) = (name("one"), name("idle"));
    let waiting = layer.receive(&idle);
    let loop_of_receives = async {
        for round in 0..300 {
            layer.send(&one, numbered(round)).await.unwrap();
            let received = timeout(Duration::from_millis(1500), layer.receive(&one)).await;
            assert_eq!(number(&received.expect("it comes before the pop's own time is over").unwrap()), round);
        }
    };
    tokio::select! {
        unexpected = waiting => panic!("{unexpected:?}"),
        () = loop_of_receives => {}
    }
}
