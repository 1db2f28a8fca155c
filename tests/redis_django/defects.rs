//! What the original does wrong, and what reaches a key of ours that no channel layer has written: none of it costs us
//! more than the message itself.

use std::time::Duration;

use futures_util::future::join_all;
use rig::django::Backend;
use rig::within;
use serde_json::{Value, json};

use super::sides::{PAUSE, Sides, next, now, numbered, numbers};

async fn open(more: Value) -> Sides {
    Sides::open(Backend::Core, 1, more).await
}

/// Puts bytes under a key, behind a random prefix.
async fn put(sides: &Sides, key: &str, body: &[u8]) {
    let (score, member) = (now().to_string(), [b"random bytes", body].concat());
    sides.server().ok(&[&b"ZADD"[..], key.as_bytes(), score.as_bytes(), &member]).await;
}

fn key(channel: &str) -> String {
    format!("asgi{}", channel.split_inclusive('!').next().unwrap())
}

#[tokio::test]
async fn messages_without_an_address_are_counted() {
    let sides = open(json!({})).await;
    let mut mailbox = sides.rust.mailbox().await;
    let name = mailbox.channel().to_string();
    // {"type": "x"}, the same to {"": 1}, to nobody, and to no channel.
    put(&sides, &key(&name), b"\x81\xa4type\xa1x").await;
    put(&sides, &key(&name), b"\x82\xa4type\xa1x\xb0__asgi_channel__\x90").await;
    put(&sides, &key(&name), b"\x82\xa4type\xa1x\xb0__asgi_channel__\xa3a b").await;
    put(&sides, &key(&name), b"\x82\xa4type\xa1x\xb0__asgi_channel__\x92\xa0\xa1!").await;
    sides.python.send(&name, numbered(1)).await.unwrap();
    assert_eq!(next(&mut mailbox).await, numbered(1));
    assert_eq!(sides.rust.stats().dropped_unaddressed, 5);
}

#[tokio::test]
async fn what_is_no_message_is_counted() {
    let sides = open(json!({})).await;
    let mut mailbox = sides.rust.mailbox().await;
    let name = mailbox.channel().to_string();
    let address = b"\xb0__asgi_channel__";
    let bodies: [&[u8]; 11] = [
        b"",
        b"\x82",
        b"\xc1",
        b"\x90",
        b"\xa4text",
        b"{\"type\": \"json\"}",
        // A key that is a number, text that is none, something behind the end.
        b"\x81\x01\xa1x",
        b"\x81\xa1a\xa2\xff\xfe",
        b"\x81\xa1a\xa1x\x00",
        // Addresses of other kinds.
        &[b"\x81", &address[..], b"\x01"].concat(),
        &[b"\x81", &address[..], b"\x91\x01"].concat(),
    ];
    for body in bodies {
        put(&sides, &key(&name), body).await;
        put(&sides, "asgijobs", body).await;
    }
    sides.server().ok(&["ZADD", &key(&name), &now().to_string(), "short"]).await;
    sides.python.send(&name, numbered(1)).await.unwrap();
    assert_eq!(next(&mut mailbox).await, numbered(1));
    assert_eq!(sides.rust.stats().dropped_undecodable, 12);
    sides.python.send("jobs", numbered(2)).await.unwrap();
    assert_eq!(sides.rust.receive("jobs").await, numbered(2));
    assert_eq!(sides.rust.stats().dropped_undecodable, 23);
}

/// What Python sends and no message here may be: it costs itself alone.
#[tokio::test]
async fn what_is_too_deep_is_counted() {
    for format in ["msgpack", "json"] {
        let sides = open(json!({"serializer_format": format})).await;
        let mut mailbox = sides.rust.mailbox().await;
        let name = mailbox.channel().to_string();
        let deep = (0..120).fold(json!(1), |inner, _| json!([inner]));
        sides.python.send(&name, json!({"deep": deep})).await.unwrap();
        sides.python.send(&name, numbered(1)).await.unwrap();
        assert_eq!(next(&mut mailbox).await, numbered(1));
        assert_eq!(sides.rust.stats().dropped_undecodable, 1);
    }
}

