//! Clients behind a proxy: whose address counts, and whose host, and that nobody else can claim them.

use std::future::ready;
use std::sync::mpsc;

use channel_layers::gateway::{Authorizer, Credentials, Decision, Gateway, GatewayConfig, Identity};
use channel_layers::layer::Layer;

use crate::support::Server;
use crate::support::raw::{Raw, request};

/// Lets everybody in, and tells where they were.
struct Where(mpsc::Sender<String>);

impl Authorizer for Where {
    fn connect<'a>(&'a self, credentials: &'a Credentials) -> Decision<'a, Identity> {
        self.0.send(credentials.peer.unwrap().ip().to_string()).unwrap();
        Box::pin(ready(Ok(Identity::anonymous())))
    }
}

async fn head(server: &Server, headers: &str) -> (String, Raw) {
    let raw = Raw::handshake(server.address, &request(headers)).await;
    (raw.head.clone(), raw)
}

fn trusting() -> GatewayConfig {
    GatewayConfig::default().with_trusted_proxies(vec!["127.0.0.0/8".parse().unwrap()])
}

#[tokio::test]
async fn the_authorizer_sees_the_client_and_not_the_proxy() {
    for (config, expected) in [(trusting(), "203.0.113.7"), (GatewayConfig::default(), "127.0.0.1")] {
        let (tell, told) = mpsc::channel();
        let server = Server::of(Gateway::with_authorizer(Layer::default(), config, Where(tell))).await;
        let (_, mut raw) = head(&server, "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n").await;
        raw.text(r#"{"op":"connect","id":1}"#).await;
        raw.json().await;
        assert_eq!(told.try_recv().unwrap(), expected);
    }
}

#[tokio::test]
async fn connections_count_for_the_client_behind_the_proxy() {
    let server = Server::start(trusting().with_address_connections(1)).await;
    let (first, _kept) = head(&server, "X-Forwarded-For: 203.0.113.7\r\n").await;
    assert!(first.starts_with("HTTP/1.1 101 "), "{first}");
    // What it writes in front of what the proxy appends makes nobody else of it.
    let (again, _) = head(&server, "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n").await;
    assert!(again.starts_with("HTTP/1.1 429 "), "{again}");
    let (other, _) = head(&server, "X-Forwarded-For: 203.0.113.8\r\n").await;
    assert!(other.starts_with("HTTP/1.1 101 "), "{other}");
}

#[tokio::test]
async fn a_page_of_the_host_in_front_of_the_proxy_may_connect() {
    let asks = "Origin: https://chat.example\r\nX-Forwarded-Host: chat.example\r\n";
    let (trusted, _) = head(&Server::start(trusting()).await, asks).await;
    assert!(trusted.starts_with("HTTP/1.1 101 "), "{trusted}");
    let (claimed, _) = head(&Server::start(GatewayConfig::default()).await, asks).await;
    assert!(claimed.starts_with("HTTP/1.1 403 "), "{claimed}");
}
