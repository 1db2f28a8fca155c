//! From HTTP to a WebSocket: what is accepted, what is refused, and which subprotocol is chosen.

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use tokio::net::TcpListener;

use crate::support::Server;
use crate::support::raw::{CLOSE, Raw, request};

const JSON: &str = "channel-layers.v1.json";
const MSGPACK: &str = "channel-layers.v1.msgpack";

async fn server() -> Server {
    Server::start(GatewayConfig::default()).await
}

fn subprotocol(raw: &Raw) -> Option<&str> {
    raw.head.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: "))
}

#[tokio::test]
async fn the_accept_key_is_that_of_the_specification() {
    let server = server().await;
    let raw = Raw::open(server.address, &[]).await;
    assert!(raw.head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{}", raw.head);
}

#[tokio::test]
async fn the_first_known_subprotocol_is_chosen() {
    let server = server().await;
    for (offered, chosen) in [
        (&[][..], None),
        (&[JSON], Some(JSON)),
        (&[MSGPACK, JSON], Some(MSGPACK)),
        (&[JSON, MSGPACK], Some(JSON)),
        (&["graphql-ws", MSGPACK], Some(MSGPACK)),
    ] {
        let raw = Raw::open(server.address, offered).await;
        assert_eq!(subprotocol(&raw), chosen, "{offered:?}");
    }
}

#[tokio::test]
async fn unknown_subprotocols_alone_are_closed_with_4506() {
    let server = server().await;
    let mut raw = Raw::open(server.address, &["graphql-ws", "channel-layers.v2.json"]).await;
    assert_eq!(subprotocol(&raw), None);
    assert_eq!(raw.closed().await.0, 4506);
}

#[tokio::test]
async fn a_client_that_offers_nothing_speaks_json() {
    let server = server().await;
    let mut raw = Raw::open(server.address, &[]).await;
    raw.text(r#"{"op":"connect","id":1}"#).await;
    assert_eq!(raw.json().await["op"], "welcome");
}

#[tokio::test]
async fn bytes_right_behind_the_handshake_are_not_lost() {
    let server = server().await;
    let connect = crate::support::raw::frame(true, 1, br#"{"op":"connect","id":1}"#);
    let mut bytes = request("").into_bytes();
    bytes.extend(connect);
    let mut raw = Raw::handshake_bytes(server.address, &bytes).await;
    assert_eq!(raw.json().await["op"], "welcome");
}

#[tokio::test]
async fn requests_that_are_no_handshake_are_refused() {
    let server = server().await;
    let good = request("");
    for (bad, status) in [
        (good.replace("GET", "POST"), 405),
        (good.replace("Upgrade: websocket\r\n", ""), 426),
        (good.replace("Connection: keep-alive, Upgrade\r\n", ""), 426),
        (good.replace("Version: 13", "Version: 8"), 426),
        (good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400),
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400),
        (good.replace("/ws", "/elsewhere"), 404),
    ] {
        let raw = Raw::handshake(server.address, &bad).await;
        assert!(raw.head.starts_with(&format!("HTTP/1.1 {status} ")), "{bad}\n{}", raw.head);
    }
}

#[tokio::test]
async fn header_values_are_compared_as_http_says() {
    let server = server().await;
    let odd = request("").replace("keep-alive, Upgrade", "foo,UPGRADE ,bar").replace("websocket", "WebSocket");
    let raw = Raw::handshake(server.address, &odd).await;
    assert!(raw.head.starts_with("HTTP/1.1 101 "), "{}", raw.head);
}

#[tokio::test]
async fn beyond_the_connection_limit_the_answer_is_503() {
    let server = Server::start(GatewayConfig::default().with_max_connections(2)).await;
    let (first, _second) = (server.connect().await, server.connect().await);
    let refused = Raw::handshake(server.address, &request("")).await;
    assert!(refused.head.starts_with("HTTP/1.1 503 "), "{}", refused.head);
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert_eq!(server.gateway.stats().refused, 1);
    // A place that was given up is free again.
    let mut first = first.raw;
    first.frame(true, CLOSE, b"").await;
    assert_eq!(first.next().await.unwrap().opcode, CLOSE);
    assert_eq!(first.next().await, None);
    crate::support::eventually("a free place", || server.gateway.stats().connections == 1).await;
    server.connect().await;
}

/// The stream that another HTTP server hands over is not the gateway's own, and carries a connection all the same.
#[tokio::test]
async fn the_router_works_in_an_application_that_axum_serves() {
    let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let application = tokio::spawn(axum::serve(listener, gateway.router()).into_future());
    let mut raw = Raw::open(address, &[]).await;
    raw.text(r#"{"op":"connect","id":1}"#).await;
    assert_eq!(raw.json().await["op"], "welcome");
    raw.text(r#"{"op":"group_add","id":2,"group":"g"}"#).await;
    assert_eq!(raw.json().await["op"], "ok");
    raw.text(r#"{"op":"group_send","group":"g","message":{"n":1}}"#).await;
    assert_eq!(raw.json().await["message"]["n"], 1);
    let (_, (code, _)) = tokio::join!(gateway.shutdown(), raw.closed());
    assert_eq!(code, 4000);
    // The application goes on; what can reach nobody any more is not accepted.
    let post = "POST /api/groups/g/messages HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n\
                content-length: 2\r\n\r\n{}";
    let refused = Raw::handshake(address, post).await;
    assert!(refused.head.starts_with("HTTP/1.1 503 "), "{}", refused.head);
    application.abort();
}
