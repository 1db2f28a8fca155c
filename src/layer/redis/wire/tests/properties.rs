//! Any message and any names, through every pipeline; and any bytes into every reader.

use std::time::Duration;

use proptest::prelude::*;

use crate::Message;
use crate::layer::redis::RedisConfig;
use crate::layer::redis::wire::codec::{Codec, Layout};
use crate::layer::redis::wire::envelope::To;
use crate::protocol::{Map, Value};

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Those that JSON carries.
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            // Not the spelling of bytes, which JSON cannot carry.
            prop::collection::vec(("[a-z]{0,3}", inner), 0..5).prop_map(|entries| Value::Map(Map::from_iter(entries))),
        ]
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop::collection::vec((any::<String>(), value()), 0..20)
        .prop_map(|entries| Message::try_from(Map::from_iter(entries)).unwrap())
}

#[derive(Clone, Debug)]
enum For {
    Nobody,
    One(String),
    Many(Vec<String>),
}

fn recipients() -> impl Strategy<Value = For> {
    prop_oneof![
        Just(For::Nobody),
        any::<String>().prop_map(For::One),
        prop::collection::vec(any::<String>(), 0..40).prop_map(For::Many),
    ]
}

fn config(format: &str, prefix: usize, encrypted: bool) -> RedisConfig {
    let keys: &[&str] = if encrypted { &["new", "old"] } else { &[] };
    RedisConfig::default()
        .with_serializer_format(format)
        .with_random_prefix_length(prefix)
        .with_symmetric_encryption_keys(keys.to_vec())
}

proptest! {
    #[test]
    fn messages_and_recipients_come_back(
        message in message(),
        to in recipients(),
        format in prop::sample::select(vec!["msgpack", "json"]),
        prefix in 0usize..20,
        encrypted: bool,
        made_of_json: bool,
    ) {
        let message = if made_of_json { Message::from_json(message.json().clone()).unwrap() } else { message };
        let codec = Codec::new(&config(format, prefix, encrypted), Layout::Core).unwrap();
        let names: Vec<&str> = match &to {
            For::Nobody => Vec::new(),
            For::One(name) => vec![name],
            For::Many(names) => names.iter().map(String::as_str).collect(),
        };
        let target = match &to {
            For::Nobody => None,
            For::One(name) => Some(To::Channel(name)),
            For::Many(_) => Some(To::Members(&names)),
        };
        let bytes = codec.encode(&message, target, NOW).unwrap();
        let (read, recipients) = codec.decode(bytes.into(), NOW).unwrap();
        prop_assert_eq!(read, message);
        prop_assert_eq!(recipients.iter().count(), names.len());
        prop_assert_eq!(recipients.iter().collect::<Vec<_>>(), names);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes: Vec<u8>,
        layout in prop::sample::select(vec![Layout::Core, Layout::PubSub]),
        format in prop::sample::select(vec!["msgpack", "json"]),
        encrypted: bool,
        token: bool,
    ) {
        let codec = Codec::new(&config(format, 0, encrypted), layout).unwrap();
        let bytes = if token { [b"gAAAAA", bytes.as_slice()].concat() } else { bytes };
        let _ = codec.decode(bytes.into(), NOW);
    }

    #[test]
    fn a_cut_or_changed_message_is_read_or_refused(message in message(), at: prop::sample::Index, byte: u8, cut: bool) {
        let codec = Codec::new(&config("msgpack", 0, false), Layout::Core).unwrap();
        let mut bytes = codec.encode(&message, Some(To::Members(&["a!b", "a!c"])), NOW).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok((message, _)) = codec.decode(bytes.into(), NOW) {
            // What was read is whole.
            prop_assert!(Message::from_msgpack(message.msgpack().clone()).is_ok());
        }
    }
}
