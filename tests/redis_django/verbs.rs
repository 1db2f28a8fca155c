//! Every verb between the sides, over both layouts, both formats, plain and encrypted, on one host and on three.

use channel_layers::layer::ChannelLayer;
use channel_layers::{ChannelName, ErrorKind};
use rig::django::Backend;
use rig::{until, within};
use serde_json::{Value, json};

use super::sides::{PAUSE, Sides, next, numbered, numbers};

/// What is sent to a channel that one process made the name of reaches that process.
async fn channels_of_one_process(sides: &Sides) {
    let Sides { python, rust, .. } = sides;
    let (theirs, ours, mut mailbox) = (python.new_channel().await, rust.new_channel().await, rust.mailbox().await);
    sides.subscribed(&theirs, 1).await;
    for n in 0..3 {
        rust.send(&theirs, &numbered(n)).await.unwrap();
        assert_eq!(python.receive(&theirs).await.unwrap(), numbered(n));
        python.send(&ours, numbered(n)).await.unwrap();
        assert_eq!(rust.receive(&ours).await, numbered(n));
        python.send(mailbox.channel().as_str(), numbered(n)).await.unwrap();
        assert_eq!(next(&mut mailbox).await, numbered(n));
    }
}

/// Both sides receive what both send to a name that belongs to nobody: each message once in core, everybody each
/// message in pub/sub.
async fn general_channels(sides: &Sides) {
    let Sides { python, rust, .. } = sides;
    if sides.backend == Backend::Core {
        // As many as there may be hosts, over which both sides go in turn.
        for n in 0..3 {
            rust.send("to-python", &numbered(n)).await.unwrap();
            python.send("to-rust", numbered(n)).await.unwrap();
        }
        let mut received = (numbers(&python.receive_many("to-python", 3, PAUSE).await.unwrap()), Vec::new());
        for _ in 0..3 {
            received.1.extend(numbers(&[rust.receive("to-rust").await]));
        }
        received.0.sort_unstable();
        received.1.sort_unstable();
        assert_eq!(received, (vec![0, 1, 2], vec![0, 1, 2]));
        return;
    }
    let both = async { tokio::join!(python.receive_many("jobs", 2, PAUSE), rust.receive("jobs")) };
    let send = async {
        sides.subscribed("jobs", 2).await;
        rust.send("jobs", &numbered(1)).await.unwrap();
        python.send("jobs", numbered(2)).await.unwrap();
    };
    let ((theirs, ours), ()) = tokio::join!(both, send);
    assert_eq!((theirs.unwrap(), ours), (vec![numbered(1), numbered(2)], numbered(1)));
    assert_eq!(rust.receive("jobs").await, numbered(2));
}

/// A group with several members in each process, of each kind.
async fn groups(sides: &Sides) {
    let Sides { python, rust, .. } = sides;
    let theirs = [python.new_channel().await, python.new_channel().await, python.new_channel().await];
    let mut mailboxes = [rust.mailbox().await, rust.mailbox().await, rust.mailbox().await];
    let unowned = rust.new_channel().await;
    for channel in &theirs {
        python.group_add("room-1", channel).await.unwrap();
    }
    for mailbox in &mailboxes {
        rust.group_add("room-1", mailbox.channel().as_str()).await;
    }
    rust.group_add("room-1", &unowned).await;
    sides.group_subscribed("room-1", 2).await;

    python.group_send("room-1", numbered(0)).await.unwrap();
    rust.group_send("room-1", &numbered(1)).await;
    for channel in &theirs {
        assert_eq!(numbers(&python.receive_many(channel, 2, PAUSE).await.unwrap()), [0, 1], "{channel}");
    }
    for mailbox in &mut mailboxes {
        assert_eq!((next(mailbox).await, next(mailbox).await), (numbered(0), numbered(1)));
    }

    // Who left hears what is sent to it alone, and nothing before that.
    python.group_discard("room-1", &theirs[0]).await.unwrap();
    rust.group_discard("room-1", mailboxes[0].channel().as_str()).await;
    python.group_send("room-1", numbered(2)).await.unwrap();
    rust.group_send("room-1", &numbered(3)).await;
    rust.send(&theirs[0], &numbered(9)).await.unwrap();
    python.send(mailboxes[0].channel().as_str(), numbered(9)).await.unwrap();
    let (left, stayed) = theirs.split_first().unwrap();
    assert_eq!(python.receive(left).await.unwrap(), numbered(9));
    for channel in stayed {
        assert_eq!(numbers(&python.receive_many(channel, 2, PAUSE).await.unwrap()), [2, 3], "{channel}");
    }
    let (left, stayed) = mailboxes.split_first_mut().unwrap();
    assert_eq!(next(left).await, numbered(9));
    for mailbox in stayed {
        assert_eq!((next(mailbox).await, next(mailbox).await), (numbered(2), numbered(3)));
    }
    for n in 0..4 {
        assert_eq!(rust.receive(&unowned).await, numbered(n));
    }
    assert!(mailboxes.iter().all(|mailbox| mailbox.try_recv().unwrap().is_none()));
}

