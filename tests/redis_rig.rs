//! What the tests against Redis rest on: that the rig's servers, clusters, sentinels and broken networks do what they say.
#![cfg(not(target_family = "wasm"))]

use std::time::{Duration, Instant};

use rig::django::{Backend, Django, bytes};
use rig::{Authority, Flow, Proxy, RedisCluster, RedisServer, Sentinels, until, within};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_server_restarts_on_its_port_with_and_without_data() {
    let mut server = RedisServer::start().await;
    let url = server.url();
    server.ok(&["SET", "key", "value"]).await;
    server.restart_with_data().await;
    assert_eq!(server.ok(&["GET", "key"]).await.text(), "value");
    server.kill9();
    server.restart_empty().await;
    assert_eq!(server.ok(&["GET", "key"]).await, rig::Reply::Nil);
    assert_eq!(server.url(), url);
    until!("the connections that asked are closed", server.clients().await.is_empty());
}

#[tokio::test]
async fn no_process_is_left_behind() {
    let server = RedisServer::start().await;
    let folder = format!("/proc/{}", server.process_id());
    assert!(std::fs::exists(&folder).unwrap());
    let socket = server.socket();
    drop(server);
    assert!(!std::fs::exists(&folder).unwrap());
    assert!(!std::fs::exists(&socket).unwrap());
}

#[tokio::test]
async fn a_server_serves_tls_with_client_certificates() {
    let authority = Authority::new();
    let server = RedisServer::options().tls(&authority, true).password("secret").start().await;
    let port = server.port().to_string();
    let cli = |identity: &[&str]| {
        std::process::Command::new("redis-cli")
            .args(["-h", "localhost", "-p", &port, "--no-auth-warning", "-a", "secret", "--tls"])
            .args(["--cacert", &authority.certificate()])
            .args(identity)
            .arg("PING")
            .output()
            .unwrap()
    };
    let client = authority.client();
    let granted = cli(&["--cert", &client.certificate, "--key", &client.key]);
    assert_eq!(String::from_utf8_lossy(&granted.stdout), "PONG\n", "{granted:?}");
    let refused = cli(&[]);
    assert!(!String::from_utf8_lossy(&refused.stdout).contains("PONG"), "{refused:?}");
}

async fn ping(stream: &mut TcpStream) -> Duration {
    let asked = Instant::now();
    stream.write_all(b"PING\r\n").await.unwrap();
    let mut pong = [0; 7];
    within("a pong", stream.read_exact(&mut pong)).await.unwrap();
    assert_eq!(&pong, b"+PONG\r\n");
    asked.elapsed()
}

#[tokio::test]
async fn a_proxy_delays_stalls_and_cuts() {
    let server = RedisServer::start().await;
    let proxy = Proxy::to(server.address()).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    ping(&mut stream).await;

    proxy.delay(Duration::from_millis(100));
    assert!(ping(&mut stream).await >= Duration::from_millis(200));

    // Replies alone are held back: the server has the command, and its answer comes when the wire is well again.
    proxy.flow(Flow::Delay(Duration::ZERO), Flow::Stall);
    stream.write_all(b"SET key value\r\n").await.unwrap();
    until!("the server has the command", server.ok(&["GET", "key"]).await.text() == "value");
    let mut answer = [0; 5];
    assert!(stream.try_read(&mut answer).is_err());
    proxy.pass();
    within("the answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"+OK\r\n");

    proxy.stall();
    stream.write_all(b"SET key lost\r\n").await.unwrap();
    proxy.refuse();
    assert_eq!(within("the end", stream.read(&mut answer)).await.unwrap_or(0), 0);
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(within("the end", refused.read(&mut answer)).await.unwrap_or(0), 0);
    assert_eq!(server.ok(&["GET", "key"]).await.text(), "value");
    proxy.pass();
    ping(&mut TcpStream::connect(proxy.address()).await.unwrap()).await;
}

#[tokio::test]
async fn a_cluster_fails_over_and_moves_slots() {
    let mut cluster = RedisCluster::start().await;
    let slot = cluster.slot("key").await;
    let owner = cluster.owner(slot).await;
    cluster.node(owner).ok(&["SET", "key", "value"]).await;

    let target = (owner + 1) % 3;
    cluster.migrate_slot(slot, target).await;
    assert_eq!(cluster.owner(slot).await, target);
    assert_eq!(cluster.node(target).ok(&["GET", "key"]).await.text(), "value");

    cluster.failover(target + 3).await;
    assert_eq!(cluster.owner(slot).await, target + 3);
    cluster.kill(target + 3);
    cluster.settled().await;
    assert_eq!(cluster.owner(slot).await, target);
    cluster.restart(target + 3).await;
}

#[tokio::test]
async fn sentinels_promote_the_replica() {
    let mut sentinels = Sentinels::with_passwords("of servers", "of sentinels").await;
    let first = sentinels.master().port();
    sentinels.failover().await;
    assert_ne!(sentinels.master().port(), first);
    sentinels.kill_master();
    sentinels.promoted().await;
    assert_eq!(sentinels.master().port(), first);
}

#[tokio::test]
async fn python_layers_talk_to_each_other_and_name_their_errors() {
    let server = RedisServer::start().await;
    let django = Django::start().await;
    let config = json!({"hosts": [server.url()], "capacity": 1});
    let (sender, receiver) =
        (django.layer(Backend::Core, config.clone()).await, django.layer(Backend::Core, config).await);
    let channel = receiver.new_channel().await;
    let message = json!({"type": "x", "bytes": bytes(b"\xff\0"), "nested": [1, -2.5, null, true, "é"]});
    // A receive that waits stops no other call.
    let (received, sent) = tokio::join!(receiver.receive(&channel), sender.send(&channel, message.clone()));
    sent.unwrap();
    assert_eq!(received.unwrap(), message);

    sender.send("jobs", message.clone()).await.unwrap();
    assert_eq!(sender.send("jobs", message.clone()).await.unwrap_err().kind, "ChannelFull");
    sender.flush().await.unwrap();
    assert!(sender.receive_many("jobs", 2, Duration::from_millis(50)).await.unwrap().is_empty());
    assert_eq!(django.try_layer(Backend::Core, json!({"hostz": []})).await.err().unwrap().kind, "TypeError");

    let pubsub = django.layer(Backend::PubSub, json!({"hosts": [server.url()]})).await;
    let channel = pubsub.new_channel().await;
    pubsub.group_add("room", &channel).await.unwrap();
    let raised = pubsub.burst(&["room".to_owned()], 200, 200, json!({"type": "x"})).await;
    assert!(raised.is_empty(), "{raised:?}");
    let received = pubsub.receive_many(&channel, 200, Duration::from_secs(5)).await.unwrap();
    let mut numbers: Vec<_> = received.iter().map(|message| message["n"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    pubsub.group_discard("room", &channel).await.unwrap();
    pubsub.close().await.unwrap();
    receiver.close().await.unwrap();
}
