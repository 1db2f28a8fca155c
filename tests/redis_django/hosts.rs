//! Several hosts: that both sides find each name on the same one, and each form in which a host is written.

use std::collections::BTreeSet;

use channel_layers::GroupName;
use channel_layers::layer::ChannelLayer;
use rig::django::{Backend, Django};
use rig::{Authority, RedisServer, Sentinels, until};
use serde_json::{Value, json};

use super::sides::{PAUSE, Rust, Sides, next, numbered, servers};

const BACKENDS: [Backend; 2] = [Backend::Core, Backend::PubSub];

/// With several hosts Python sends to about every other channel of a process over the wrong one. All of it arrives.
#[tokio::test]
async fn what_python_sends_to_the_wrong_host_arrives() {
    const CHANNELS: u64 = 60;
    for backend in BACKENDS {
        let sides = Sides::open(backend, 3, json!({})).await;
        let mut mailboxes = Vec::new();
        for n in 0..CHANNELS {
            let mailbox = sides.rust.mailbox().await;
            sides.python.send(mailbox.channel().as_str(), numbered(n)).await.unwrap();
            mailboxes.push(mailbox);
        }
        for (n, mailbox) in (0..).zip(&mut mailboxes) {
            assert_eq!(next(mailbox).await, numbered(n));
        }
        // Names that no mailbox owns are received on at every host, too.
        for n in 0..20 {
            let channel = sides.rust.new_channel().await;
            sides.python.send(&channel, numbered(n)).await.unwrap();
            assert_eq!(sides.rust.receive(&channel).await, numbered(n));
        }
        // Rust sends to the host where Python receives.
        for n in 0..20 {
            let channel = sides.python.new_channel().await;
            sides.subscribed(&channel, 1).await;
            sides.rust.send(&channel, &numbered(n)).await.unwrap();
            assert_eq!(sides.python.receive(&channel).await.unwrap(), numbered(n));
        }
    }
}

/// Names of groups that the ring spreads over all hosts.
#[tokio::test]
async fn groups_are_found_on_every_host() {
    let groups = ["room-1", "room-2", "lobby", "news", "a", "b", "g.1", "Zz_9", "chat.lobby", "x".repeat(99).as_str()]
        .map(str::to_owned);
    for backend in BACKENDS {
        let sides = Sides::open(backend, 3, json!({})).await;
        let Sides { python, rust, .. } = &sides;
        let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
        for (n, group) in (0..).zip(&groups) {
            python.group_add(group, &theirs).await.unwrap();
            rust.group_add(group, ours.channel().as_str()).await;
            sides.group_subscribed(group, 2).await;
            python.group_send(group, numbered(n)).await.unwrap();
            rust.group_send(group, &numbered(100 + n)).await;
            for n in [n, 100 + n] {
                assert_eq!(next(&mut ours).await, numbered(n), "{group}");
                assert_eq!(python.receive(&theirs).await.unwrap(), numbered(n), "{group}");
            }
        }
        if backend == Backend::Core {
            for server in &sides.servers {
                let keys = server.ok(&["KEYS", "asgi:group:*"]).await.texts();
                assert!(keys.iter().any(|key| !key.contains("canary")), "no group on {}", server.url());
            }
        }
    }
}

/// One host in each form, on both sides the very same text.
async fn every_form_of_a_host(backend: Backend) {
    let password = "p@ss/w#rd?";
    let mut servers = servers(3).await;
    servers.push(RedisServer::options().password(password).start().await);
    let hosts = json!([
        format!("redis://127.0.0.1:{}/2", servers[0].port()),
        ["127.0.0.1", servers[1].port()],
        {"address": format!("unix://{}?db=3", servers[2].socket())},
        {"host": "127.0.0.1", "port": servers[3].port(), "password": password, "db": 1},
    ]);
    let sides = Sides::on(servers, backend, json!({"hosts": hosts})).await;
    let Sides { python, rust, .. } = &sides;
    let mut ours = rust.mailbox().await;
    let mut used = BTreeSet::new();
    for n in 0..40 {
        let theirs = python.new_channel().await;
        sides.subscribed(&theirs, 1).await;
        rust.send(&theirs, &numbered(n)).await.unwrap();
        assert_eq!(python.receive(&theirs).await.unwrap(), numbered(n));
        let group = format!("group-{}", n * 7919);
        rust.group_add(&group, ours.channel().as_str()).await;
        python.group_send(&group, numbered(n)).await.unwrap();
        assert_eq!(next(&mut ours).await, numbered(n));
        used.extend(where_is(&sides.servers, &format!("asgi:group:{group}")).await);
    }
    if backend == Backend::Core {
        assert_eq!(used, BTreeSet::from([(0, 2), (1, 0), (2, 3), (3, 1)]));
    }
}

#[tokio::test]
async fn every_form_of_a_host_in_core() {
    every_form_of_a_host(Backend::Core).await;
}

#[tokio::test]
async fn every_form_of_a_host_in_pubsub() {
    every_form_of_a_host(Backend::PubSub).await;
}

