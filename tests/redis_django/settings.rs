//! Settings that both sides must read in the same way: prefixes, the random prefix, formats of one's own.

use std::sync::Arc;

use bytes::Bytes;
use channel_layers::layer::redis::{Serializer, register_serializer};
use channel_layers::{ChannelName, Message, Result};
use rig::django::Backend;
use serde_json::json;

use super::sides::{Sides, next, numbered};

const BACKENDS: [Backend; 2] = [Backend::Core, Backend::PubSub];

/// That messages pass between the sides, to channels and to groups, both ways.
async fn talk(sides: &Sides) {
    let Sides { python, rust, .. } = sides;
    let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
    python.group_add("talk", &theirs).await.unwrap();
    rust.group_add("talk", ours.channel().as_str()).await;
    sides.subscribed(&theirs, 1).await;
    sides.group_subscribed("talk", 2).await;
    rust.send(&theirs, &numbered(1)).await.unwrap();
    python.send(ours.channel().as_str(), numbered(1)).await.unwrap();
    rust.group_send("talk", &numbered(2)).await;
    python.group_send("talk", numbered(3)).await.unwrap();
    for n in 1..4 {
        assert_eq!(python.receive(&theirs).await.unwrap(), numbered(n));
        assert_eq!(next(&mut ours).await, numbered(n));
    }
    if sides.backend == Backend::Core {
        rust.send("jobs", &numbered(4)).await.unwrap();
        assert_eq!(python.receive("jobs").await.unwrap(), numbered(4));
        python.send("jobs", numbered(5)).await.unwrap();
        assert_eq!(rust.receive("jobs").await, numbered(5));
    }
}

/// Projects with other prefixes on the same Redis talk among themselves alone.
#[tokio::test]
async fn prefixes_keep_projects_apart() {
    for backend in BACKENDS {
        let sides = Sides::open(backend, 1, json!({"prefix": "one"})).await;
        let stranger = sides.another_rust(&json!({"prefix": "two"}));
        let mut hears_nothing = stranger.mailbox().await;
        stranger.group_add("talk", hears_nothing.channel().as_str()).await;
        talk(&sides).await;
        // What strangers send to themselves comes first, so nothing came before it.
        stranger.group_send("talk", &numbered(9)).await;
        assert_eq!(next(&mut hears_nothing).await, numbered(9));
    }
}

#[tokio::test]
async fn prefixes_of_any_characters() {
    for (backend, prefix) in [
        (Backend::Core, ""),
        (Backend::PubSub, ""),
        (Backend::Core, "my:project*[a]?é "),
        // Python puts it in front of its channels' names here, and names have these characters alone.
        (Backend::PubSub, "my-project_1.a"),
    ] {
        talk(&Sides::open(backend, 1, json!({"prefix": prefix})).await).await;
    }
}

/// With pub/sub groups work with a prefix that makes Python's channels no names.
#[tokio::test]
async fn groups_under_a_prefix_that_no_name_may_hold() {
    let sides = Sides::open(Backend::PubSub, 1, json!({"prefix": "my:project é"})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
    python.group_add("g", &theirs).await.unwrap();
    rust.group_add("g", ours.channel().as_str()).await;
    sides.group_subscribed("g", 2).await;
    rust.group_send("g", &numbered(1)).await;
    python.group_send("g", numbered(2)).await.unwrap();
    python.send(ours.channel().as_str(), numbered(3)).await.unwrap();
    for n in 1..4 {
        assert_eq!(next(&mut ours).await, numbered(n));
    }
    assert_eq!(python.receive(&theirs).await.unwrap(), numbered(1));
    assert!(ChannelName::new(theirs).is_err());
}

#[tokio::test]
async fn random_prefixes_of_any_length() {
    for length in [0, 1, 12, 20] {
        talk(&Sides::open(Backend::Core, 1, json!({"random_prefix_length": length})).await).await;
    }
}

/// What a sender with another length writes is lost on either side, and the next message is not.
#[tokio::test]
async fn random_prefixes_of_two_lengths() {
    let sides = Sides::open(Backend::Core, 1, json!({})).await;
    let longer = json!({"random_prefix_length": 20});
    let (python, rust) = (sides.another_python(longer.clone()).await, sides.another_rust(&longer));
    let (theirs, mut ours) = (sides.python.new_channel().await, sides.rust.mailbox().await);
    python.send(ours.channel().as_str(), numbered(1)).await.unwrap();
    sides.python.send(ours.channel().as_str(), numbered(2)).await.unwrap();
    assert_eq!(next(&mut ours).await, numbered(2));
    assert_eq!(sides.rust.stats().dropped_undecodable, 1);
    rust.send(&theirs, &numbered(1)).await.unwrap();
    sides.rust.send(&theirs, &numbered(2)).await.unwrap();
    sides.python.receive(&theirs).await.unwrap_err();
    assert_eq!(sides.python.receive(&theirs).await.unwrap(), numbered(2));
}

/// JSON from its end to its beginning, as the class of the same name in driver.py.
#[derive(Debug)]
struct Backwards;

fn backwards(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

impl Serializer for Backwards {
    fn serialize(&self, message: &Message) -> Result<Vec<u8>> {
        Ok(backwards(message.json()))
    }

    fn deserialize(&self, bytes: Bytes) -> Result<Message> {
        Message::from_json(backwards(&bytes))
    }
}

#[tokio::test]
async fn a_format_of_ones_own() {
    register_serializer("backwards", Arc::new(Backwards));
    for backend in BACKENDS {
        for keys in [&[][..], &["secret"]] {
            let more = json!({"serializer_format": "backwards", "symmetric_encryption_keys": keys});
            talk(&Sides::open(backend, 1, more).await).await;
        }
    }
}
