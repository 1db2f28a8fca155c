//! Recipients in messages, prefixes and encryption, by their own laws.

use std::time::Duration;

use bytes::Bytes;

use crate::layer::redis::RedisConfig;
use crate::layer::redis::wire::codec::{Codec, Layout};
use crate::layer::redis::wire::envelope::To;
use crate::{ErrorKind, Message, message};

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn core(config: &RedisConfig) -> Codec {
    Codec::new(config, Layout::Core).unwrap()
}

#[test]
fn recipients_come_back_and_leave_the_message() {
    for format in ["msgpack", "json"] {
        let codec = core(&RedisConfig::default().with_serializer_format(format));
        let sent = message! { "type": "chat.message", "n": 1 };
        for (to, names) in [
            (To::Channel("a!b"), vec!["a!b"]),
            (To::Members(&["a!b", "a!c"]), vec!["a!b", "a!c"]),
            (To::Members(&[]), vec![]),
        ] {
            let bytes = codec.encode(&sent, Some(to), NOW).unwrap();
            let (message, recipients) = codec.decode(bytes.into(), NOW).unwrap();
            assert_eq!(message, sent);
            assert_eq!(recipients.iter().collect::<Vec<_>>(), names);
        }
        let (message, recipients) = codec.decode(codec.encode(&sent, None, NOW).unwrap().into(), NOW).unwrap();
        assert_eq!(message, sent);
        assert!(recipients.is_empty());
    }
}

#[test]
fn the_layers_key_is_refused_by_send_and_replaced_by_group_send() {
    for format in ["msgpack", "json"] {
        let codec = core(&RedisConfig::default().with_serializer_format(format));
        let sent = message! { "__asgi_channel__": "forged", "type": "a" };
        for to in [None, Some(To::Channel("a!b"))] {
            let refused = codec.encode(&sent, to, NOW).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidMessage);
            assert!(refused.to_string().contains("__asgi_channel__"));
        }
        let bytes = codec.encode(&sent, Some(To::Members(&["a!b"])), NOW).unwrap();
        let (message, recipients) = codec.decode(bytes.into(), NOW).unwrap();
        assert_eq!((message, recipients.iter().collect()), (message! { "type": "a" }, vec!["a!b"]));
    }
}

#[test]
fn an_entry_is_taken_out_wherever_it_stands() {
    let codec = core(&RedisConfig::default().with_random_prefix_length(0));
    let read = |json: &str| {
        let sent = Message::from_json(json.to_owned()).unwrap();
        let (message, recipients) = codec.decode(Bytes::copy_from_slice(sent.msgpack()), NOW).unwrap();
        // Bytes that are shared are not changed in place.
        let (again, _) = codec.decode(sent.msgpack().clone(), NOW).unwrap();
        assert_eq!(again.msgpack(), message.msgpack());
        assert!(Message::from_msgpack(sent.msgpack().clone()).unwrap().get("__asgi_channel__").is_some());
        (String::from_utf8(message.json().to_vec()).unwrap(), recipients.iter().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(read(r#"{"__asgi_channel__":"a","n":1}"#), (r#"{"n":1}"#.into(), vec!["a".into()]));
    assert_eq!(read(r#"{"m":0,"__asgi_channel__":["a","b"],"n":1}"#).0, r#"{"m":0,"n":1}"#);
    let twice = r#"{"__asgi_channel__":"a","n":1,"__asgi_channel__":"b"}"#;
    assert_eq!(read(twice), (r#"{"n":1}"#.into(), vec!["b".into()]));
    assert_eq!(read(r#"{"__asgi_channel__":"a"}"#), ("{}".into(), vec!["a".into()]));
}

fn entries(count: usize) -> Message {
    let entries: Vec<_> = (0..count).map(|n| format!("\"{n:x}\":{n}")).collect();
    Message::from_json(format!("{{{}}}", entries.join(","))).unwrap()
}

#[test]
fn headers_grow_and_shrink_with_the_entry() {
    let codec = core(&RedisConfig::default().with_random_prefix_length(0));
    for (count, header) in [
        (0, &[0x81][..]),
        (14, &[0x8f]),
        (15, &[0xde, 0, 16]),
        (16, &[0xde, 0, 17]),
        (65_534, &[0xde, 0xff, 0xff]),
        (65_535, &[0xdf, 0, 1, 0, 0]),
    ] {
        let sent = entries(count);
        let bytes = codec.encode(&sent, Some(To::Channel("a!b")), NOW).unwrap();
        assert!(bytes.starts_with(header), "{count} entries");
        let (message, recipients) = codec.decode(bytes.into(), NOW).unwrap();
        assert_eq!(message.json(), sent.json(), "{count} entries");
        assert_eq!(recipients.iter().collect::<Vec<_>>(), ["a!b"]);
    }
}

#[test]
fn a_message_stays_where_it_came_unless_its_recipients_are_the_larger_part() {
    let codec = core(&RedisConfig::default());
    let sent = entries(10);
    for (count, stays) in [(1, true), (100, false)] {
        let names = vec!["a!b"; count];
        let bytes = codec.encode(&sent, Some(To::Members(&names)), NOW).unwrap();
        let place = bytes.as_ptr_range();
        let (message, recipients) = codec.decode(bytes.into(), NOW).unwrap();
        assert_eq!(message, sent);
        assert_eq!(recipients.iter().count(), count);
        assert_eq!(place.contains(&message.msgpack().as_ptr()), stays, "{count} recipients");
    }
}
