//! Properties of the codecs: reading never panics and never reserves more than its input justifies; what is written is
//! read back; serde's own JSON and MessagePack agree.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use channel_layers::Message;
use channel_layers::protocol::{
    ClientFrame, Encoding, ErrorCode, GroupCode, Joined, MAX_DEPTH, Map, Recover, ServerFrame, Target, Value, Welcome,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Measures what the current thread has allocated at its peak, so that a property can bound it.
struct Measured;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Measured = Measured;

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Measured {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(change: isize) {
    // A thread that ends may free after its counters are gone.
    let _ = NOW.try_with(|now| {
        now.set(now.get() + change);
        PEAK.with(|peak| peak.set(peak.get().max(now.get())));
    });
}

/// The peak of what `run` allocates, in bytes.
fn peak_of<T>(run: impl FnOnce() -> T) -> usize {
    let before = NOW.get();
    PEAK.set(before);
    drop(run());
    usize::try_from(PEAK.get() - before).unwrap_or_default()
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has none", |f| f.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        vec(any::<u8>(), 0..40).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![vec(inner.clone(), 0..8).prop_map(Value::List), entries(inner).prop_map(Value::Map)]
    })
}

fn entries(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map> {
    // A map of the one key "$bytes" is how JSON writes a byte string.
    btree_map(any::<String>().prop_filter("reserved", |key| key != "$bytes"), value, 0..8)
        .prop_map(|map| map.into_iter().collect())
}

fn message() -> impl Strategy<Value = Message> {
    (entries(value()), any::<bool>()).prop_map(|(map, json)| {
        let message = Message::try_from(map).unwrap();
        if json { Message::from_json(message.json().clone()).unwrap() } else { message }
    })
}

fn position() -> impl Strategy<Value = Option<Recover>> {
    proptest::option::of((any::<String>(), any::<u64>()).prop_map(|(epoch, offset)| Recover { epoch, offset }))
}

fn client_frame() -> impl Strategy<Value = ClientFrame> {
    let id = || 1..u64::MAX;
    let maybe_id = || proptest::option::of(id());
    prop_oneof![
        (id(), any::<Option<String>>(), any::<Option<String>>()).prop_map(|(id, token, client)| ClientFrame::Connect {
            id,
            token,
            client
        }),
        (id(), any::<String>(), position()).prop_map(|(id, group, recover)| ClientFrame::GroupAdd {
            id,
            group,
            recover
        }),
        (id(), any::<String>()).prop_map(|(id, group)| ClientFrame::GroupDiscard { id, group }),
        (maybe_id(), any::<String>(), message()).prop_map(|(id, group, message)| ClientFrame::GroupSend {
            id,
            group,
            message
        }),
        (maybe_id(), any::<String>(), message()).prop_map(|(id, channel, message)| ClientFrame::Send {
            id,
            channel,
            message
        }),
        (id(), any::<String>()).prop_map(|(id, token)| ClientFrame::Refresh { id, token }),
        Just(ClientFrame::Pong),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        "[a-zA-Z0-9._-]{1,99}".prop_map(|name| Target::Group(name.parse().unwrap())),
        "[a-zA-Z0-9._-]{1,40}![a-zA-Z0-9._-]{0,40}".prop_map(|name| Target::Channel(name.parse().unwrap())),
    ]
}

fn millis() -> impl Strategy<Value = std::time::Duration> {
    (0..u64::from(u32::MAX)).prop_map(std::time::Duration::from_millis)
}

fn joined() -> impl Strategy<Value = Joined> {
    (any::<String>(), any::<u64>(), any::<bool>(), vec((message(), any::<u64>()), 0..4))
        .prop_map(|(epoch, offset, recovered, messages)| Joined { epoch, offset, recovered, messages })
}

fn server_frame() -> impl Strategy<Value = ServerFrame> {
    let group = || "[a-z.]{1,20}".prop_map(|name| name.parse().unwrap());
    prop_oneof![
        (
            1..u64::MAX,
            any::<Option<String>>(),
            vec(group(), 0..4),
            millis(),
            millis(),
            proptest::option::of(millis()),
            any::<u64>()
        )
            .prop_map(|(id, user, groups, ping, pong, expires, frame_limit)| {
                let channel = "gateway.x!y".parse().unwrap();
                let version = "0.1.0".into();
                ServerFrame::Welcome(Welcome {
                    id,
                    channel,
                    user,
                    groups,
                    ping,
                    pong,
                    expires,
                    frame_limit,
                    group_limit: 5,
                    version,
                })
            }),
        (1..u64::MAX, proptest::option::of(group()), proptest::option::of(joined()), proptest::option::of(millis()))
            .prop_map(|(id, group, joined, expires)| ServerFrame::Ok { id, group, joined, expires }),
        (
            proptest::option::of(1..u64::MAX),
            any::<u16>(),
            any::<String>(),
            any::<bool>(),
            proptest::option::of(millis())
        )
            .prop_map(|(id, code, reason, temporary, retry_after)| ServerFrame::Error {
                id,
                code: ErrorCode(code),
                reason,
                temporary,
                retry_after
            }),
        (target(), message(), any::<Option<u64>>()).prop_map(|(target, message, offset)| ServerFrame::Message {
            target,
            message,
            offset
        }),
        (group(), any::<u16>(), any::<String>()).prop_map(|(group, code, reason)| ServerFrame::GroupDiscarded {
            group,
            code: GroupCode(code),
            reason
        }),
        Just(ServerFrame::Ping),
    ]
}

fn encoding() -> impl Strategy<Value = Encoding> {
    prop_oneof![Just(Encoding::Json), Just(Encoding::Msgpack)]
}

/// Bytes that look enough like a frame to get past the first check: a real one, cut, spliced or changed.
fn damaged_frame() -> impl Strategy<Value = (Encoding, Bytes)> {
    (client_frame(), encoding(), vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), any::<prop::sample::Index>())
        .prop_map(|(frame, encoding, changes, cut)| {
            let mut bytes = frame.encode(encoding).to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            (encoding, bytes.into())
        })
}

