//! The HTTP API: who may use it, what it answers, and what its description says of it.

mod access;
mod batch;
mod bodies;
mod description;
mod info;
mod metrics;
mod once;
mod openmetrics;
mod orders;
mod schema;

use std::net::SocketAddr;

use channel_layers::Message;
use channel_layers::gateway::{ApiKeys, GatewayConfig};
use serde_json::Value;

use crate::support::raw::Raw;

pub(crate) const KEY: &str = "5f0c2b6e9a7d4c31";
pub(crate) const OTHER_KEY: &str = "c81d4e2e6b1f4a55";
pub(crate) const ADMIN_KEY: &str = "0a9d3c77e1f24b86";

/// Settings with two API keys, and one for administrators.
pub(crate) fn keyed() -> GatewayConfig {
    let keys = ApiKeys::parse([format!("django:{KEY}"), format!("cron:{OTHER_KEY}")]).unwrap();
    let admin = ApiKeys::parse([ADMIN_KEY]).unwrap();
    GatewayConfig::default().with_api_keys(keys).with_admin_keys(admin)
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn msgpack(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/msgpack"), "{self:?}");
        serde_json::from_slice(Message::from_msgpack(self.bytes.clone()).unwrap().json()).unwrap()
    }

    /// Status, and the code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, u64) {
        let body = self.json();
        assert!(body["name"].is_string() && !body["reason"].as_str().unwrap().is_empty(), "{body}");
        (self.status, body["code"].as_u64().unwrap())
    }
}

/// Sends a request on a connection of its own.
pub(crate) async fn request(
    address: SocketAddr,
    line: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Answer {
    let body = body.as_ref();
    let mut head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend(body);
    let mut raw = Raw::handshake_bytes(address, &bytes).await;
    let status = raw.head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, bytes: raw.body_bytes().await, head: raw.head }
}

/// Posts JSON.
pub(crate) async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [&[("Content-Type", "application/json")], headers].concat();
    request(address, &format!("POST {path}"), &headers, body.to_string()).await
}

pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    request(address, &format!("GET {path}"), headers, "").await
}
