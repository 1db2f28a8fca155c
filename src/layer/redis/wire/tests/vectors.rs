//! What `channels_redis` wrote, from `tests/vectors/redis.json`: read here, and written here byte by byte.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::layer::redis::wire::codec::{Codec, Layout};
use crate::layer::redis::wire::envelope::To;
use crate::layer::redis::wire::fernet::Crypter;
use crate::layer::redis::wire::keys::Keys;
use crate::layer::redis::wire::ring::shard;
use crate::layer::redis::{RedisConfig, Secret};
use crate::{ChannelName, Message};

#[derive(Deserialize)]
struct Vectors {
    time: u64,
    ring: Vec<Place>,
    ring_edges: Vec<Edge>,
    keys: Vec<Names>,
    messages: Vec<Written>,
    foreign: Vec<Foreign>,
    ages: Vec<Age>,
    fernet_keys: Vec<Token>,
}

#[derive(Deserialize)]
struct Place {
    value: String,
    hosts: Vec<usize>,
    slot: usize,
}

#[derive(Deserialize)]
struct Edge {
    value: String,
    hosts: usize,
    host: usize,
}

#[derive(Deserialize)]
struct Names {
    prefix: String,
    channel: String,
    group: String,
    key: String,
    group_key: String,
    topic: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Recipients {
    One(String),
    Many(Vec<String>),
}

impl Recipients {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Settings {
    serializer_format: Option<String>,
    random_prefix_length: Option<usize>,
    #[serde(default)]
    symmetric_encryption_keys: Vec<String>,
}

impl Settings {
    fn config(&self) -> RedisConfig {
        let config = RedisConfig::default();
        RedisConfig {
            serializer_format: self.serializer_format.clone().unwrap_or(config.serializer_format.clone()),
            random_prefix_length: self.random_prefix_length.unwrap_or(config.random_prefix_length),
            symmetric_encryption_keys: self.symmetric_encryption_keys.iter().map(Secret::new).collect(),
            ..config
        }
    }
}

#[derive(Deserialize)]
struct Written {
    name: String,
    key: String,
    message: String,
    to: Option<Recipients>,
    value: String,
    layout: String,
    /// Whether the layer's key stands where the sender had put it, and not last.
    #[serde(default)]
    reordered: bool,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Deserialize)]
struct Foreign {
    name: String,
    value: String,
    message: String,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Deserialize)]
struct Age {
    expiry: u64,
    age: i64,
    good: bool,
}

#[derive(Deserialize)]
struct Token {
    secret: String,
    token: String,
}

fn vectors() -> Vectors {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/redis.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn message(hex: &str) -> Message {
    Message::from_msgpack(unhex(hex)).unwrap()
}

#[test]
fn hosts_are_those_of_django() {
    let vectors = vectors();
    for Place { value, hosts, slot } in &vectors.ring {
        let ours: Vec<_> = (1..=hosts.len()).map(|n| shard(value, n)).collect();
        assert_eq!((&ours, shard(value, 4096)), (hosts, *slot), "{value:?}");
    }
    for Edge { value, hosts, host } in &vectors.ring_edges {
        assert_eq!(shard(value, *hosts), *host, "{value:?} among {hosts}");
    }
}

#[test]
fn names_are_those_of_django() {
    for names in vectors().keys {
        let keys = Keys::new(&names.prefix);
        let channel = ChannelName::new(&names.channel).unwrap();
        let group = names.group.parse().unwrap();
        assert_eq!(keys.messages(channel.non_local()), names.key);
        assert_eq!(keys.group(&group), names.group_key);
        assert_eq!(keys.group_topic(&group), names.topic);
    }
}

#[test]
fn messages_are_those_of_django() {
    let vectors = vectors();
    let now = Duration::from_secs(vectors.time);
    for written in &vectors.messages {
        let config = written.settings.config();
        let name = format!("{}, {}, under {}", written.name, config.serializer_format, written.key);
        let layout = if written.layout == "core" { Layout::Core } else { Layout::PubSub };
        let codec = Codec::new(&config, layout).unwrap();
        let (message, theirs) = (message(&written.message), Bytes::from(unhex(&written.value)));
        let names = written.to.as_ref().map(Recipients::names).unwrap_or_default();
        let read = |bytes: Bytes, whose| {
            let (read, recipients) = codec.decode(bytes, now).unwrap_or_else(|e| panic!("{name}, {whose}: {e}"));
            assert_eq!((read, recipients.iter().collect()), (message.clone(), names.clone()), "{name}, {whose}");
        };
        read(theirs.clone(), "theirs");
        let to = written.to.as_ref().map(|to| match to {
            Recipients::One(name) => To::Channel(name),
            Recipients::Many(_) => To::Members(&names),
        });
        let ours = codec.encode(&message, to, now).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let prefix = if layout == Layout::Core { config.random_prefix_length } else { 0 };
        if config.symmetric_encryption_keys.is_empty() && !written.reordered {
            assert_eq!(ours[prefix..], theirs[prefix..], "{name}");
        }
        read(ours.into(), "ours");
    }
}

#[test]
fn foreign_spellings_are_read_as_django_reads_them() {
    for foreign in vectors().foreign {
        let config = foreign.settings.config().with_random_prefix_length(0);
        for layout in [Layout::Core, Layout::PubSub] {
            let codec = Codec::new(&config, layout).unwrap();
            let (read, _) = codec.decode(unhex(&foreign.value).into(), Duration::ZERO).unwrap();
            assert_eq!(read, message(&foreign.message), "{}", foreign.name);
        }
    }
}

#[test]
fn encrypted_messages_age_as_in_django() {
    let vectors = vectors();
    for Age { expiry, age, good } in vectors.ages {
        let config = RedisConfig::default()
            .with_expiry(Duration::from_secs(expiry))
            .with_symmetric_encryption_keys(["old-key"])
            .with_random_prefix_length(0);
        let [core, pubsub] = [Layout::Core, Layout::PubSub].map(|layout| Codec::new(&config, layout).unwrap());
        let bytes = core.encode(&crate::message! {}, None, Duration::from_secs(vectors.time)).unwrap();
        let now = Duration::from_secs(vectors.time.saturating_add_signed(age));
        assert_eq!(core.decode(bytes.clone().into(), now).is_ok(), good, "{age} seconds with an expiry of {expiry}");
        assert!(pubsub.decode(bytes.into(), now).is_ok(), "{age} seconds");
    }
}

#[test]
fn keys_are_made_of_secrets_as_in_django() {
    for Token { secret, token } in vectors().fernet_keys {
        let crypter = Crypter::new(&[Secret::new(&secret)], None).unwrap().unwrap();
        assert_eq!(crypter.decrypt(token.as_bytes(), Duration::ZERO).unwrap(), b"hello", "{secret:?}");
    }
}
