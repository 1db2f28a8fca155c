//! What the formats refuse, and what encryption and prefixes promise.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::layer::redis::wire::codec::{Codec, Layout};
use crate::layer::redis::wire::envelope::To;
use crate::layer::redis::{RedisConfig, Serializer, register_serializer};
use crate::{Error, ErrorKind, Message, Result, message};

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn core(config: &RedisConfig) -> Codec {
    Codec::new(config, Layout::Core).unwrap()
}

fn bare() -> RedisConfig {
    RedisConfig::default().with_random_prefix_length(0)
}

fn read(config: &RedisConfig, bytes: impl Into<Bytes>) -> Result<Message> {
    Ok(core(config).decode(bytes.into(), NOW)?.0)
}

/// The text of an error about bytes from Redis.
fn refused(config: &RedisConfig, bytes: impl Into<Bytes>) -> String {
    let error = read(config, bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidMessage);
    error.to_string()
}

#[test]
fn msgpack_that_is_no_message_is_refused() {
    for bytes in ["93010203", "8101a161", "81a161c1", "81a161", "81a16101ff", "81a161d6ff00000000", "", "81a161a1ff"] {
        let bytes: Vec<u8> =
            (0..bytes.len()).step_by(2).map(|at| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap()).collect();
        assert!(refused(&bare(), bytes).contains("MessagePack"));
    }
}

#[test]
fn recipients_that_are_no_names_are_refused() {
    for format in ["msgpack", "json"] {
        let config = bare().with_serializer_format(format);
        for message in [
            message! { "__asgi_channel__": 1 },
            message! { "__asgi_channel__": ["a", 1] },
            message! { "__asgi_channel__": null },
            message! { "__asgi_channel__": {} },
        ] {
            let bytes = if format == "json" { message.json() } else { message.msgpack() };
            assert!(refused(&config, bytes.clone()).contains("__asgi_channel__"), "{message}");
        }
    }
}

