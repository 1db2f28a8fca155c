//! Capacities and times in core, which each side keeps for both. Time does not pass in these tests: what is in Redis is
//! made older.

use std::time::Duration;

use channel_layers::ErrorKind;
use rig::django::Backend;
use rig::{RedisServer, until};
use serde_json::{Value, json};

use super::sides::{PAUSE, Sides, next, now, numbered, numbers};

async fn open(more: Value) -> Sides {
    Sides::open(Backend::Core, 1, more).await
}

/// Makes everything under a key older by so many seconds.
async fn age(server: &RedisServer, key: &str, seconds: f64) {
    for member in server.ok(&["ZRANGE", key, "0", "-1"]).await.list() {
        let seconds = (-seconds).to_string();
        server.ok(&[&b"ZINCRBY"[..], key.as_bytes(), seconds.as_bytes(), &member.data()]).await;
    }
}

async fn count(server: &RedisServer, key: &str) -> i64 {
    server.ok(&["ZCARD", key]).await.int()
}

/// The key of a channel's messages.
fn key(channel: &str) -> String {
    format!("asgi{}", channel.split_inclusive('!').next().unwrap())
}

/// A channel that one side fills is full for both, whoever made its name.
#[tokio::test]
async fn a_channel_is_full_for_both() {
    let sides = open(json!({"capacity": 4})).await;
    let Sides { python, rust, .. } = &sides;
    for channel in [python.new_channel().await, rust.new_channel().await, "jobs".to_owned()] {
        for n in 0..2 {
            python.send(&channel, numbered(n)).await.unwrap();
            rust.send(&channel, &numbered(n)).await.unwrap();
        }
        assert_eq!(python.send(&channel, numbered(9)).await.unwrap_err().kind, "ChannelFull", "{channel}");
        assert_eq!(rust.send(&channel, &numbered(9)).await.unwrap_err().kind(), ErrorKind::ChannelFull, "{channel}");
        // A group leaves out who is full.
        rust.group_add("g", &channel).await;
        python.group_send("g", numbered(9)).await.unwrap();
        rust.group_send("g", &numbered(9)).await;
        assert_eq!(count(sides.server(), &key(&channel)).await, 4);
        rust.group_discard("g", &channel).await;
    }
    assert_eq!(rust.stats().dropped_over_capacity, 3);
}

/// Both sides read the same patterns in the same order.
#[tokio::test]
async fn patterns_mean_the_same() {
    let patterns = json!({"http.request": 2, "http.response!*": 3, "a?c": 4, "[xy]*": 5, "[!z]q": 6, "UP": 7, "u*": 8});
    let sides = open(json!({"capacity": 9, "channel_capacity": patterns})).await;
    for (channel, capacity) in [
        ("http.request", 2),
        ("http.requests", 9),
        ("http.response!abc", 3),
        ("http.response!", 3),
        ("http.response", 9),
        ("abc", 4),
        ("abbc", 9),
        ("xylophone", 5),
        ("y", 5),
        ("aq", 6),
        ("zq", 9),
        ("UP", 7),
        ("up", 8),
    ] {
        for pythons_turn in [true, false] {
            sides.server().ok(&["FLUSHALL"]).await;
            let mut sent = 0;
            loop {
                let full = if pythons_turn {
                    sides.python.send(channel, numbered(sent)).await.map_err(|raised| raised.kind == "ChannelFull")
                } else {
                    let sent = sides.rust.send(channel, &numbered(sent)).await;
                    sent.map_err(|e| e.kind() == ErrorKind::ChannelFull)
                };
                match full {
                    Ok(()) => sent += 1,
                    Err(full) => break assert!(full, "{channel}"),
                }
            }
            assert_eq!(sent, capacity, "{channel}, Python: {pythons_turn}");
        }
    }
}

/// A membership that nobody renews ends by the other side's clock, too.
#[tokio::test]
async fn each_side_ends_old_memberships_of_the_other() {
    let sides = open(json!({"group_expiry": 100})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, ours) = (python.new_channel().await, rust.new_channel().await);
    for pythons_turn in [true, false] {
        let (old, young) = if pythons_turn { (&ours, &theirs) } else { (&theirs, &ours) };
        sides.server().ok(&["FLUSHALL"]).await;
        rust.group_add("g", &ours).await;
        python.group_add("g", &theirs).await.unwrap();
        age(sides.server(), "asgi:group:g", 101.0).await;
        if pythons_turn {
            python.group_add("g", young).await.unwrap();
            python.group_send("g", numbered(1)).await.unwrap();
        } else {
            rust.group_add("g", young).await;
            rust.group_send("g", &numbered(1)).await;
        }
        assert_eq!(sides.server().ok(&["ZRANGE", "asgi:group:g", "0", "-1"]).await.texts(), [young.as_str()]);
        assert_eq!(count(sides.server(), &key(old)).await, 0);
        assert_eq!(count(sides.server(), &key(young)).await, 1);
    }
}