/// What Python's json writes and others do not: numbers of any size, and halves of characters.
#[tokio::test]
async fn json_of_pythons_own_kind() {
    let sides = open(json!({"serializer_format": "json"})).await;
    let mut mailbox = sides.rust.mailbox().await;
    let name = mailbox.channel().to_string();
    for body in [r#""big": 1180591620717411303424"#, r#""half": "\ud83e""#, r#""nan": [NaN, -Infinity, "NaN"]"#] {
        let body = format!(r#"{{{body}, "__asgi_channel__": "{name}"}}"#);
        put(&sides, &key(&name), body.as_bytes()).await;
    }
    assert_eq!(next(&mut mailbox).await, json!({"big": 1180591620717411303424.0}));
    // Passed on as it is to browsers, which have such halves too.
    let half = within("half a character", mailbox.recv()).await.unwrap();
    assert_eq!(half.json(), &br#"{"half":"\ud83e"}"#[..]);
    assert_eq!(next(&mut mailbox).await, json!({"nan": [null, null, "NaN"]}));
}

/// What stands in a group and is no channel costs the members nothing.
#[tokio::test]
async fn members_that_are_no_channels() {
    let sides = open(json!({})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
    rust.group_add("g", &theirs).await;
    rust.group_add("g", ours.channel().as_str()).await;
    for member in [&b"a b"[..], b"", b"\xff\xfe", b"a!b!c"] {
        sides.server().ok(&[&b"ZADD"[..], b"asgi:group:g", now().to_string().as_bytes(), member]).await;
    }
    rust.group_send("g", &numbered(1)).await;
    assert_eq!(next(&mut ours).await, numbered(1));
    assert_eq!(python.receive(&theirs).await.unwrap(), numbered(1));
}

/// Something else may stand where a work queue would be. The other queues of the process are received from all the same,
/// and this one once it is gone.
#[tokio::test]
async fn a_key_of_somebody_else_stops_no_other() {
    let sides = open(json!({})).await;
    let Sides { python, rust, .. } = &sides;
    sides.server().ok(&["SET", "asgia-foreign-key", "x"]).await;
    assert!(python.send("a-foreign-key", numbered(0)).await.is_err());
    assert!(rust.send("a-foreign-key", &numbered(0)).await.is_err());
    let blocked = rust.receive("a-foreign-key");
    let others = async {
        for n in 1..4 {
            let (received, sent) = tokio::join!(rust.receive("jobs"), python.send("jobs", numbered(n)));
            sent.unwrap();
            assert_eq!(received, numbered(n));
        }
        sides.server().ok(&["DEL", "asgia-foreign-key"]).await;
        python.send("a-foreign-key", numbered(4)).await.unwrap();
    };
    assert_eq!(tokio::join!(blocked, others).0, numbered(4));
}

/// What a Python worker that was killed had taken stays where Python looks for it.
#[tokio::test]
async fn work_in_flight_at_python_is_left_alone() {
    let sides = open(json!({})).await;
    let Sides { python, rust, .. } = &sides;
    // As a worker leaves it that ends between taking a message and handing it on.
    python.send("jobs", numbered(0)).await.unwrap();
    sides.server().ok(&["RENAME", "asgijobs", "asgijobs$inflight"]).await;
    sides.server().ok(&["PERSIST", "asgijobs$inflight"]).await;
    let inflight = ["ZRANGE", "asgijobs$inflight", "0", "-1", "WITHSCORES"];
    let taken = sides.server().ok(&inflight).await;
    for n in 1..5 {
        python.send("jobs", numbered(n)).await.unwrap();
        assert_eq!(rust.receive("jobs").await, numbered(n));
    }
    assert_eq!(sides.server().ok(&inflight).await, taken);
    assert_eq!(python.receive("jobs").await.unwrap(), numbered(0));
}

/// Messages of one sender arrive in their order, however fast they are sent: where scores are equal Redis sorts by the
/// bytes, which Python makes random.
#[tokio::test]
async fn bursts_keep_their_order() {
    const MESSAGES: u64 = 300;
    for length in [0, 12] {
        let sides = open(json!({"capacity": 1000, "random_prefix_length": length})).await;
        let Sides { python, rust, .. } = &sides;
        let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
        let messages: Vec<_> = (0..MESSAGES).map(numbered).collect();
        let sent = join_all(messages.iter().map(|message| rust.send(&theirs, message))).await;
        sent.into_iter().for_each(|sent| sent.unwrap());
        let received = python.receive_many(&theirs, messages.len(), PAUSE).await.unwrap();
        assert_eq!(numbers(&received), (0..MESSAGES).collect::<Vec<_>>(), "to Python, prefix of {length}");

        rust.group_add("g", ours.channel().as_str()).await;
        rust.group_add("g", &theirs).await;
        for message in &messages {
            rust.group_send("g", message).await;
        }
        for n in 0..MESSAGES {
            assert_eq!(next(&mut ours).await, numbered(n), "to Rust, prefix of {length}");
        }
        let received = python.receive_many(&theirs, messages.len(), PAUSE).await.unwrap();
        assert_eq!(numbers(&received), (0..MESSAGES).collect::<Vec<_>>(), "to Python's group, prefix of {length}");
    }
}

/// What Python sends one after the other arrives so.
#[tokio::test]
async fn pythons_order_is_kept() {
    const MESSAGES: usize = 300;
    let sides = open(json!({"capacity": 1000})).await;
    let mut mailbox = sides.rust.mailbox().await;
    sides.rust.group_add("g", mailbox.channel().as_str()).await;
    let receive = async {
        let mut received = Vec::new();
        while received.len() < MESSAGES {
            received.push(next(&mut mailbox).await);
        }
        received
    };
    let groups = ["g".to_owned()];
    let (raised, received) = tokio::join!(sides.python.burst(&groups, MESSAGES, 1, json!({})), receive);
    assert!(raised.is_empty(), "{raised:?}");
    assert_eq!(numbers(&received), (0..MESSAGES as u64).collect::<Vec<_>>());
}

/// A receive of Python's that is cancelled loses what it was about to return. Ours gives it back, or keeps it.
#[tokio::test]
async fn receives_that_are_given_up_lose_nothing() {
    const MESSAGES: usize = 150;
    let sides = open(json!({"capacity": 1000})).await;
    let Sides { python, rust, .. } = &sides;
    let own = rust.new_channel().await;
    for channel in [own.as_str(), "jobs"] {
        let mut received = Vec::new();
        for n in 0..MESSAGES as u64 {
            python.send(channel, numbered(n)).await.unwrap();
            // At every moment of the message's way.
            let patience = Duration::from_micros(n * 20);
            received.extend(tokio::time::timeout(patience, rust.receive(channel)).await);
        }
        while received.len() < MESSAGES {
            received.push(rust.receive(channel).await);
        }
        let mut received = numbers(&received);
        received.sort_unstable();
        assert_eq!(received, (0..MESSAGES as u64).collect::<Vec<_>>(), "{channel}");
    }
    assert_eq!(rust.stats().dropped_in_return, 0);
}

/// A thousand messages of Python's at once to fifty groups of a process, with default settings: Python's own receivers
/// share one key with room for a hundred. Ours are read while they come.
#[tokio::test]
async fn a_burst_of_python_loses_nothing() {
    const GROUPS: usize = 50;
    const MESSAGES: usize = 1000;
    let sides = open(json!({})).await;
    let groups: Vec<_> = (0..GROUPS).map(|n| format!("room-{n}")).collect();
    let mut mailboxes = Vec::new();
    for group in &groups {
        let mailbox = sides.rust.mailbox().await;
        sides.rust.group_add(group, mailbox.channel().as_str()).await;
        mailboxes.push(mailbox);
    }
    let raised = sides.python.burst(&groups, MESSAGES, 100, json!({"type": "chat.message"})).await;
    assert!(raised.is_empty(), "{raised:?}");
    for (group, mailbox) in mailboxes.iter_mut().enumerate() {
        let mut received = Vec::new();
        for _ in 0..MESSAGES / GROUPS {
            received.push(next(mailbox).await);
        }
        let mut received = numbers(&received);
        received.sort_unstable();
        let sent: Vec<_> = (0..MESSAGES).skip(group).step_by(GROUPS).map(|n| n as u64).collect();
        assert_eq!(received, sent, "group {group}");
    }
}