#[test]
fn json_is_read_as_python_writes_it() {
    let json = bare().with_serializer_format("json");
    let constants = r#"{"a": NaN, "b": [Infinity, -Infinity, "NaN \" -Infinity"]}"#;
    let expected = message! { "a": null, "b": [null, null, "NaN \" -Infinity"] };
    assert_eq!(read(&json, constants).unwrap(), expected);
    assert_eq!(read(&json, r#"{"n": 100000000000000000000000}"#).unwrap(), message! { "n": 1e23 });
    for text in ["", "NaN", "[1]", r#"{"a": Nan}"#, r#"{"a": NaN"#, "{\"a\": 1}\0", "\u{feff}"] {
        assert!(refused(&json, text).contains("JSON"), "{text:?}");
    }
    // UTF-16, which Python would take.
    assert!(refused(&json, b"{\0}\0".as_slice()).contains("JSON"));
}

#[test]
fn json_carries_neither_bytes_nor_infinities() {
    let codec = core(&bare().with_serializer_format("json"));
    let bytes = Message::from_msgpack(b"\x81\xa1b\xc4\x01x".as_slice()).unwrap();
    let error = codec.encode(&bytes, None, NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidMessage);
    assert!(error.to_string().contains("\"msgpack\""), "{error}");
    let floats = message! { "n": [f64::INFINITY, f64::NAN, -1.5e-9] };
    assert_eq!(codec.encode(&floats, None, NOW).unwrap(), br#"{"n": [null, null, -1.5e-09]}"#);
}

/// Writes every message backwards.
#[derive(Debug)]
struct Backwards;

impl Serializer for Backwards {
    fn serialize(&self, message: &Message) -> Result<Vec<u8>> {
        Ok(message.msgpack().iter().rev().copied().collect())
    }

    fn deserialize(&self, bytes: Bytes) -> Result<Message> {
        Message::from_msgpack(bytes.iter().rev().copied().collect::<Vec<_>>())
            .map_err(|e| Error::new(ErrorKind::InvalidMessage, "not a message backwards").with_source(e))
    }
}

#[test]
fn formats_are_registered_by_name() {
    let config = bare().with_serializer_format("backwards");
    let unknown = Codec::new(&config, Layout::Core).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Config);
    assert!(
        unknown.to_string().contains("\"backwards\"") && unknown.to_string().contains("json, msgpack"),
        "{unknown}"
    );

    register_serializer("backwards", Arc::new(Backwards));
    let codec = core(&config);
    let sent = message! { "type": "a" };
    assert!(codec.encode(&sent, None, NOW).unwrap().ends_with(&[0x81]));
    let bytes = codec.encode(&sent, Some(To::Members(&["a!b", "c"])), NOW).unwrap();
    let (message, recipients) = codec.decode(bytes.into(), NOW).unwrap();
    assert_eq!((message, recipients.iter().collect()), (sent, vec!["a!b", "c"]));
    assert_eq!(refused(&config, b"x".as_slice()), "not a message backwards");
}

#[test]
fn settings_are_checked() {
    let long = RedisConfig::default().with_random_prefix_length(256);
    let empty = RedisConfig::default().with_symmetric_encryption_keys(["good", ""]);
    for (config, setting) in [(&long, "random_prefix_length"), (&empty, "symmetric_encryption_keys")] {
        let error = Codec::new(config, Layout::Core).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(setting), "{error}");
    }
    // Not a setting of pub/sub.
    assert!(Codec::new(&long, Layout::PubSub).is_ok());
}

#[test]
fn keys_rotate() {
    let [old, both, new] =
        [&["old"][..], &["new", "old"], &["new"]].map(|keys| bare().with_symmetric_encryption_keys(keys.to_vec()));
    let sent = message! { "type": "secret" };
    let by_old = core(&old).encode(&sent, None, NOW).unwrap();
    let by_both = core(&both).encode(&sent, None, NOW).unwrap();
    assert_eq!(read(&both, by_old.clone()).unwrap(), sent);
    assert_eq!(read(&new, by_both.clone()).unwrap(), sent);
    for (config, bytes) in [(&old, by_both), (&new, by_old)] {
        let text = refused(config, bytes);
        assert!(text.contains("1 symmetric_encryption_keys"), "{text}");
    }
}

#[test]
fn broken_tokens_are_refused_without_a_word_of_them() {
    let config = bare().with_symmetric_encryption_keys(["secret-key"]);
    let token = core(&config).encode(&message! { "type": "a" }, None, NOW).unwrap();
    let mut cases: Vec<Vec<u8>> = (0..token.len()).map(|cut| token[..cut].to_vec()).collect();
    for at in 0..token.len() - 2 {
        let mut changed = token.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        cases.push(changed);
    }
    // The last time there is, and bytes that are no text.
    cases.push([b"gP__________", &token[12..]].concat());
    cases.push(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec());
    cases.push(b"{\"type\": \"plain-content\"}".to_vec());
    for case in cases {
        // A token less its padding is still whole.
        if case.starts_with(token.trim_ascii_end().split(|&c| c == b'=').next().unwrap()) {
            continue;
        }
        let text = refused(&config, case.clone());
        assert!(["keys", "clock"].iter().any(|word| text.contains(word)), "{text}");
        assert!(!text.contains("secret-key") && !text.contains("plain-content"), "{text}");
        assert!(Codec::new(&config, Layout::PubSub).unwrap().decode(case.into(), NOW).is_err());
    }
}

#[test]
fn secrets_are_not_shown() {
    let codec = core(&RedisConfig::default().with_symmetric_encryption_keys(["hunter2"]));
    let shown = format!("{codec:?}");
    assert!(shown.contains("1 keys") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn messages_without_a_prefix_are_told_from_others() {
    let text = refused(&RedisConfig::default(), b"\x81\xa1a\x01".as_slice());
    assert!(text.contains("random_prefix_length"), "{text}");
}

#[test]
fn prefixes_rise_and_keep_equal_messages_apart() {
    for length in [1, 2, 12, 255] {
        let codec = core(&RedisConfig::default().with_random_prefix_length(length));
        // A time at which few bytes do not wrap, and which then steps back.
        let write = |ticks: u64| codec.encode(&message! {}, None, Duration::from_micros(ticks << 16)).unwrap();
        let written = [1, 1, 1, 0].map(write);
        assert!(written.iter().all(|bytes| bytes.len() == length + 1));
        assert!(written.is_sorted_by(|a, b| a < b), "{length}: {written:?}");
    }
}
