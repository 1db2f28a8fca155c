//! The live view: who may see it, and that its numbers are the gateway's.

use channel_layers::gateway::GatewayConfig;
use serde_json::json;

use crate::gateway::api::{ADMIN_KEY, KEY, get, keyed};
use crate::support::Server;
use crate::support::raw::Raw;

const FILES: [&str; 5] = ["/admin", "/admin/page.css", "/admin/live.css", "/admin/live.js", "/admin/live.json"];

/// The base64 of `operator:` and the admin key.
const BASIC: &str = "Basic b3BlcmF0b3I6MGE5ZDNjNzdlMWYyNGI4Ng==";

#[tokio::test]
async fn an_admin_key_opens_it_as_a_browser_shows_it_and_nothing_else_does() {
    let server = Server::start(keyed()).await;
    for path in FILES {
        let refused = get(server.address, path, &[]).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm="), "{path}");
        assert_eq!(get(server.address, path, &[("Authorization", BASIC)]).await.status, 200, "{path}");
        assert_eq!(get(server.address, path, &[("X-API-Key", ADMIN_KEY)]).await.status, 200, "{path}");
        assert_eq!(get(server.address, path, &[("X-API-Key", KEY)]).await.status, 401, "{path}: an API key is none");
    }
    for wrong in ["Basic", "Basic !", "Basic b3BlcmF0b3I=", "Basic b3BlcmF0b3I6d3Jvbmc="] {
        assert_eq!(get(server.address, "/admin", &[("Authorization", wrong)]).await.status, 401, "{wrong}");
    }
}

#[tokio::test]
async fn a_gateway_for_this_machine_alone_shows_it_to_this_machine_alone() {
    let server = Server::start(GatewayConfig::default()).await;
    for path in FILES {
        assert_eq!(get(server.address, path, &[]).await.status, 200, "{path}");
        assert_eq!(get(server.address, path, &[("X-Forwarded-For", "203.0.113.7")]).await.status, 403, "{path}");
    }
    let open = Server::start(GatewayConfig::default().with_allow_anonymous(true)).await;
    assert_eq!(get(open.address, "/admin", &[]).await.status, 403, "without a key, strangers might be meant");
}

/// A page of any site can have its own name resolve to this machine, and then ask as a page of that name.
#[tokio::test]
async fn a_foreign_name_for_this_machine_opens_nothing() {
    let server = Server::start(GatewayConfig::default()).await;
    for (host, status) in
        [("rebound.example", 403), ("rebound.example:8000", 403), ("localhost", 200), ("[::1]:8000", 200)]
    {
        let head = format!("GET /admin/live.json HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let raw = Raw::handshake(server.address, &head).await;
        assert!(raw.head.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {}", raw.head);
    }
}

#[tokio::test]
async fn its_numbers_are_the_gateways() {
    let server = Server::start(GatewayConfig::default()).await;
    let mut member = server.join("g").await;
    let mut sender = server.join("g").await;
    sender.send(&json!({"op": "group_send", "group": "g", "message": {"n": 1}})).await;
    assert_eq!(member.next().await["message"], json!({"n": 1}));
    let now = get(server.address, "/admin/live.json", &[]).await.json();
    assert_eq!((&now["stats"]["connections"], &now["stats"]["deliveries"]), (&json!(2), &json!(2)), "{now}");
    assert_eq!((&now["node"]["groups"], &now["nodes"], &now["ready"]), (&json!(1), &json!(1), &json!(true)), "{now}");
    assert!(now["time"].as_u64() > Some(1_700_000_000_000), "{now}");
    let page = get(server.address, "/admin", &[]).await;
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
    let text = String::from_utf8(page.bytes).unwrap();
    for path in ["/admin/live.js", "/admin/page.css", "/admin/live.json"] {
        assert!(text.contains(path), "{path}");
    }
}
