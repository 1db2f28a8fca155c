//! What the same calls leave in Redis, byte by byte: keys, types, times to live, scores, messages and what is published.

use std::collections::BTreeMap;

use rig::django::{Backend, DjangoLayer};
use rig::{RedisServer, within};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;

use super::sides::{Rust, Sides, now, numbered};

/// Channels of a process that neither side made.
const ONE: &str = "specific.0123456789abcdef0123456789abcdef!aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TWO: &str = "specific.0123456789abcdef0123456789abcdef!bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Who makes the calls.
enum Caller<'a> {
    Python(&'a DjangoLayer),
    Rust(&'a Rust),
}

impl Caller<'_> {
    async fn group_add(&self, group: &str, channel: &str) {
        match self {
            Self::Python(layer) => layer.group_add(group, channel).await.unwrap(),
            Self::Rust(layer) => layer.group_add(group, channel).await,
        }
    }

    async fn group_discard(&self, group: &str, channel: &str) {
        match self {
            Self::Python(layer) => layer.group_discard(group, channel).await.unwrap(),
            Self::Rust(layer) => layer.group_discard(group, channel).await,
        }
    }

    async fn group_send(&self, group: &str, message: Value) {
        match self {
            Self::Python(layer) => layer.group_send(group, message).await.unwrap(),
            Self::Rust(layer) => layer.group_send(group, &message).await,
        }
    }

    async fn send(&self, channel: &str, message: Value) {
        match self {
            Self::Python(layer) => layer.send(channel, message).await.unwrap(),
            Self::Rust(layer) => layer.send(channel, &message).await.unwrap(),
        }
    }
}

/// A key without what differs from one call to the next.
#[derive(Debug, PartialEq)]
struct Key {
    kind: String,
    /// In seconds, rounded up to whole tens; none where it lives for ever.
    lives: Option<i64>,
    /// Members of a group, or messages behind their random prefixes, in order.
    members: Vec<Vec<u8>>,
}

/// Everything on a server. Scores are checked here: they are now, and finer than a second.
async fn footprint(server: &RedisServer, prefix: usize) -> BTreeMap<String, Key> {
    let mut keys = BTreeMap::new();
    for key in server.ok(&["KEYS", "*"]).await.texts() {
        let kind = server.ok(&["TYPE", &key]).await.text();
        let lives = server.ok(&["PTTL", &key]).await.int();
        let content = server.ok(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]).await.list();
        let mut members = Vec::new();
        for entry in content.chunks(2) {
            let (member, score) = (entry[0].clone().data(), entry[1].text());
            let score: f64 = score.parse().unwrap();
            assert!((now() - 10.0..=now()).contains(&score) && score.fract() != 0.0, "{key}: {score}");
            let front = if key.contains(":group:") { 0 } else { prefix };
            members.push(member[front..].to_vec());
        }
        keys.insert(key, Key { kind, lives: (lives >= 0).then_some((lives + 9999) / 10_000 * 10), members });
    }
    keys
}

async fn calls(caller: Caller<'_>) {
    for (group, channel) in [("room-1", TWO), ("room-1", "orders"), ("room-1", ONE), ("left", ONE), ("half", ONE)] {
        caller.group_add(group, channel).await;
    }
    caller.group_add("half", "other.x!y").await;
    caller.group_discard("left", ONE).await;
    caller.group_discard("half", ONE).await;
    caller.group_discard("never", ONE).await;
    let message = json!({
        "type": "chat.message", "text": "héllo ☃ 🦀 \u{7f} \n", "ints": [0, 127, 128, -33, 65536, i64::MIN, u64::MAX],
        "floats": [0.1, 1.0, -2.5, 1e16, 123456.789, 1e-5, 5e-324], "rest": [null, true, false, {}, [], {"a": [[]]}],
        "long": "x".repeat(300),
    });
    caller.send(ONE, message.clone()).await;
    caller.send("orders", message.clone()).await;
    caller.send("other.x!y", json!({})).await;
    caller.group_send("room-1", message).await;
    caller.group_send("nobody", json!({"type": "x"})).await;
    caller.send(TWO, numbered(1)).await;
}

