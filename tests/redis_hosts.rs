//! Hosts against real servers: TLS with its checks, sockets, logins, and settings as a Django project has them.
#![cfg(not(target_family = "wasm"))]

use std::time::Duration;

use channel_layers::config::LayersConfig;
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{ChannelName, message};
use rig::{Authority, RedisServer, Sentinels, within};

/// That a layer on this host carries a message.
async fn works(host: Host) {
    let layer = RedisLayer::connect(RedisConfig::new([host])).await.unwrap();
    carries(&Layer::from(layer)).await;
}

async fn carries(layer: &Layer) {
    let channel = ChannelName::new("work").unwrap();
    layer.send(&channel, message! { "type": "job" }).await.unwrap();
    let received = within("a message", layer.receive(&channel)).await.unwrap();
    assert_eq!(received.to_string(), r#"{"type":"job"}"#);
    layer.close().await.unwrap();
}

/// Why no connection comes to be.
async fn refused(host: Host) -> String {
    let config = RedisConfig::new([host]).with_timeout(Duration::from_secs(2));
    RedisLayer::connect(config).await.unwrap_err().to_string()
}

fn url(server: &RedisServer, host: &str, options: &str) -> Host {
    Host::url(&format!("rediss://{host}:{}?{options}", server.port())).unwrap()
}

#[tokio::test]
async fn tls_checks_what_it_is_told_to_check() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = RedisServer::options().tls(&ours, false).args(&["--bind", "127.0.0.1", "127.0.0.2"]).start().await;
    let trust = |authority: &Authority| format!("ssl_ca_certs={}", authority.certificate());
    for (host, options) in [
        ("localhost", trust(&ours)),
        ("127.0.0.1", trust(&ours)),
        ("localhost", "ssl_cert_reqs=none".to_owned()),
        // Also this machine, by a name that the certificate does not have.
        ("127.0.0.2", format!("{}&ssl_check_hostname=false", trust(&ours))),
    ] {
        works(url(&server, host, &options)).await;
    }
    for (host, options) in [
        ("localhost", trust(&other)),
        ("localhost", String::new()),
        ("127.0.0.2", trust(&ours)),
        ("127.0.0.2", format!("{}&ssl_check_hostname=false", trust(&other))),
    ] {
        let text = refused(url(&server, host, &options)).await;
        assert!(text.contains("certificate"), "{host} {options}: {text}");
    }
}

#[tokio::test]
async fn a_server_may_ask_for_a_certificate() {
    let authority = Authority::new();
    let server = RedisServer::options().tls(&authority, true).password("secret").start().await;
    let client = authority.client();
    let trust = format!("password=secret&ssl_ca_certs={}", authority.certificate());
    let shown = format!("{trust}&ssl_certfile={}&ssl_keyfile={}", client.certificate, client.key);
    works(url(&server, "localhost", &shown)).await;
    let text = refused(url(&server, "localhost", &trust)).await;
    assert!(text.contains("localhost") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_socket_is_a_host() {
    let server = RedisServer::options().password("secret").start().await;
    works(Host::unix(server.socket()).with_password("secret").with_database(3)).await;
    works(Host::url(&format!("unix://:secret@{}?db=3", server.socket())).unwrap()).await;
}

#[tokio::test]
async fn a_user_logs_in_by_name() {
    let server = RedisServer::start().await;
    server.ok(&["ACL", "SETUSER", "me", "on", ">secret", "~*", "&*", "+@all"]).await;
    server.ok(&["ACL", "SETUSER", "open", "on", "nopass", "~*", "&*", "+@all"]).await;
    server.ok(&["ACL", "SETUSER", "default", "off"]).await;
    works(Host::tcp("127.0.0.1", server.port()).with_username("me").with_password("secret")).await;
    works(Host::url(&format!("redis://open@127.0.0.1:{}", server.port())).unwrap()).await;
    let text = refused(Host::tcp("127.0.0.1", server.port()).with_username("me").with_password("hunter2")).await;
    assert!(text.contains("WRONGPASS") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn settings_of_a_django_project_open_their_layers() {
    let (first, second) = (RedisServer::start().await, RedisServer::options().password("secret").start().await);
    let (plain, locked) = (first.port(), second.port());
    let settings = format!(
        r#"{{
            "default": {{
                "BACKEND": "channels_redis.core.RedisChannelLayer",
                "CONFIG": {{"hosts": [["127.0.0.1", {plain}], {{"host": "127.0.0.1", "port": {locked}, "password": "secret"}}]}}
            }},
            "other": {{
                "BACKEND": "channels_redis.core.RedisChannelLayer",
                "CONFIG": {{"hosts": [{{"address": "redis://:secret@127.0.0.1:{locked}", "db": 1}}], "prefix": "other"}}
            }}
        }}"#
    );
    let layers = LayersConfig::from_json(&settings).unwrap().open();
    for (_, layer) in layers.unwrap().iter() {
        carries(layer).await;
    }
}

#[tokio::test]
async fn sentinels_and_their_master_have_a_password_each() {
    let sentinels = Sentinels::with_passwords("master's", "guard's").await;
    let pairs: Vec<_> = sentinels.addresses().iter().map(|at| (at.ip().to_string(), at.port())).collect();
    let addresses: Vec<_> = pairs.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    works(
        Host::sentinel(pairs.clone(), sentinels.name()).with_password("master's").with_sentinel_login(None, "guard's"),
    )
    .await;
    let settings = serde_json::json!({"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [{
        "sentinels": pairs,
        "master_name": sentinels.name(),
        "password": "master's",
        "sentinel_kwargs": {"password": "guard's"},
    }]}}});
    let layers = LayersConfig::from_json(&settings.to_string()).unwrap().open().unwrap();
    carries(layers.get("default").unwrap()).await;
    // A URL has no place for the sentinels' own password.
    let text = refused(Host::url(&format!("redis-sentinel://:hunter2@{}/main", addresses.join(","))).unwrap()).await;
    assert!(text.contains("NOAUTH") && !text.contains("hunter2"), "{text}");
}
