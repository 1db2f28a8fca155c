//! What the log tells of a connection: who, where and which group; and never a token, a key or a payload.

use std::fmt::{self, Write};
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use channel_layers::gateway::{
    ApiKeys, Authorizer, Credentials, Decision, Denied, Gateway, GatewayConfig, Grants, Identity, Right,
};
use channel_layers::layer::{Layer, Pattern};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::raw::{Raw, request};
use crate::support::{Server, eventually};

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

    fn has(&self, line: &str) -> bool {
        self.text().lines().any(|other| other == line)
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

#[tokio::test]
async fn it_tells_who_and_which_group_and_no_secret() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let config = GatewayConfig::default().with_api_keys(ApiKeys::parse([KEY]).unwrap());
    let server = Server::of(Gateway::with_authorizer(Layer::default(), config, OneToken)).await;
    let secret = format!("Authorization: Bearer {TOKEN}\r\nCookie: session={TOKEN}\r\n");
    let mut raw = Raw::handshake(server.address, &request(&secret)).await;
    let peer = raw.stream.local_addr().unwrap();
    let message = json!({"type": "chat.message", "text": PAYLOAD});
    let mut channel = String::new();
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
        raw.text(&frame.to_string()).await;
        let answer = raw.json().await;
        channel = answer["channel"].as_str().map_or(channel, str::to_owned);
    }
    let body = message.to_string();
    let post = |header: String| {
        let head = "POST /api/groups/chat.lobby/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
        format!("{head}{header}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for header in
        [format!("X-API-Key: {KEY}"), format!("X-API-Key: {KEY}-wrong"), format!("Authorization: Bearer {TOKEN}")]
    {
        Raw::handshake(server.address, &post(header)).await;
    }
    raw.text("not a frame").await;
    assert_eq!(raw.closed().await.0, 4500);
    eventually("the end is told", || log.has("event 1 message=the connection has ended code=4500")).await;
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
    ] {
        assert!(log.has(&line), "{line}\n{text}");
    }
    for secret in [TOKEN, PAYLOAD, KEY] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
}
