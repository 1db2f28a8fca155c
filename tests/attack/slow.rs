//! Peers that take their time: to ask, to answer, to read, to go.

use std::time::Duration;

use channel_layers::gateway::GatewayConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::arena::Arena;
use crate::support::raw::{Raw, TEXT, frame, request};
use crate::support::within;

const SHORT: Duration = Duration::from_millis(300);

/// Sends bytes one by one for as long as the gateway listens, and says what it answered.
async fn dribble(mut stream: TcpStream, bytes: Vec<u8>) -> String {
    let mut answer = Vec::new();
    let mut bytes = bytes.into_iter();
    within("the gateway hangs up", async {
        loop {
            tokio::select! {
                read = stream.read_buf(&mut answer) => if !matches!(read, Ok(1..)) { break },
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    // Whether it goes out is seen by what is read.
                    if let Some(byte) = bytes.next() { let _ = stream.write_all(&[byte]).await; }
                }
            }
        }
    })
    .await;
    String::from_utf8(answer).unwrap()
}

/// All at once, since each takes the ten seconds that the gateway has patience for. The HTTP server's own deadlines are
/// fixed, so these take real time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_come_to_the_point_is_hung_up_on() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let long = request(&format!("X-Slow: {}\r\n", "x".repeat(10_000)));
    let post = "POST /api/groups/g/messages HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n";
    let get = "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n";
    let slow = |head: &str, rest: &str| (head.as_bytes().to_vec(), rest.repeat(2000).into_bytes());
    let attacks = [
        ("silence", slow("", ""), ""),
        ("a head that does not end", (Vec::new(), long.into_bytes()), ""),
        ("headers that do not end", slow("GET /ws HTTP/1.1\r\n", "X: y\r\n"), ""),
        ("a body that does not end", slow(&format!("{post}Content-Length: 2000\r\n\r\n"), " "), "HTTP/1.1 408 "),
        (
            "chunks that do not end",
            slow(&format!("{post}Transfer-Encoding: chunked\r\n\r\n"), "1\r\n \r\n"),
            "HTTP/1.1 408 ",
        ),
        ("a second request that does not come", slow(get, ""), "HTTP/1.1 200 "),
        ("a second request that does not end", slow(get, "GET /"), "HTTP/1.1 200 "),
    ];
    let mut dribbles = JoinSet::new();
    for (what, (head, rest), answer) in attacks {
        let mut stream = TcpStream::connect(arena.server.address).await.unwrap();
        stream.write_all(&head).await.unwrap();
        dribbles.spawn(async move { (what, answer, dribble(stream, rest).await) });
    }
    while !dribbles.is_empty() {
        arena.serves().await;
        let next = tokio::time::timeout(Duration::from_millis(20), dribbles.join_next()).await;
        if let Ok(Some(ended)) = next {
            let (what, expected, answer) = ended.unwrap();
            assert!(answer.starts_with(expected) && answer.is_empty() == expected.is_empty(), "{what}: {answer}");
        }
    }
    assert_eq!(arena.stats().accepted, 1, "the bystander");
    arena.alone().await;
}

#[tokio::test]
async fn who_does_not_connect_is_4501_however_busy() {
    let mut arena = Arena::new(GatewayConfig::default().with_connect_timeout(SHORT)).await;
    let connect = r#"{"op":"connect","id":1}"#;
    let fragments = [frame(false, TEXT, b"{"), frame(false, 0, b" ").repeat(100)].concat();
    for bytes in [vec![], frame(true, TEXT, connect.repeat(100).as_bytes()), fragments, vec![0x81, 0xfe]] {
        let raw = Raw::open(arena.server.address, &[]).await;
        let answer = tokio::spawn(dribble_frames(raw, bytes));
        arena.until("it is closed", |_| answer.is_finished()).await;
        assert_eq!(answer.await.unwrap(), 4501);
    }
    arena.closed(4501, 4).await;
}

/// Sends bytes one by one until the gateway closes; its code.
async fn dribble_frames(mut raw: Raw, bytes: Vec<u8>) -> u16 {
    for byte in bytes {
        raw.bytes(&[byte]).await;
        tokio::select! {
            closed = raw.closed() => return closed.0,
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
    raw.closed().await.0
}

/// The peer is gone and nobody says so: nothing comes, no close frame is answered, the stream does not end.
#[tokio::test]
async fn who_is_gone_without_a_word_is_4004_and_cut() {
    let config = GatewayConfig::default().with_ping(SHORT).with_pong(SHORT).with_close_timeout(SHORT);
    let mut arena = Arena::new(config).await;
    let mut gone = Vec::new();
    for half in [vec![], frame(true, TEXT, b"{}")[..4].to_vec(), frame(false, TEXT, b"{")] {
        let mut client = arena.server.join("left").await;
        client.raw.bytes(&half).await;
        gone.push(client);
    }
    arena.closed(4004, 3).await;
}

/// A member of many groups who reads nothing: above the bound it is closed, what waited is dropped, and those who read
/// have got everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_is_4003_and_holds_nothing() {
    let mut arena = Arena::new(GatewayConfig::default().with_outbound_bytes(100_000).with_close_timeout(SHORT)).await;
    let mut slow = arena.server.connect().await;
    let groups: Vec<_> = (0..100).map(|n| format!("g{n}")).collect();
    for group in &groups {
        slow.ok(json!({"op": "group_add", "group": group})).await;
    }
    let layer = arena.server.gateway.layer().clone();
    let flood = tokio::spawn(async move {
        let message = channel_layers::message! { "type": "news", "text": "x".repeat(10_000) };
        for group in groups.iter().cycle() {
            use channel_layers::layer::ChannelLayer;
            layer.group_send(&group.parse().unwrap(), message.clone()).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    arena.until("it is closed", |stats| stats.closes.get(&4003) == Some(&1)).await;
    arena.serves_during(flood).await;
    arena.closed(4003, 1).await;
    assert!(arena.stats().dropped_slow > 0);
}

/// Requests in a row of whose answers nothing is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_no_http_answers_is_hung_up_on() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(arena.server.address).await.unwrap();
    let requests = "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n".repeat(1000);
    let attack = tokio::spawn(async move { while stream.write_all(requests.as_bytes()).await.is_ok() {} });
    arena.until("it is hung up on", |_| attack.is_finished()).await;
    arena.alone().await;
}