proptest! {
    #[test]
    fn a_client_frame_is_read_as_it_was_written(frame in client_frame(), encoding in encoding()) {
        prop_assert_eq!(ClientFrame::decode(encoding, &frame.encode(encoding)), Ok(frame));
    }

    #[test]
    fn a_server_frame_is_read_as_it_was_written(frame in server_frame(), encoding in encoding()) {
        prop_assert_eq!(ServerFrame::decode(encoding, &frame.encode(encoding)), Ok(Some(frame)));
    }

    #[test]
    fn a_message_stands_between_its_head_and_a_brace(target in target(), message in message()) {
        let head = match &target {
            Target::Group(group) => ServerFrame::message_head(group.as_str(), false),
            Target::Channel(channel) => ServerFrame::message_head(channel.as_str(), true),
        };
        let whole = [head.as_bytes(), message.json(), b"}"].concat();
        let frame = ServerFrame::Message { target, message, offset: None };
        prop_assert_eq!(&frame.encode(Encoding::Json)[..], &whole[..]);
    }

    #[test]
    fn a_message_survives_every_way_around(map in entries(value())) {
        let message = Message::try_from(map.clone()).unwrap();
        prop_assert_eq!(&message.to_map(), &map);
        let json = Message::from_json(message.json().clone()).unwrap();
        prop_assert_eq!(&json.to_map(), &map);
        prop_assert_eq!(json.msgpack(), message.msgpack());
    }

    #[test]
    fn serde_agrees(map in entries(value())) {
        let message = Message::try_from(map.clone()).unwrap();
        let theirs = rmp_serde::to_vec(&map).unwrap();
        prop_assert_eq!(&theirs[..], &message.msgpack()[..]);
        let back: Map = rmp_serde::from_slice(message.msgpack()).unwrap();
        prop_assert_eq!(&back, &map);
        serde_json::from_slice::<serde_json::Value>(message.json()).unwrap();
    }

    #[test]
    fn serde_json_text_is_a_message(map in entries(value())) {
        let plain = serde_json::to_value(&map).unwrap();
        let text = serde_json::to_string(&plain).unwrap();
        let message = Message::from_json(text).unwrap();
        prop_assert_eq!(serde_json::to_value(message.to_map()).unwrap(), plain);
    }

    #[test]
    fn the_sender_is_what_the_gateway_says(message in message(), user in any::<Option<String>>()) {
        let stamped = message.with_sender(user.as_deref());
        prop_assert_eq!(stamped.get("sender"), user.map(Value::from));
        let mut wanted = message.to_map();
        wanted.remove("sender");
        let mut rest = stamped.to_map();
        rest.remove("sender");
        prop_assert_eq!(rest, wanted);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..300), encoding in encoding()) {
        let bytes = Bytes::from(bytes);
        let _ = ClientFrame::decode(encoding, &bytes);
        let _ = ServerFrame::decode(encoding, &bytes);
        if let Ok(message) = Message::from_bytes(encoding, bytes) {
            let _ = (message.to_map(), message.kind(), message.json().len(), message.msgpack().len());
        }
    }

    #[test]
    fn no_damaged_frame_makes_a_reader_panic((encoding, bytes) in damaged_frame()) {
        let _ = ServerFrame::decode(encoding, &bytes);
        if let Ok(ClientFrame::GroupSend { message, .. } | ClientFrame::Send { message, .. }) =
            ClientFrame::decode(encoding, &bytes)
        {
            let _ = (message.to_map(), message.with_sender(Some("x")), message.json().len(), message.msgpack().len());
        }
    }

    #[test]
    fn reading_a_frame_allocates_in_proportion((encoding, bytes) in damaged_frame()) {
        let peak = peak_of(|| ClientFrame::decode(encoding, &bytes).is_ok());
        prop_assert!(peak <= 1024 + 4 * bytes.len(), "{peak} bytes for a frame of {}", bytes.len());
    }
}

