//! Requests that are too much, that contradict themselves, or that name what they should not.

use channel_layers::gateway::GatewayConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::arena::Arena;
use crate::support::raw::{Raw, request};
use crate::support::within;

const POST: &str = "POST /api/groups/bystanders/messages HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n";

/// Sends bytes and reads until the gateway hangs up, or has answered and waits.
async fn answer(arena: &Arena, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(arena.server.address).await.unwrap();
    // It may hang up before it has taken everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = within("the gateway hangs up", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).map(|line| &line[..3]).collect()
}

#[tokio::test]
async fn heads_without_measure_are_refused() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let get = |headers: &str| format!("GET /healthz HTTP/1.1\r\nHost: g\r\n{headers}\r\n");
    let attacks = [
        ("a header of 17 KiB", get(&format!("X: {}\r\n", "x".repeat(17 << 10))), "431"),
        ("1,000 headers", get(&"X: y\r\n".repeat(1000)), "431"),
        ("the same for a WebSocket", request(&"X: y\r\n".repeat(1000)), "431"),
        ("a megabyte of them", get(&"X: y\r\n".repeat(170_000)), "431"),
        ("a path of 20 KB", get("").replace("/healthz", &format!("/{}", "x".repeat(20_000))), "431"),
        ("a method of its own", get("").replace("GET", "BREW"), "405"),
        ("no version", "GET /healthz\r\n\r\n".to_owned(), "400"),
        ("a later version", get("").replace("1.1", "3.0"), "400"),
        ("a NUL", get("X: a\0b\r\n"), "400"),
        ("a line feed in a name", get("X\ny: z\r\n"), "400"),
        ("TLS where there is none", "\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03\r\n\r\n".to_owned(), "400"),
    ];
    for (what, bytes, status) in &attacks {
        let answer = answer(&arena, bytes.as_bytes()).await;
        assert_eq!(statuses(&answer), [*status], "{what}: {answer}");
        arena.serves().await;
    }
    let mut raw = Raw::handshake(arena.server.address, &get("")).await;
    assert_eq!(raw.body().await, "ok\n");
    arena.alone().await;
}

/// A request that two servers would end at different places, so that one of them takes the rest for another request. Only one
/// reading exists here, and where it is not sure the connection ends.
#[tokio::test]
async fn requests_end_at_one_place() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n";
    let attacks: [(&str, String, &[&str]); 9] = [
        ("two lengths", format!("{POST}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{{}}{smuggled}"), &["400"]),
        ("a signed length", format!("{POST}Content-Length: +2\r\n\r\n{{}}{smuggled}"), &["400"]),
        ("a list of lengths", format!("{POST}Content-Length: 2, 40\r\n\r\n{{}}{smuggled}"), &["400"]),
        (
            "a length and chunks",
            format!("{POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
            &["202"],
        ),
        (
            "chunks and a length",
            format!("{POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
            &["202"],
        ),
        ("chunks that are not last", format!("{POST}Transfer-Encoding: chunked, identity\r\n\r\n{smuggled}"), &["400"]),
        ("an unknown coding", format!("{POST}Transfer-Encoding: xchunked\r\n\r\n{smuggled}"), &["400"]),
        ("a chunk without a size", format!("{POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n{smuggled}"), &["413"]),
        ("a chunk of 2^64 bytes", format!("{POST}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n"), &["413"]),
    ];
    for (what, bytes, expected) in &attacks {
        let answer = answer(&arena, bytes.as_bytes()).await;
        assert_eq!(statuses(&answer), *expected, "{what}: {answer}");
    }
    arena.alone().await;
}

#[tokio::test]
async fn bodies_without_measure_are_refused() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let with_length = |length: u64, body: &str| format!("{POST}Content-Length: {length}\r\n\r\n{body}");
    let chunked = format!("{POST}Transfer-Encoding: chunked\r\n\r\n{}", "1\r\n \r\n".repeat(100_000));
    let long = "x".repeat(70_000);
    for (what, bytes, status, code) in [
        ("10^18 bytes declared", with_length(10u64.pow(18), &long), "413", 109),
        ("chunks without end", chunked, "413", 109),
        (
            "nested 10,000 deep",
            with_length(20_006, &format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000))),
            "400",
            106,
        ),
        ("less than was declared", with_length(100, "{}"), "413", 109),
    ] {
        let answer = answer(&arena, bytes.as_bytes()).await;
        assert_eq!(statuses(&answer)[..], [status], "{what}: {answer}");
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["code"], code, "{what}");
        arena.serves().await;
    }
    assert_eq!(arena.stats().rejections[&109], 3);
    arena.alone().await;
}

#[tokio::test]
async fn names_in_paths_lead_nowhere_else() {
    let mut arena = Arena::new(GatewayConfig::default()).await;
    let long = "a".repeat(10_000);
    for (name, status, code) in [
        ("..%2f..%2fchannels%2fx", "400", Some(102)),
        ("..%2F", "400", Some(102)),
        ("%2e%2e", "202", None),
        ("../..", "404", None),
        ("%00", "400", Some(102)),
        ("a%0d%0aSet-Cookie:%20x", "400", Some(102)),
        ("%ff%fe", "400", Some(102)),
        ("%C0%AF", "400", Some(102)),
        ("a%25b", "400", Some(102)),
        ("specific.x!y", "400", Some(102)),
        ("%E2%80%AEabc", "400", Some(102)),
        ("chat.*", "400", Some(102)),
        ("_gateway.control", "403", Some(103)),
        ("%5fgateway%2econtrol", "403", Some(103)),
        (&long, "400", Some(102)),
    ] {
        let post = POST.replace("bystanders", name);
        let answer = answer(&arena, format!("{post}Content-Length: 2\r\n\r\n{{}}").as_bytes()).await;
        assert_eq!(statuses(&answer), [status], "{name}: {answer}");
        assert!(answer.len() < 1000, "{} bytes for {name}", answer.len());
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        if let Some(code) = code {
            assert_eq!(serde_json::from_str::<Value>(body).unwrap()["code"], json!(code), "{name}: {body}");
        }
    }
    arena.alone().await;
}