#[tokio::test]
async fn the_same_calls_leave_the_same_keys() {
    for (format, prefix, settings) in [
        ("msgpack", 12, json!({})),
        ("msgpack", 0, json!({"random_prefix_length": 0, "prefix": "my:app"})),
        ("json", 12, json!({"expiry": 10, "group_expiry": 100})),
        ("json", 20, json!({"random_prefix_length": 20, "prefix": ""})),
    ] {
        let sides = Sides::open(Backend::Core, 1, settings).await;
        let format = json!({"serializer_format": format});
        let (python, rust) = (sides.another_python(format.clone()).await, sides.another_rust(&format));
        calls(Caller::Python(&python)).await;
        let theirs = footprint(sides.server(), prefix).await;
        sides.server().ok(&["FLUSHALL"]).await;
        calls(Caller::Rust(&rust)).await;
        let ours = footprint(sides.server(), prefix).await;
        assert_eq!(theirs.len(), 5, "{theirs:?}");
        assert_eq!(ours, theirs);
    }
}

/// Encrypted messages are of the same length, and begin in the same way.
#[tokio::test]
async fn the_same_calls_leave_keys_alike_when_encrypted() {
    let sides = Sides::open(Backend::Core, 1, json!({"symmetric_encryption_keys": ["secret"]})).await;
    let alike = |keys: BTreeMap<String, Key>| -> BTreeMap<_, _> {
        let shape = |(key, content): (String, Key)| {
            let tokens = content.members.iter().map(|token| (token.len(), token[..6].to_vec())).collect::<Vec<_>>();
            (key, (content.kind, content.lives, tokens))
        };
        keys.into_iter().map(shape).collect()
    };
    calls(Caller::Python(&sides.python)).await;
    let theirs = alike(footprint(sides.server(), 12).await);
    sides.server().ok(&["FLUSHALL"]).await;
    calls(Caller::Rust(&sides.rust)).await;
    assert_eq!(alike(footprint(sides.server(), 12).await), theirs);
    assert_eq!(theirs["asgiorders"].2[0].1, b"gAAAAA");
}

/// What a server executes, line by line.
struct Monitor(Lines<BufReader<TcpStream>>);

impl Monitor {
    async fn of(server: &RedisServer) -> Self {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(b"MONITOR\r\n").await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(within("MONITOR", lines.next_line()).await.unwrap().as_deref(), Some("+OK"));
        Self(lines)
    }

    /// The next thing that is published, without the layer's messages to itself: the channel and the payload, quoted.
    async fn published(&mut self) -> String {
        loop {
            let line = within("something is published", self.0.next_line()).await.unwrap().unwrap();
            match line.split_once(r#" "PUBLISH" "#) {
                Some((_, published)) if !published.contains("canary") => return published.to_owned(),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn the_same_calls_publish_the_same() {
    for (format, settings) in [("msgpack", json!({})), ("json", json!({"prefix": "my:app"}))] {
        let sides = Sides::open(Backend::PubSub, 1, settings).await;
        let format = json!({"serializer_format": format});
        let (python, rust) = (sides.another_python(format.clone()).await, sides.another_rust(&format));
        let mut monitor = Monitor::of(sides.server()).await;
        for caller in [Caller::Python(&python), Caller::Rust(&rust)] {
            caller.send("asgispecific.0123456789abcdef0123456789abcdef", numbered(1)).await;
            caller.send("orders", json!({"type": "x", "floats": [0.1, 1.0, 1e16], "empty": {}})).await;
            caller.group_send("room-1", numbered(u64::MAX)).await;
            caller.group_send("no-body", json!({})).await;
        }
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for published in [&mut theirs, &mut ours] {
            for _ in 0..4 {
                published.push(monitor.published().await);
            }
        }
        assert_eq!(ours, theirs);
    }
}
