//! Every kind of value that a message may hold, both ways.

use channel_layers::layer::ChannelLayer;
use channel_layers::protocol::{Map, Value as Item};
use channel_layers::{ChannelName, ErrorKind, Message};
use rig::django::{Backend, bytes};
use serde_json::{Value, json};

use super::sides::{Sides, next};

/// What both formats carry.
fn plain() -> Value {
    json!({
        "type": "all.values",
        "nothing": null,
        "truth": [true, false],
        "steps of the encoding": [
            0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295u32, 4294967296u64,
            -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649i64,
        ],
        "limits": [i64::MAX, i64::MIN, u64::MAX],
        "floats": [0.5, -2.25, 0.0, 1.0, 0.1, 1e22, 1e-7, 123456789012345680.0, f64::MAX, f64::MIN_POSITIVE, 5e-324],
        "": "no key",
        "ключ": "héllo ☃ 🦀 日本 \0 \n \t \" \\ / \u{7f} \u{2028} \u{feff}",
        "lengths": [
            "", "x".repeat(31), "x".repeat(32), "x".repeat(255), "x".repeat(256), "é".repeat(40_000),
            vec![7; 15], vec![7; 16], vec![7; 70_000],
        ],
        "nested": {"list": [[], {}, [[], [{"a": [{}]}]]], "map": {"a": {"b": {"c": {"d": []}}}}},
    })
}

fn with_bytes() -> Value {
    let mut message = plain();
    message["bytes"] = json!([bytes(b""), bytes(b"\0\xff\x80"), bytes(&[0x80; 256]), bytes(&[0xc1; 70_000])]);
    message
}

async fn all_values(backend: Backend, more: Value, message: Value) {
    let sides = Sides::open(backend, 1, more).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
    python.group_add("g", &theirs).await.unwrap();
    rust.group_add("g", ours.channel().as_str()).await;
    sides.subscribed(&theirs, 1).await;
    sides.group_subscribed("g", 2).await;

    rust.send(&theirs, &message).await.unwrap();
    assert_eq!(python.receive(&theirs).await.unwrap(), message);
    python.send(ours.channel().as_str(), message.clone()).await.unwrap();
    assert_eq!(next(&mut ours).await, message);
    rust.group_send("g", &message).await;
    python.group_send("g", message.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(next(&mut ours).await, message);
        assert_eq!(python.receive(&theirs).await.unwrap(), message);
    }
}

#[tokio::test]
async fn all_values_over_core() {
    all_values(Backend::Core, json!({}), with_bytes()).await;
}

#[tokio::test]
async fn all_values_over_core_as_json() {
    all_values(Backend::Core, json!({"serializer_format": "json"}), plain()).await;
}

#[tokio::test]
async fn all_values_over_pubsub() {
    all_values(Backend::PubSub, json!({}), with_bytes()).await;
}

#[tokio::test]
async fn all_values_over_pubsub_as_json() {
    all_values(Backend::PubSub, json!({"serializer_format": "json"}), plain()).await;
}

fn floats(values: [f64; 3]) -> Message {
    let mut map = Map::new();
    map.insert("values", values.map(Item::from).to_vec());
    Message::try_from(map).unwrap()
}

/// Django has no limit to the size of a message, and ours is for what we send.
#[tokio::test]
async fn large_messages() {
    for backend in [Backend::Core, Backend::PubSub] {
        let sides = Sides::open(backend, 1, json!({})).await;
        let Sides { python, rust, .. } = &sides;
        let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
        sides.subscribed(&theirs, 1).await;
        let (large, larger) = (json!({"text": "x".repeat(1_000_000)}), json!({"text": "x".repeat(4_000_000)}));
        rust.send(&theirs, &large).await.unwrap();
        assert_eq!(python.receive(&theirs).await.unwrap(), large);
        assert_eq!(rust.send(&theirs, &larger).await.unwrap_err().kind(), ErrorKind::MessageTooLarge);
        python.send(ours.channel().as_str(), larger.clone()).await.unwrap();
        assert_eq!(next(&mut ours).await, larger);
    }
}

/// Numbers that JSON does not have: msgpack carries them, and in JSON, where Python writes words that are no JSON, they
/// arrive as nothing.
#[tokio::test]
async fn numbers_that_are_none() {
    let spelled = json!({"values": [{"$float": "inf"}, {"$float": "-inf"}, {"$float": "nan"}]});
    let nothing = json!({"values": [null, null, null]});
    for (format, theirs_get) in [("msgpack", &spelled), ("json", &nothing)] {
        let sides = Sides::open(Backend::Core, 1, json!({"serializer_format": format})).await;
        let Sides { python, rust, .. } = &sides;
        let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
        let to = ChannelName::new(theirs.as_str()).unwrap();
        rust.layer().send(&to, floats([f64::INFINITY, f64::NEG_INFINITY, f64::NAN])).await.unwrap();
        assert_eq!(python.receive(&theirs).await.unwrap(), *theirs_get);
        python.send(ours.channel().as_str(), spelled.clone()).await.unwrap();
        let got = rig::within("a message", ours.recv()).await.unwrap();
        match (format, got.get("values").unwrap()) {
            ("msgpack", Item::List(values)) => {
                assert_eq!(values[..2], [Item::from(f64::INFINITY), Item::from(f64::NEG_INFINITY)]);
                assert!(matches!(values[2], Item::Float(number) if number.is_nan()), "{values:?}");
            }
            (_, values) => assert_eq!(values, Item::List(vec![Item::Null; 3])),
        }
    }
}

/// What a format does not carry is refused by its sender, on either side, and stands in nobody's way.
#[tokio::test]
async fn bytes_have_no_place_in_json() {
    let sides = Sides::open(Backend::Core, 1, json!({"serializer_format": "json"})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, ours) = (python.new_channel().await, rust.new_channel().await);
    let message = json!({"bytes": bytes(b"\xff")});
    assert_eq!(python.send(&ours, message.clone()).await.unwrap_err().kind, "TypeError");
    let refused = rust.send(&theirs, &message).await.unwrap_err().to_string();
    assert!(refused.contains("msgpack"), "{refused}");
    assert!(sides.server().ok(&["KEYS", "*"]).await.list().is_empty());
}

/// A message may not name its recipients itself, on either side.
#[tokio::test]
async fn the_entry_of_the_layers_is_theirs() {
    let sides = Sides::open(Backend::Core, 1, json!({})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
    let message = json!({"type": "x", "__asgi_channel__": "somebody.else"});
    assert_eq!(python.send(ours.channel().as_str(), message.clone()).await.unwrap_err().kind, "AssertionError");
    assert!(rust.send(&theirs, &message).await.is_err());
    // A group's members take the entry's place.
    rust.group_add("g", &theirs).await;
    python.group_add("g", ours.channel().as_str()).await.unwrap();
    python.group_send("g", message.clone()).await.unwrap();
    rust.group_send("g", &message).await;
    for _ in 0..2 {
        assert_eq!(python.receive(&theirs).await.unwrap(), json!({"type": "x"}));
        assert_eq!(next(&mut ours).await, json!({"type": "x"}));
    }
}
