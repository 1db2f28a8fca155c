//! Commands that talk to a channel layer themselves, without a gateway.

use rig::RedisServer;

use super::{Running, command, fails};

/// A listener on a layer, once it says that it hears what is named.
fn listen(url: &str, args: &[&str], ready: &str) -> Running {
    let listener = Running::start(&[&["listen", "--redis-url", url], args].concat());
    listener.says(ready);
    listener
}

fn succeeds(args: &[&str]) {
    let output = command(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty(), "{args:?}");
}

#[tokio::test]
async fn what_is_sent_to_a_group_is_heard() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    for backend in ["redis", "redis-pubsub"] {
        let layer = ["--backend", backend];
        let mut listener = listen(&url, &[&layer[..], &["--group", "news"]].concat(), "joined news");
        succeeds(&["group-send", "--backend", backend, "--redis-url", &url, "news", r#"{"type":"item","n":1}"#]);
        assert_eq!(listener.line(), r#"{"group":"news","message":{"type":"item","n":1}}"#);
        assert_eq!(listener.terminate(), Some(0));
    }
}

#[tokio::test]
async fn each_message_of_a_channel_is_printed_by_one_worker_once() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    let ready = "receiving on work";
    let mut workers = [listen(&url, &["--channel", "work"], ready), listen(&url, &["--channel", "work"], ready)];
    for n in 0..10 {
        succeeds(&["send", "--redis-url", &url, "work", &format!(r#"{{"n":{n}}}"#)]);
    }
    let mut lines = Vec::new();
    rig::within("ten lines", async {
        while lines.len() < 10 {
            lines.extend(workers.iter().flat_map(|worker| worker.out.try_iter().collect::<Vec<_>>()));
            rig::pause().await;
        }
    })
    .await;
    for worker in &mut workers {
        assert_eq!(worker.terminate(), Some(0));
        lines.extend(worker.out.iter());
    }
    lines.sort();
    assert_eq!(lines, (0..10).map(|n| format!(r#"{{"channel":"work","message":{{"n":{n}}}}}"#)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_listener_has_a_channel_of_its_own() {
    let redis = RedisServer::start().await;
    let listener = Running::start(&["listen", "--redis-url", &redis.url()]);
    let said = listener.says("channel of its own");
    let channel = format!("listen.{}", said.split("listen.").nth(1).unwrap().split_whitespace().next().unwrap());
    succeeds(&["send", "--redis-url", &redis.url(), &channel, "{}"]);
    assert_eq!(listener.line(), format!(r#"{{"channel":"{channel}","message":{{}}}}"#));
}

#[tokio::test]
async fn the_url_may_come_from_the_environment_and_the_prefix_keeps_projects_apart() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    let one = listen(&url, &["--group", "g", "--prefix", "one"], "joined g");
    let two = listen(&url, &["--group", "g", "--prefix", "two"], "joined g");
    for prefix in ["two", "one"] {
        let message = format!(r#"{{"to":"{prefix}"}}"#);
        let mut send = command(&["group-send", "--backend", "redis", "--prefix", prefix, "g", &message]);
        assert_eq!(send.env("REDIS_URL", &url).output().unwrap().status.code(), Some(0));
    }
    assert_eq!(one.line(), r#"{"group":"g","message":{"to":"one"}}"#);
    assert_eq!(two.line(), r#"{"group":"g","message":{"to":"two"}}"#);
}

#[tokio::test]
async fn shards_are_given_one_by_one() {
    let (a, b) = (RedisServer::start().await, RedisServer::start().await);
    let layer = ["--redis-url".to_owned(), a.url(), "--redis-url".to_owned(), b.url()];
    let layer: Vec<&str> = layer.iter().map(String::as_str).collect();
    let groups = ["g0", "g1", "room-1", "room-2", "lobby"];
    let joins: Vec<&str> = groups.iter().flat_map(|group| ["--group", group]).collect();
    let listener = Running::start(&[&["listen"], &layer[..], &joins].concat());
    listener.says("joined lobby");
    for group in groups {
        succeeds(&[&["group-send"], &layer[..], &[group, "{}"]].concat());
        assert_eq!(listener.line(), format!(r#"{{"group":"{group}","message":{{}}}}"#));
    }
}

#[tokio::test]
async fn a_gateway_and_a_command_meet_in_redis() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    let server = Running::start(&["serve", "--listen", "127.0.0.1:0", "--redis-url", &url]);
    let gateway = server.line().strip_prefix("listening on ").unwrap().to_owned();
    let listener = super::listen(&gateway, "news");
    succeeds(&["group-send", "--redis-url", &url, "news", r#"{"n":1}"#]);
    assert_eq!(listener.line(), r#"{"group":"news","message":{"n":1}}"#);
    let direct = listen(&url, &["--group", "news"], "joined news");
    assert_eq!(super::group_send(&gateway, "news", r#"{"n":2}"#).status.code(), Some(0));
    assert_eq!(direct.line(), r#"{"group":"news","message":{"n":2}}"#);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() {
    let redis = RedisServer::options().password("right").start().await;
    let url = format!("redis://:hunter2@{}", redis.address());
    let output = command(&["group-send", "--redis-url", &url, "g", "{}"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&redis.address().to_string()) && !said.contains("hunter2"), "{said}");
}

#[test]
fn where_no_redis_answers_is_3() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("redis://:hunter2@{free}");
    fails(&["group-send", "--redis-url", &url, "g", "{}"], 3, &free.to_string());
    fails(&["listen", "--redis-url", &url, "--channel", "c"], 3, &free.to_string());
}
