//! What is said in frames that are whole: lies about structure, and names and types that are not the client's to use.

use channel_layers::gateway::GatewayConfig;
use channel_layers::layer::ChannelLayer;
use serde_json::{Value, json};

use super::arena::Arena;
use crate::support::raw::{BINARY, CLOSE, Raw, TEXT, frame};

/// A client that speaks MessagePack.
async fn packed(arena: &Arena) -> Raw {
    let mut raw = Raw::open(arena.server.address, &["channel-layers.v1.msgpack"]).await;
    raw.frame(true, BINARY, b"\x82\xa2op\xa7connect\xa2id\x01").await;
    assert_eq!(raw.next().await.unwrap().opcode, BINARY);
    raw
}

/// A frame of MessagePack that sends this value as its message.
fn sends(message: &[u8]) -> Vec<u8> {
    [b"\x84\xa2op\xaagroup_send\xa2id\x07\xa5group\xa1g\xa7message", message].concat()
}

#[tokio::test]
async fn structures_that_are_lies_are_4500() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let nested = |open: &str, close: &str| open.repeat(10_000) + "1" + &close.repeat(10_000);
    let deep = format!(r#"{{"op":"group_send","group":"g","message":{{"a":{}}}}}"#, nested("[", "]"));
    let texts = [
        ("lists 10,000 deep", deep.clone()),
        ("maps 10,000 deep", deep.replace('[', r#"{"a":"#).replace(']', "}")[..].to_owned()),
        ("deep where it is not looked at", format!(r#"{{"op":"pong","x":{}}}"#, nested("[", "]"))),
        ("only opening", "[".repeat(60_000)),
        ("a number of 60,000 digits that ends in none", format!(r#"{{"op":"pong","id":{}e}}"#, "9".repeat(60_000))),
    ];
    for (what, text) in &texts {
        let mut raw = arena.attacker().await;
        raw.text(text).await;

        assert_eq!(raw.closed().await.0, 4500, "{what}");
        arena.serves().await;
    }
    let many = 0xffff_ffff_u32.to_be_bytes();
    let bombs = [
        ("a list of 2^32 values", sends(&[b"\x81\xa1a\xdd", &many[..]].concat())),
        ("a map of 2^32 entries", sends(&[b"\xdf", &many[..]].concat())),
        ("text of 2^32 bytes", sends(&[b"\x81\xa1a\xdb", &many[..], b"x"].concat())),
        ("bytes of 2^32 bytes", sends(&[b"\x81\xa1a\xc6", &many[..], b"x"].concat())),
        ("lists of 2^32 lists", sends(&[b"\x81\xa1a".to_vec(), [&b"\xdd"[..], &many].concat().repeat(5000)].concat())),
        ("lists 10,000 deep", sends(&[b"\x81\xa1a".to_vec(), vec![0x91; 10_000], vec![0xc0]].concat())),
        ("an extension", sends(b"\x81\xa1a\xd4\x01\x02")),
        ("text that is no UTF-8", sends(b"\x81\xa1a\xa1\xff")),
        ("a key that is no text", sends(b"\x81\x01\x02")),
        ("a code that does not exist", sends(b"\x81\xa1a\xc1")),
        ("something behind the end", sends(b"\x80\x80")),
    ];
    for (what, bytes) in &bombs {
        let mut raw = packed(&arena).await;
        raw.frame(true, BINARY, bytes).await;

        assert_eq!(raw.closed().await.0, 4500, "{what}");
        arena.serves().await;
    }
    arena.closed(4500, (texts.len() + bombs.len()) as u64).await;
}

/// Whatever a message says of itself, by whatever spelling, whoever looks at it sees what was checked.
#[tokio::test]
async fn keys_that_come_twice_or_in_disguise_deceive_nobody() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let (mut attacker, mut member) = (arena.attacker().await, arena.server.join("g").await);
    for (message, code) in [
        (r#"{"type":"chat","type":"websocket.close"}"#, 112),
        (r#"{"type":"chat","\u0074ype":"_private"}"#, 112),
        (r#"{"type":"\u0077ebsocket.close"}"#, 112),
        (r#"{"type":{"$bytes":"d2Vic29ja2V0LmNsb3Nl"}}"#, 106),
        (r#"{"type":["websocket.close"]}"#, 106),
    ] {
        attacker.text(&format!(r#"{{"op":"group_send","id":1,"group":"g","message":{message}}}"#)).await;
        assert_eq!(attacker.json().await["code"], code, "{message}");
    }
    let forged =
        r#"{"op":"group_send","group":"other","message":{"sender":"ann","n":1,"\u0073ender":"bob"},"group":"g"}"#;
    attacker.text(forged).await;
    assert_eq!(member.next().await["message"], json!({"n": 1}), "nobody's name stays");
    let mut raw = packed(&arena).await;
    raw.frame(true, BINARY, &sends(b"\x82\xa6sender\xa3ann\xa4type\xa1t")).await;
    assert_eq!(member.next().await["message"], json!({"type": "t"}));
    // What would be a byte string anywhere else is a map like any other here, to every reader.
    attacker.text(r#"{"op":"group_send","group":"g","message":{"$bytes":"aGk="}}"#).await;
    assert_eq!(member.next().await["message"], json!({"$bytes": "aGk="}));
    drop((attacker, member, raw));
    arena.alone().await;
}

#[tokio::test]
async fn names_and_types_of_the_servers_are_refused_in_few_words() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let mut client = arena.server.connect().await;
    let long = "x".repeat(60_000);
    let group = |name: &str| json!({"op": "group_add", "group": name});
    let to = |name: &str| json!({"op": "send", "channel": name, "message": {}});
    let typed = |kind: &str| json!({"op": "group_send", "group": "g", "message": {"type": kind}});
    let attacks = [
        (group("a!b"), 102),
        (group("*"), 102),
        (group("a\0b"), 102),
        (group("a\r\nb"), 102),
        (group("../../etc"), 102),
        (group("gruppe-ä"), 102),
        (group("а"), 102),
        (group(&"g".repeat(100)), 102),
        (group(&long), 102),
        (group("_gateway.control"), 103),
        (to("a!b!c"), 102),
        (to("!"), 102),
        (to(&long), 102),
        (typed("_gateway.disconnect"), 112),
        (typed("websocket.close"), 112),
        (typed("close"), 112),
        (typed("send.json"), 112),
        (typed(&format!("_{long}")), 112),
        (json!({"op": long}), 104),
        (json!({"op": "group_send", "group": "g", "message": {"__asgi_channel__": "specific.a!b"}}), 0),
    ];
    for (frame, code) in &attacks {
        let answer = client.ask(frame.clone()).await;
        assert_eq!(answer["code"].as_u64().unwrap_or(0), *code, "{answer}");
        assert!(answer.to_string().len() < 1000, "{} bytes of answer", answer.to_string().len());
    }
    for code in [102, 103, 104, 112] {
        let times = attacks.iter().filter(|attack| attack.1 == code).count() as u64;
        assert_eq!(arena.stats().rejections[&u16::try_from(code).unwrap()], times, "{code}");
    }
    drop(client);
    arena.alone().await;
}

#[tokio::test]
async fn joining_without_end_stays_in_bounds() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let mut client = arena.server.connect().await;
    for n in 0..300 {
        let join = json!({"op": "group_add", "group": format!("{n:0>99}")});
        match n {
            0..128 => client.ok(join).await,
            _ => assert_eq!(client.refused(join).await, 105),
        }
    }
    let turn = |n: usize| {
        let op = if n.is_multiple_of(2) { "group_discard" } else { "group_add" };
        frame(true, TEXT, json!({"op": op, "id": n + 1, "group": format!("{:0>99}", 0)}).to_string().as_bytes())
    };
    client.raw.bytes(&(0..4000).flat_map(turn).collect::<Vec<_>>()).await;
    let mut waits = 0;
    let code = loop {
        let frame = client.raw.next().await.expect("a close frame comes first");
        match frame.opcode {
            CLOSE => break u16::from_be_bytes([frame.payload[0], frame.payload[1]]),
            _ => waits += u64::from(serde_json::from_slice::<Value>(&frame.payload).unwrap()["code"] == 110),
        }
    };
    assert_eq!((code, waits > 900), (4005, true), "{waits} were told to wait");
    drop(client);
    arena.closed(4005, 1).await;
    assert_eq!(arena.stats().rejections[&105], 300 - 128);
    assert_eq!(arena.stats().rejections[&110], waits);
}

/// A message to a channel that nobody reads waits in bounds, whoever sends how much.
#[tokio::test]
async fn channels_that_nobody_reads_fill_up_to_their_bound() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let mut client = arena.server.connect().await;
    let mut full = 0;
    for _ in 0..200 {
        let answer = client.ask(json!({"op": "send", "channel": "nobody", "message": {"type": "x"}})).await;
        full += usize::from(answer["code"] == json!(108));
    }
    assert_eq!(full, 100);
    drop(client);
    arena.alone().await;
    arena.server.gateway.layer().flush().await.unwrap();
}
