//! What the log tells of a connection: who, where and which group; and never a token, a key or a payload. A program of its
//! own, because what listens to the log does so for the whole process.
#![cfg(not(target_family = "wasm"))]

use std::fmt::{self, Write};
use std::future::ready;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use channel_layers::gateway::{
    ApiKeys, Authorizer, Credentials, Decision, Denied, Gateway, GatewayConfig, Grants, Identity, Right,
};
use channel_layers::layer::{Layer, Pattern};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, connect_async};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const TOKEN: &str = "token-that-nobody-may-see";
const PAYLOAD: &str = "words-that-nobody-may-see";
const KEY: &str = "key-that-nobody-may-see";

/// Writes down every span and event of the gateway as a line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>, Arc<AtomicU64>);

impl Log {
    fn line(&self, what: &str, name: &str, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields(String::new());
        record(&mut fields);
        writeln!(self.0.lock().unwrap(), "{what} {name}{}", fields.0).unwrap();
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("channel_layers")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line("span", span.metadata().name(), |fields| span.record(fields));
        Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.line("record", &span.into_u64().to_string(), |fields| values.record(fields));
    }

    fn event(&self, event: &Event<'_>) {
        let span = event.parent().map_or("-".to_owned(), |span| span.into_u64().to_string());
        self.line("event", &span, |fields| event.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, span: &Id) {
        self.line("enter", &span.into_u64().to_string(), |_| {});
    }

    fn exit(&self, _: &Id) {}
}

/// Knows one token, whose user may join and send to `chat.*`.
struct OneToken;

impl Authorizer for OneToken {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        let chat = [Right::Join, Right::Send];
        let grants = Grants::default().with_group(Pattern::glob("chat.*"), chat).with_type(Pattern::glob("*"));
        Box::pin(ready(match credentials.token.as_deref() {
            Some(TOKEN) => Ok(Identity::user("alice").with_grants(grants)),
            _ => Err(Denied::Unauthorized("no such token".into())),
        }))
    }
}

/// Posts a message with one more header.
async fn post(address: SocketAddr, header: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let line = "POST /api/groups/chat.lobby/messages HTTP/1.1\r\nHost: a\r\nConnection: close";
    let head =
        format!("{line}\r\nContent-Type: application/json\r\n{header}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Says a few things over a WebSocket, right and wrong ones. Returns where it came from and its channel.
async fn talk(address: SocketAddr, message: &Value) -> (SocketAddr, String) {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    request.headers_mut().insert("cookie", format!("session={TOKEN}").parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let MaybeTlsStream::Plain(stream) = socket.get_ref() else { panic!("no TLS was asked for") };
    let (peer, mut channel) = (stream.local_addr().unwrap(), String::new());
    for frame in [
        json!({"op": "connect", "id": 1, "token": TOKEN}),
        json!({"op": "group_add", "id": 2, "group": "chat.lobby"}),
        json!({"op": "group_add", "id": 3, "group": "news"}),
        json!({"op": "group_send", "group": "chat.lobby", "message": message}),
        json!({"op": "group_send", "id": 4, "group": "news", "message": message}),
        json!({"op": "group_send", "id": 5, "group": "chat.lobby", "message": {"type": format!("http.{PAYLOAD}")}}),
        json!({"op": "refresh", "id": 6, "token": TOKEN}),
        json!({"op": "group_discard", "id": 7, "group": "chat.lobby"}),
    ] {
        socket.send(Message::text(frame.to_string())).await.unwrap();
        let answer: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
        channel = answer["channel"].as_str().map_or(channel, str::to_owned);
    }
    socket.send(Message::text("no frame")).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    (peer, channel)
}

#[tokio::test]
async fn it_tells_who_and_which_group_and_no_secret() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let config = GatewayConfig::default().with_api_keys(ApiKeys::parse([KEY]).unwrap());
    let gateway = Gateway::with_authorizer(Layer::default(), config, OneToken);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, (stop, stopped)) = (listener.local_addr().unwrap(), oneshot::channel::<()>());
    let serving = gateway.clone();
    let server = tokio::spawn(async move { serving.serve(listener, async { drop(stopped.await) }).await });
    let message = json!({"type": "chat.message", "text": PAYLOAD});
    let (peer, channel) = talk(address, &message).await;
    let wrong = format!("X-API-Key: {KEY}-wrong");
    for (header, status) in
        [(format!("X-API-Key: {KEY}"), "202"), (format!("Authorization: Bearer {TOKEN}"), "202"), (wrong, "401")]
    {
        let answer = post(address, &header, &message.to_string()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    drop(stop);
    server.await.unwrap().unwrap();
    let text = log.text();
    for line in [
        format!("span connection peer={peer}"),
        format!("record 1 channel={channel}"),
        "record 1 user=\"alice\"".into(),
        "enter 1".into(),
        "event - message=joined group=chat.lobby".into(),
        "event - message=joining was denied group=news".into(),
        "event 1 message=left group=chat.lobby".into(),
        "event 1 message=a request was refused code=\"reserved_type\"".into(),
        "event 1 message=the connection has ended code=4500".into(),
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    for secret in [TOKEN, PAYLOAD, KEY] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
}