/// Headers that promise much more than follows reserve nothing for it.
#[test]
fn a_promise_of_four_billion_entries_reserves_nothing() {
    for marker in [0xdb, 0xc6, 0xdd, 0xdf] {
        let bytes =
            Bytes::copy_from_slice(&[0x82, 0xa2, b'o', b'p', 0xa1, b'x', 0xa1, b'y', marker, 255, 255, 255, 255]);
        let peak = peak_of(|| ClientFrame::decode(Encoding::Msgpack, &bytes).is_err());
        assert!(peak < 1024, "{peak} bytes for marker {marker:#x}");
    }
}

/// The densest trees stay within a constant factor of their bytes.
#[test]
fn a_tree_allocates_in_proportion() {
    const LEN: usize = 100_000;
    let nils = [&[0xdd][..], &u32::try_from(LEN).unwrap().to_be_bytes(), &[0xc0; LEN]].concat();
    let list = [&[0x81, 0xa1, b'a'][..], &nils].concat();
    let message = Message::from_msgpack(list).unwrap();
    let peak = peak_of(|| message.to_map());
    // A vector that doubles holds its old half while it grows.
    assert!(peak <= 3 * 2 * size_of::<Value>() * LEN, "{peak} bytes for {LEN}");
}

/// A message of very many equal keys costs no quadratic time: this ends at once, or never.
#[test]
fn many_equal_keys_are_read_in_time() {
    let text = format!("{{{}\"a\":1}}", "\"a\":0,".repeat(150_000));
    let message = Message::from_json(text).unwrap();
    assert_eq!(message.to_map().get("a"), Some(&Value::Int(1)));
    assert_eq!(message.to_map().len(), 1);
}

#[test]
fn nesting_is_limited_alike_everywhere() {
    let nest = |depth: usize| (1..depth).fold(Map::new(), |inner, _| Map::from_iter([("a", inner)]));
    let deepest = Message::try_from(nest(MAX_DEPTH)).unwrap();
    assert!(Message::from_json(deepest.json().clone()).is_ok());
    assert!(Message::try_from(nest(MAX_DEPTH + 1)).is_err());
    let frame = ClientFrame::GroupSend { id: None, group: "g".into(), message: deepest.clone() };
    for encoding in Encoding::ALL {
        assert_eq!(ClientFrame::decode(encoding, &frame.encode(encoding)), Ok(frame.clone()));
        let deeper = [&b"{\"a\":"[..], deepest.json(), b"}"].concat();
        assert!(Message::from_json(deeper).is_err());
    }
}

#[test]
fn half_a_surrogate_pair_reads_as_the_replacement_character() {
    let message = Message::from_json(r#"{"a":"x\ud83d","b":"\ude00y","c":"\ud83d\ude00","d":"\ud83d\u0041"}"#).unwrap();
    let text = |key| message.get(key).and_then(|value| value.as_str().map(str::to_owned)).unwrap();
    assert_eq!((text("a"), text("b")), ("x\u{fffd}".into(), "\u{fffd}y".into()));
    assert_eq!((text("c"), text("d")), ("😀".into(), "\u{fffd}A".into()));
}

#[test]
fn the_type_that_counts_is_the_last_one_in_any_spelling() {
    let message = Message::from_json(r#"{"type":"chat.message","\u0074ype":"websocket.close"}"#).unwrap();
    assert_eq!(message.kind().as_deref(), Some("websocket.close"));
}
