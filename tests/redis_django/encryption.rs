//! Encrypted messages while keys are changed, which never happens on both sides at once.

use rig::django::{Backend, DjangoLayer};
use serde_json::{Value, json};

use super::sides::{Rust, Sides, next, numbered};

const BACKENDS: [Backend; 2] = [Backend::Core, Backend::PubSub];

fn keys(keys: &[&str]) -> Value {
    json!({"symmetric_encryption_keys": keys})
}

/// That Python reads what Rust sends, or raises, and goes on with the next message.
async fn to_python(sides: &Sides, rust: &Rust, python: &DjangoLayer, readable: bool) {
    let channel = python.new_channel().await;
    sides.subscribed(&channel, 1).await;
    rust.send(&channel, &numbered(1)).await.unwrap();
    if readable {
        assert_eq!(python.receive(&channel).await.unwrap(), numbered(1));
    } else {
        assert_eq!(python.receive(&channel).await.unwrap_err().kind, "InvalidToken");
    }
    python.send(&channel, numbered(2)).await.unwrap();
    assert_eq!(python.receive(&channel).await.unwrap(), numbered(2));
}

/// That Rust reads what Python sends, or counts it, and goes on with the next message.
async fn to_rust(rust: &Rust, python: &DjangoLayer, readable: bool) {
    let mut mailbox = rust.mailbox().await;
    python.send(mailbox.channel().as_str(), numbered(1)).await.unwrap();
    rust.send(mailbox.channel().as_str(), &numbered(2)).await.unwrap();
    if readable {
        assert_eq!(next(&mut mailbox).await, numbered(1));
    }
    assert_eq!(next(&mut mailbox).await, numbered(2));
    assert_eq!(rust.stats().dropped_undecodable, u64::from(!readable));
}

/// Each pair of keys that a change of keys goes through, on either side: who has the sender's first key reads.
#[tokio::test]
async fn keys_are_changed_one_side_after_the_other() {
    for backend in BACKENDS {
        let sides = Sides::open(backend, 1, json!({})).await;
        for (theirs, ours) in [
            (&["old"][..], &["old", "new-key-åß"][..]),
            (&["new-key-åß", "old"], &["old", "new-key-åß"]),
            (&["new-key-åß", "old"], &["new-key-åß"]),
            (&["old"], &["new-key-åß", "old"]),
            (&["old"], &["new-key-åß"]),
        ] {
            for (theirs, ours) in [(theirs, ours), (ours, theirs)] {
                let python = sides.another_python(keys(theirs)).await;
                let rust = sides.another_rust(&keys(ours));
                to_python(&sides, &rust, &python, theirs.contains(&ours[0])).await;
                to_rust(&rust, &python, ours.contains(&theirs[0])).await;
                python.close().await.unwrap();
            }
        }
    }
}

/// Only one of the sides encrypts: nothing is taken for what it is not.
#[tokio::test]
async fn one_side_encrypts() {
    for backend in BACKENDS {
        let sides = Sides::open(backend, 1, json!({})).await;
        to_rust(&sides.another_rust(&keys(&["key"])), &sides.python, false).await;
        let python = sides.another_python(keys(&["key"])).await;
        to_rust(&sides.rust, &python, false).await;
        to_python(&sides, &sides.rust, &python, false).await;
    }
}

/// A work queue whose message nobody here can read: it is gone and counted, and the receiver waits on for the next.
#[tokio::test]
async fn work_that_cannot_be_read_ends_no_worker() {
    let sides = Sides::open(Backend::Core, 1, keys(&["ours"])).await;
    let stranger = sides.another_python(keys(&["theirs"])).await;
    let send = async {
        stranger.send("jobs", numbered(1)).await.unwrap();
        sides.python.send("jobs", numbered(2)).await.unwrap();
    };
    let (received, ()) = tokio::join!(sides.rust.receive("jobs"), send);
    assert_eq!(received, numbered(2));
    assert_eq!(sides.rust.stats().dropped_undecodable, 1);
}
