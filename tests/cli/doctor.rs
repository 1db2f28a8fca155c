//! What the doctor finds: on servers that are well and on ones that are not, each by its line, its remedy and the exit code.

use std::process::Command;

use rig::{DisguisedRedis, RedisCluster, RedisServer, Sentinels, until};
use serde_json::Value;

use super::{Running, command, serve};

/// What it found.
pub(super) struct Findings {
    pub(super) code: i32,
    all: Vec<Value>,
    /// Everything that it printed.
    pub(super) text: String,
}

impl Findings {
    /// The only finding of this level that says this.
    pub(super) fn one(&self, level: &str, text: &str) -> &Value {
        let says = |finding: &&Value| finding["level"] == level && finding["finding"].as_str().unwrap().contains(text);
        let found: Vec<_> = self.all.iter().filter(says).collect();
        assert_eq!(found.len(), 1, "{level}: {text} in {}", self.text);
        assert_eq!(found[0]["remedy"].is_string(), level != "fine", "{}", found[0]);
        found[0]
    }

    /// What is worse than fine, but for the limits of the machine that the test runs on.
    fn bad(&self) -> Vec<&Value> {
        self.all.iter().filter(|finding| finding["level"] != "fine" && finding["about"] != "open files").collect()
    }
}

pub(super) fn findings(doctor: &mut Command) -> Findings {
    let output = doctor.output().unwrap();
    let text =
        format!("{}{}", String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {text}"));
    let (code, problems) = (output.status.code().unwrap(), summary["problems"].as_u64().unwrap());
    assert_eq!((summary["ok"].as_bool().unwrap(), code), (problems == 0, i32::from(problems > 0)), "{text}");
    Findings { code, all: summary["findings"].as_array().unwrap().clone(), text }
}

/// What it finds with these options. (On a thread of its own: servers in disguise are tasks of the test.)
async fn doctor(args: &[&str]) -> Findings {
    let mut doctor = command(&[&["doctor", "--json"], args].concat());
    tokio::task::spawn_blocking(move || findings(&mut doctor)).await.unwrap()
}

async fn on(url: &str) -> Findings {
    doctor(&["--redis-url", url]).await
}

/// A layer with these settings beside its hosts.
fn layer(backend: &str, url: &str, more: &str) -> Command {
    let layers = format!(r#"{{"default": {{"BACKEND": "{backend}", "CONFIG": {{"hosts": ["{url}"]{more}}}}}}}"#);
    let mut doctor = command(&["doctor", "--json"]);
    doctor.env("CHANNEL_LAYERS", layers);
    doctor
}

#[tokio::test]
async fn what_is_well_is_said_and_nothing_is_left_behind() {
    let redis = RedisServer::start().await;
    for backend in ["redis", "redis-pubsub"] {
        for (more, format) in [
            ("", "as msgpack, in"),
            (r#", "serializer_format": "json""#, "as json, in"),
            (r#", "symmetric_encryption_keys": ["k"], "prefix": "p""#, "as msgpack, encrypted, in"),
        ] {
            let found = findings(&mut layer(backend, &redis.url(), more));
            assert_eq!((found.code, found.bad()), (0, vec![]), "{}", found.text);
            let both = found.all.iter().filter(|finding| finding["finding"].as_str().unwrap().contains(format));
            assert_eq!(both.count(), 2, "both layouts: {}", found.text);
            found.one("fine", "hears itself over");
            found.one("fine", "its clock and ours agree");
            found.one("fine", "does every command");
        }
    }
    assert_eq!(redis.ok(&["KEYS", "*"]).await.texts(), [""; 0]);
    until!("no connection is left", redis.clients().await.is_empty());
}

#[test]
fn people_get_lines_with_what_to_do() {
    let output = command(&["doctor", "--redis-url", "redis://127.0.0.1:1"]).output().unwrap();
    let (said, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{said}");
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("✓ settings: can be read"));
    assert_eq!(lines.next(), Some("✓ layer default: redis at 127.0.0.1:1"));
    let problem = lines.next().unwrap();
    assert!(problem.starts_with("✗ redis 127.0.0.1:1: cannot be used: ") && problem.contains("refused"), "{said}");
    assert_eq!(lines.next(), Some("    start Redis there, or name another place with --redis-url or REDIS_URL"));
    assert_eq!(told.lines().last(), Some("channel-layers: 1 problem, told above"));
}

#[test]
fn settings_that_cannot_be_read_are_a_problem() {
    let mut doctor = command(&["doctor", "--json"]);
    doctor.env("CHANNEL_LAYERS", r#"{"default": {"BACKEND": "redsi"}}"#).env("CHANNEL_LAYERS_PING", "soon");
    let found = findings(doctor.env("CHANNEL_LAYERS_FRAME_LIMTI", "1"));
    assert_eq!(found.code, 1);
    found.one("problem", "CHANNEL_LAYERS.default.BACKEND");
    found.one("problem", "CHANNEL_LAYERS_PING");
    found.one("warning", "CHANNEL_LAYERS_FRAME_LIMIT");
    let found = findings(&mut command(&["doctor", "--json"]));
    assert_eq!(found.code, 0, "memory is a choice");
    found.one("warning", "memory: it serves one process");
}

#[tokio::test]
async fn a_wrong_password_is_a_problem_and_stays_secret() {
    let redis = RedisServer::options().password("right").start().await;
    let found = on(&format!("redis://:hunter2@{}", redis.address())).await;
    let remedy = found.one("problem", "WRONGPASS")["remedy"].as_str().unwrap();
    assert!(remedy.contains("redis://:PASSWORD@HOST"), "{remedy}");
    assert!(!found.text.contains("hunter2"), "{}", found.text);
    on(&format!("redis://{}", redis.address())).await.one("problem", "NOAUTH");
}

#[tokio::test]
async fn servers_that_no_layer_can_use() {
    let redis = RedisServer::start().await;
    let old = DisguisedRedis::old(redis.address(), "4.0.14").await;
    on(&old.url()).await.one("problem", "it is Redis 4.0, and a channel layer needs 5.0 or later: update it");
    let old = DisguisedRedis::old(redis.address(), "5.0.14").await;
    let found = on(&old.url()).await;
    assert_eq!(found.code, 0, "the layout that is used works: {}", found.text);
    found.one("warning", "the pub/sub layer needs 6.0 or later");
    let replica = RedisServer::start().await;
    replica.ok(&["REPLICAOF", "127.0.0.1", &redis.port().to_string()]).await;
    on(&replica.url()).await.one("problem", "it is a read-only replica");
}

#[tokio::test]
async fn clocks_that_differ() {
    let redis = RedisServer::start().await;
    let (little, much) =
        (DisguisedRedis::ahead(redis.address(), 5).await, DisguisedRedis::ahead(redis.address(), 90).await);
    let behind = DisguisedRedis::ahead(redis.address(), -90).await;
    let found = on(&little.url()).await;
    assert_eq!(found.code, 0, "{}", found.text);
    found.one("warning", "its clock is 5 s ahead of ours: messages expire too soon");
    on(&much.url()).await.one("problem", "its clock is 90 s ahead of ours, which is more than messages last");
    on(&behind.url()).await.one("problem", "its clock is 90 s behind ours");
    let found = doctor(&["--redis-url", &redis.url(), "--redis-url", &little.url()]).await;
    found.one("warning", "are 5 s apart");
}

#[tokio::test]
async fn settings_of_a_server_that_will_hurt() {
    let redis = RedisServer::with_args(&["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"]).await;
    for (name, value) in [
        ("timeout", "5"),
        ("client-output-buffer-limit", "pubsub 1048576 0 0"),
        ("maxclients", "16"),
        ("appendonly", "yes"),
        ("appendfsync", "always"),
    ] {
        redis.ok(&["CONFIG", "SET", name, value]).await;
    }
    let found = doctor(&["--backend", "redis-pubsub", "--redis-url", &redis.url()]).await;
    assert_eq!((found.code, found.bad().len()), (0, 5), "{}", found.text);
    for text in [
        "maxmemory-policy is allkeys-lru",
        "connections that are idle for 5 s",
        "1048576 bytes behind (client-output-buffer-limit pubsub)",
        "of at most 16 connections (maxclients)",
        "appendfsync always",
    ] {
        found.one("warning", text);
    }
}

#[tokio::test]
async fn a_server_that_is_full() {
    let redis = RedisServer::with_args(&["--maxmemory-policy", "noeviction"]).await;
    redis.ok(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let found = on(&redis.url()).await;
    assert_eq!(found.code, 1, "{}", found.text);
    found.one("warning", "of 1 bytes of memory (maxmemory)");
    found.one("problem", "is out of memory: raise its maxmemory, or find out who fills it");
}

#[tokio::test]
async fn commands_that_a_user_may_not_do() {
    let redis = RedisServer::start().await;
    redis.ok(&["ACL", "SETUSER", "me", "on", ">secret", "~*", "&*", "+@all", "-client|unblock", "-config"]).await;
    let url = format!("redis://me:secret@{}", redis.address());
    let found = on(&url).await;
    assert_eq!((found.code, found.bad().len()), (0, 1), "{}", found.text);
    let unblock = found.one("warning", "this user may not do CLIENT UNBLOCK");
    assert!(unblock["remedy"].as_str().unwrap().contains("+client|unblock"), "{unblock}");
    redis.ok(&["ACL", "SETUSER", "me", "-zadd"]).await;
    let found = on(&url).await;
    found.one("problem", "this user may not do ZADD, or not with the layer's keys: nothing can be sent");
    redis.ok(&["ACL", "SETUSER", "me", "+zadd", "resetkeys", "~other*"]).await;
    assert!(on(&url).await.text.contains("this user may not do BZPOPMIN, or not with the layer's keys"));
    let found = doctor(&["--redis-url", &url, "--prefix", "other"]).await;
    assert_eq!(found.code, 0, "the prefix's keys are the user's: {}", found.text);
}

#[tokio::test]
async fn commands_that_a_server_has_not() {
    let redis = RedisServer::with_args(&["--rename-command", "BZMPOP", "other"]).await;
    let found = on(&redis.url()).await;
    assert_eq!((found.code, found.bad().len()), (0, 1), "{}", found.text);
    found.one("warning", "knows no BZMPOP: messages are taken in more steps");
}

#[tokio::test]
async fn masters_of_sentinels_and_clusters_are_looked_at() {
    let (sentinels, cluster) = (Sentinels::start().await, RedisCluster::start().await);
    let places: Vec<_> = sentinels.addresses().iter().map(ToString::to_string).collect();
    let found = on(&format!("redis-sentinel://{}/{}", places.join(","), sentinels.name())).await;
    assert_eq!((found.code, found.bad()), (0, vec![]), "{}", found.text);
    found.one("fine", "Redis 7");
    let seed = cluster.urls()[0].replace("redis://", "redis-cluster://");
    for backend in ["redis", "redis-pubsub"] {
        let found = doctor(&["--backend", backend, "--redis-url", &seed]).await;
        assert_eq!((found.code, found.bad()), (0, vec![]), "{}", found.text);
        let every = found.all.iter().filter(|finding| finding["finding"] == "does every command that the layer uses");
        assert_eq!(every.count(), 3, "each master: {}", found.text);
    }
}

#[test]
fn few_descriptors_are_warned_of() {
    let mut doctor = Command::new("sh");
    doctor.args(["-c", "ulimit -n 256; exec \"$0\" doctor --json", env!("CARGO_BIN_EXE_channel-layers")]);
    let found = findings(doctor.envs([("RUST_LOG", "off")]).env_remove("REDIS_URL").env_remove("CHANNEL_LAYERS"));
    assert_eq!(found.code, 0);
    found.one("warning", "256 are allowed, and a gateway uses up to");
    let found = findings(&mut command(&["doctor", "--json", "--max-connections", "100"]));
    found.one("fine", "which is enough for every connection");
}

#[test]
fn a_gateway_is_looked_at() {
    let (mut server, url) = serve(0);
    let found = findings(&mut command(&["doctor", "--json", "--to", &url]));
    assert_eq!(found.code, 0, "{}", found.text);
    for text in ["answers", "is ready", "lets a client in over a WebSocket"] {
        found.one("fine", text);
    }
    server.terminate();
    let found = findings(&mut command(&["doctor", "--json", "--to", &url]));
    assert_eq!(found.code, 1);
    found.one("problem", "is `channel-layers serve` running there?");
    // Redis answers no HTTP, and another server knows no gateway's paths.
    let other = Running::start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = format!("{}/elsewhere", other.line().strip_prefix("listening on ").unwrap());
    findings(&mut command(&["doctor", "--json", "--to", &url]))
        .one("problem", "answers HTTP 404 Not Found to /healthz");
}