async fn every_verb(backend: Backend, format: &str, keys: &[&str], hosts: usize) {
    let more = json!({"serializer_format": format, "symmetric_encryption_keys": keys});
    let sides = Sides::open(backend, hosts, more).await;
    channels_of_one_process(&sides).await;
    general_channels(&sides).await;
    groups(&sides).await;
    let stats = sides.rust.stats();
    assert_eq!((stats.dropped_undecodable, stats.dropped_unaddressed, stats.dropped_expired), (0, 0, 0));
}

macro_rules! every_verb {
    ($($name:ident: $backend:ident, $format:literal, $keys:expr;)+) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test]
                async fn one_host() {
                    every_verb(Backend::$backend, $format, $keys, 1).await;
                }

                #[tokio::test]
                async fn three_hosts() {
                    every_verb(Backend::$backend, $format, $keys, 3).await;
                }
            }
        )+
    };
}

every_verb! {
    core_msgpack: Core, "msgpack", &[];
    core_msgpack_encrypted: Core, "msgpack", &["a secret", "another"];
    core_json: Core, "json", &[];
    core_json_encrypted: Core, "json", &["a secret", "another"];
    pubsub_msgpack: PubSub, "msgpack", &[];
    pubsub_msgpack_encrypted: PubSub, "msgpack", &["a secret", "another"];
    pubsub_json: PubSub, "json", &[];
    pubsub_json_encrypted: PubSub, "json", &["a secret", "another"];
}

/// A work queue can be a member of a group: whoever works on it gets the message and nothing of its address.
#[tokio::test]
async fn a_work_queue_is_a_member() {
    let sides = Sides::open(Backend::Core, 3, json!({})).await;
    let Sides { python, rust, .. } = &sides;
    python.group_add("g", "orders").await.unwrap();
    rust.group_add("g", "bills").await;
    python.group_send("g", numbered(1)).await.unwrap();
    rust.group_send("g", &numbered(2)).await;
    for n in [1, 2] {
        assert_eq!(rust.receive("orders").await, numbered(n));
    }
    // A receive of Python's looks at one host alone, in turn; a group's messages are all on the same.
    let alone = sides.another_python(json!({"hosts": [place_of(&sides, "asgibills").await]})).await;
    assert_eq!(numbers(&alone.receive_many("bills", 2, PAUSE).await.unwrap()), [1, 2]);
}

/// The URL of the server that holds a key.
async fn place_of(sides: &Sides, key: &str) -> String {
    for server in &sides.servers {
        if server.ok(&["EXISTS", key]).await.int() == 1 {
            return server.url();
        }
    }
    panic!("{key} is nowhere");
}