/// Python's messages reach an open mailbox for longer than `group_expiry`.
#[tokio::test]
async fn a_mailbox_stays_in_pythons_groups() {
    let sides = open(json!({"group_expiry": 2})).await;
    let mut mailbox = sides.rust.mailbox().await;
    let name = mailbox.channel().to_string();
    sides.rust.group_add("g", &name).await;
    let begun = now();
    until!("the membership is renewed", {
        let since = sides.server().ok(&["ZSCORE", "asgi:group:g", &name]).await.text();
        since.parse().is_ok_and(|since: f64| since > begun + 2.0)
    });
    sides.python.group_send("g", numbered(1)).await.unwrap();
    assert_eq!(next(&mut mailbox).await, numbered(1));
}

/// Whoever sends drops what has expired, and makes room with it.
#[tokio::test]
async fn each_side_drops_expired_messages_of_the_other() {
    let sides = open(json!({"capacity": 2, "expiry": 60})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, ours) = (python.new_channel().await, rust.new_channel().await);
    for channel in [&theirs, &ours] {
        for n in 0..2 {
            rust.send(channel, &numbered(n)).await.unwrap();
        }
        age(sides.server(), &key(channel), 61.0).await;
        python.send(channel, numbered(2)).await.unwrap();
        assert_eq!(count(sides.server(), &key(channel)).await, 1);
        python.send(channel, numbered(3)).await.unwrap();
        age(sides.server(), &key(channel), 61.0).await;
        rust.send(channel, &numbered(4)).await.unwrap();
        assert_eq!(count(sides.server(), &key(channel)).await, 1);
        // The same for messages to groups.
        rust.group_add("g", channel).await;
        age(sides.server(), &key(channel), 61.0).await;
        python.group_send("g", numbered(5)).await.unwrap();
        age(sides.server(), &key(channel), 61.0).await;
        rust.group_send("g", &numbered(6)).await;
        rust.group_discard("g", channel).await;
    }
    assert_eq!(numbers(&python.receive_many(&theirs, 2, PAUSE).await.unwrap()), [6]);
    assert_eq!(rust.receive(&ours).await, numbered(6));
}

/// Python hands out what expired while nobody sent. Rust does not, and counts it.
#[tokio::test]
async fn expired_messages_of_python_are_not_delivered() {
    let sides = open(json!({"expiry": 60})).await;
    let Sides { python, rust, .. } = &sides;
    for channel in [rust.new_channel().await, "jobs".to_owned()] {
        let before = rust.stats().dropped_expired;
        python.send(&channel, numbered(1)).await.unwrap();
        age(sides.server(), &key(&channel), 61.0).await;
        let send = async {
            until!("the old message is dropped", rust.stats().dropped_expired == before + 1);
            python.send(&channel, numbered(2)).await.unwrap();
        };
        let (received, ()) = tokio::join!(rust.receive(&channel), send);
        assert_eq!(received, numbered(2));
    }
}

/// Both sides hear a sender whose clock is ahead, after what others sent later.
#[tokio::test]
async fn clocks_that_are_ahead() {
    let sides = open(json!({})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, ours) = (python.new_channel().await, rust.new_channel().await);
    python.send(&ours, numbered(1)).await.unwrap();
    rust.send(&theirs, &numbered(1)).await.unwrap();
    for channel in [&theirs, &ours] {
        age(sides.server(), &key(channel), -3600.0).await;
    }
    python.send(&ours, numbered(2)).await.unwrap();
    rust.send(&theirs, &numbered(2)).await.unwrap();
    assert_eq!((rust.receive(&ours).await, rust.receive(&ours).await), (numbered(2), numbered(1)));
    assert_eq!(numbers(&python.receive_many(&theirs, 2, PAUSE).await.unwrap()), [2, 1]);
}

/// A time with a fraction works with Rust's groups, where Python's fail with it.
#[tokio::test]
async fn a_time_with_a_fraction() {
    let sides = open(json!({"expiry": 1.5})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, ours) = (python.new_channel().await, rust.new_channel().await);
    rust.group_add("g", &theirs).await;
    rust.group_add("g", &ours).await;
    assert_eq!(python.group_send("g", numbered(0)).await.unwrap_err().kind, "ResponseError");
    sides.server().ok(&["DEL", &key(&theirs), &key(&ours)]).await;
    rust.group_send("g", &numbered(1)).await;
    let lives = sides.server().ok(&["PTTL", &key(&ours)]).await.int();
    assert!(Duration::from_millis(u64::try_from(lives).unwrap()) <= Duration::from_millis(1500), "{lives}");
    assert_eq!(python.receive(&theirs).await.unwrap(), numbered(1));
    assert_eq!(rust.receive(&ours).await, numbered(1));
}