/// The servers and their databases that hold a key.
async fn where_is(servers: &[RedisServer], key: &str) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    for (at, server) in servers.iter().enumerate() {
        for database in 0..4u32 {
            let script = format!("redis.call('SELECT', {database}) return redis.call('EXISTS', '{key}')");
            if server.ok(&["EVAL", &script, "0"]).await.int() == 1 {
                found.push((at, database));
            }
        }
    }
    found
}

/// A server of its own, a master under sentinels and a server with TLS share the work.
#[tokio::test]
async fn hosts_of_all_kinds_beside_each_other() {
    let (plain, sentinels, authority) = (RedisServer::start().await, Sentinels::start().await, Authority::new());
    let secure = RedisServer::options().tls(&authority, false).start().await;
    let guards = sentinels.addresses();
    let hosts = json!([
        plain.url(),
        {
            "sentinels": guards.iter().map(|at| json!([at.ip().to_string(), at.port()])).collect::<Vec<Value>>(),
            "master_name": sentinels.name(),
        },
        format!("{}?ssl_ca_certs={}", secure.url(), authority.certificate()),
    ]);
    for backend in BACKENDS {
        let sides = Sides::on(Vec::new(), backend, json!({"hosts": hosts})).await;
        let Sides { python, rust, .. } = &sides;
        let mut ours = rust.mailbox().await;
        for n in 1..=20 {
            // Where nothing tells that Python has subscribed, in pub/sub, it is there once it hears itself.
            let (theirs, group) = (python.new_channel().await, format!("group-{n}"));
            python.group_add(&group, &theirs).await.unwrap();
            rust.group_add(&group, ours.channel().as_str()).await;
            until!("Python hears its group", {
                python.group_send(&group, numbered(0)).await.unwrap();
                python.receive_many(&theirs, 1, PAUSE).await.unwrap() == [numbered(0)]
            });
            rust.group_send(&group, &numbered(n)).await;
            until!("Python hears Rust", python.receive_many(&theirs, 1, PAUSE).await.unwrap() == [numbered(n)]);
            until!("Rust hears both", next(&mut ours).await == numbered(n));
            rust.send(&theirs, &numbered(n + 100)).await.unwrap();
            until!("sent by name", python.receive_many(&theirs, 1, PAUSE).await.unwrap() == [numbered(n + 100)]);
        }
    }
}

/// Servers with TLS that ask for a certificate, as a URL and as a map.
#[tokio::test]
async fn hosts_with_tls() {
    let authority = Authority::new();
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(RedisServer::options().tls(&authority, true).password("secret").start().await);
    }
    let (trusted, client, ports) =
        (authority.certificate(), authority.client(), [servers[0].port(), servers[1].port()]);
    let hosts = json!([
        format!(
            "rediss://:secret@localhost:{}?ssl_ca_certs={trusted}&ssl_certfile={}&ssl_keyfile={}",
            ports[0], client.certificate, client.key,
        ),
        {
            "address": format!("rediss://:secret@127.0.0.1:{}", ports[1]),
            "ssl_cert_reqs": "none", "ssl_certfile": client.certificate, "ssl_keyfile": client.key,
        },
    ]);
    let sides = Sides::on(servers, Backend::Core, json!({"hosts": hosts})).await;
    for n in 0..4 {
        let (theirs, ours) = (sides.python.new_channel().await, sides.rust.new_channel().await);
        sides.rust.send(&theirs, &numbered(n)).await.unwrap();
        assert_eq!(sides.python.receive(&theirs).await.unwrap(), numbered(n));
        sides.python.send(&ours, numbered(n)).await.unwrap();
        assert_eq!(sides.rust.receive(&ours).await, numbered(n));
    }
}

/// The master that sentinels know, before and after they made another server the master.
#[tokio::test]
async fn both_ask_the_sentinels() {
    let mut sentinels = Sentinels::with_passwords("master's", "guard's").await;
    let addresses = sentinels.addresses();
    let config = json!({"hosts": [{
        "sentinels": addresses.iter().map(|at| json!([at.ip().to_string(), at.port()])).collect::<Vec<Value>>(),
        "master_name": sentinels.name(),
        "sentinel_kwargs": {"password": "guard's"},
        "password": "master's",
        "db": 1,
    }]});
    for backend in BACKENDS {
        let django = Django::start().await;
        let rust = Rust::open(backend, &config);
        let mut ours = rust.mailbox().await;
        for round in 0..2 {
            // redis-py keeps its connections to the old master, which is another matter than finding the new one.
            let python = django.layer(backend, config.clone()).await;
            let theirs = python.new_channel().await;
            python.send(&theirs, numbered(0)).await.unwrap();
            assert_eq!(python.receive(&theirs).await.unwrap(), numbered(0));
            until!("Rust is at the master", {
                let added = rust.layer().group_add(&GroupName::new("g").unwrap(), ours.channel()).await;
                python.group_send("g", numbered(1)).await.unwrap();
                added.is_ok() && tokio::time::timeout(PAUSE, ours.recv()).await.is_ok()
            });
            rust.send(&theirs, &numbered(2)).await.unwrap();
            assert_eq!(python.receive(&theirs).await.unwrap(), numbered(2));
            // What Python sent more often than was needed.
            while ours.try_recv().unwrap().is_some() {}
            python.close().await.unwrap();
            if round == 0 {
                sentinels.failover().await;
            }
        }
    }
}