/// Names that no mailbox owns share a key: what arrives with a message for one of them is kept for the others.
#[tokio::test]
async fn names_share_a_key() {
    let sides = Sides::open(Backend::Core, 1, json!({})).await;
    let Sides { python, rust, .. } = &sides;
    let ours = [rust.new_channel().await, rust.new_channel().await, rust.new_channel().await];
    let theirs = [python.new_channel().await, python.new_channel().await, python.new_channel().await];
    for n in 0..3 {
        for (ours, theirs) in ours.iter().zip(&theirs) {
            python.send(ours, numbered(n)).await.unwrap();
            rust.send(theirs, &numbered(n)).await.unwrap();
        }
    }
    for (ours, theirs) in ours.iter().zip(&theirs).rev() {
        for n in 0..3 {
            assert_eq!(rust.receive(ours).await, numbered(n));
            assert_eq!(python.receive(theirs).await.unwrap(), numbered(n));
        }
    }
}

/// No side receives for the other.
#[tokio::test]
async fn each_side_receives_its_own() {
    let sides = Sides::open(Backend::Core, 1, json!({})).await;
    let theirs = ChannelName::new(sides.python.new_channel().await).unwrap();
    let refused = within("a refusal", sides.rust.layer().receive(&theirs)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidName);
    let ours = sides.rust.new_channel().await;
    assert_eq!(sides.python.receive(&ours).await.unwrap_err().kind, "AssertionError");
}

/// A mailbox that is dropped leaves the groups that Python sends to.
#[tokio::test]
async fn dropping_a_mailbox_leaves_pythons_groups() {
    for backend in [Backend::Core, Backend::PubSub] {
        let sides = Sides::open(backend, 1, json!({})).await;
        let Sides { python, rust, .. } = &sides;
        let (theirs, ours) = (python.new_channel().await, rust.mailbox().await);
        python.group_add("g", &theirs).await.unwrap();
        rust.group_add("g", ours.channel().as_str()).await;
        sides.group_subscribed("g", 2).await;
        drop(ours);
        sides.group_subscribed("g", 1).await;
        if backend == Backend::Core {
            let members = ["ZRANGE", "asgi:group:g", "0", "-1"];
            until!("only Python is left", sides.server().ok(&members).await.texts() == [theirs.as_str()]);
        }
        python.group_send("g", numbered(1)).await.unwrap();
        rust.group_send("g", &numbered(2)).await;
        assert_eq!(numbers(&python.receive_many(&theirs, 2, PAUSE).await.unwrap()), [1, 2]);
    }
}

/// Workers of both sides share a work queue.
#[tokio::test]
async fn workers_of_both_sides_share_the_work() {
    const MESSAGES: u64 = 200;
    let sides = Sides::open(Backend::Core, 1, json!({"capacity": 1000})).await;
    let Sides { python, rust, .. } = &sides;
    // Each alone first, so that both are known to work.
    let (received, sent) = tokio::join!(python.receive("jobs"), async { rust.send("jobs", &numbered(0)).await });
    sent.unwrap();
    assert_eq!(received.unwrap(), numbered(0));
    let (received, sent) = tokio::join!(rust.receive("jobs"), python.send("jobs", numbered(0)));
    sent.unwrap();
    assert_eq!(received, numbered(0));

    let send = async {
        for n in 0..MESSAGES {
            if n % 2 == 0 {
                rust.send("jobs", &numbered(n)).await.unwrap();
            } else {
                python.send("jobs", numbered(n)).await.unwrap();
            }
        }
        // Comes after all others, and only Rust stays to receive it.
        rust.send("last", &json!({})).await.unwrap();
    };
    let work = async {
        let mut done: Vec<Value> = Vec::new();
        let mut last = std::pin::pin!(rust.receive("last"));
        loop {
            tokio::select! {
                job = rust.receive("jobs") => done.push(job),
                _ = &mut last => return done,
            }
        }
    };
    // Long enough that Python cancels no receive before all is done.
    let theirs = python.receive_many("jobs", 1000, 3 * PAUSE);
    let (theirs, ours, ()) = within("all work is done", async { tokio::join!(theirs, work, send) }).await;
    let mut done = numbers(&[theirs.unwrap(), ours].concat());
    // What the receiver that was dropped at the end gave back.
    while done.len() < 200 {
        done.extend(numbers(&[rust.receive("jobs").await]));
    }
    done.sort_unstable();
    assert_eq!(done, (0..MESSAGES).collect::<Vec<_>>());
}
