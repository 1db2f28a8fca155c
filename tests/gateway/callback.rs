//! A backend that decides who clients are: what it is asked, what its answers do, and how it may fail.

use std::time::Duration;

use channel_layers::gateway::auth::callback::{CallbackAuthorizer, CallbackConfig};
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use serde_json::{Value, json};

use super::backend::{Asked, Backend};
use crate::support::raw::{Raw, request};
use crate::support::{PATIENCE, Server, eventually};

/// Ann is who has this cookie. She may join and send in `chat.*`, and join `team.a`, which has to be asked for.
fn decide(asked: &Asked) -> Option<(u16, String)> {
    let cookie = asked.headers.get("cookie").map(|value| value.to_str().unwrap());
    if cookie != Some("sessionid=ann") {
        return Some((403, String::new()));
    }
    let answer = match asked.body["event"].as_str().unwrap() {
        "join" if asked.body["group"] == "team.a" && asked.body["user"] == "ann" => json!({}),
        "join" => json!({"denied": "that is not your team"}),
        _ => json!({
            "user": "ann",
            "groups": [{"pattern": "chat.*", "can": ["join", "send"]}],
            "types": ["chat.*"],
            "expires_in": 60,
        }),
    };
    Some((200, answer.to_string()))
}

fn config(backend: &Backend) -> CallbackConfig {
    CallbackConfig::new(backend.url("/connect")).with_join_url(backend.url("/join"))
}

async fn serve(config: CallbackConfig) -> (Server, CallbackAuthorizer) {
    let callback = CallbackAuthorizer::new(config).unwrap();
    let gateway = Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), callback.clone());
    (Server::of(gateway).await, callback)
}

async fn connect(server: &Server, headers: &str) -> Raw {
    let mut raw = Raw::handshake(server.address, &request(headers)).await;
    raw.text(r#"{"op":"connect","id":1,"client":"test/1","token":"t0"}"#).await;
    raw
}

async fn ann(server: &Server) -> Raw {
    let mut raw = connect(server, "Cookie: sessionid=ann\r\nUser-Agent: test\r\nX-Other: no\r\n").await;
    assert_eq!(raw.json().await["user"], "ann");
    raw
}

async fn ask(raw: &mut Raw, frame: Value) -> Value {
    raw.text(&frame.to_string()).await;
    raw.json().await
}

async fn join(raw: &mut Raw, group: &str) -> Value {
    ask(raw, json!({"op": "group_add", "id": 2, "group": group})).await
}

#[tokio::test]
async fn the_backend_decides_by_the_cookie() {
    let backend = Backend::start(decide).await;
    let (server, callback) = serve(config(&backend)).await;
    let mut raw = ann(&server).await;
    let asked = backend.asked().remove(0);
    assert_eq!(asked.path, "/connect");
    assert_eq!(asked.body, json!({"event": "connect", "client": "test/1", "token": "t0", "address": "127.0.0.1"}));
    assert_eq!(asked.headers["user-agent"], "test");
    assert_eq!(asked.headers["content-type"], "application/json");
    assert!(!asked.headers.contains_key("x-other"), "only what is named goes along");
    assert_eq!(join(&mut raw, "chat.lobby").await["op"], "ok");
    let hello = json!({"op": "group_send", "group": "chat.lobby", "message": {"type": "chat.hello"}});
    assert_eq!(ask(&mut raw, hello).await["message"]["sender"], "ann");
    let other = json!({"op": "group_send", "id": 3, "group": "chat.lobby", "message": {"type": "poll.vote"}});
    assert_eq!(ask(&mut raw, other).await["code"], 103);
    assert_eq!(backend.asked().len(), 1, "what was granted is not asked for");
    for headers in ["", "Cookie: sessionid=bob\r\n"] {
        assert_eq!(connect(&server, headers).await.closed().await.0, 4503);
    }
    assert_eq!((callback.stats().allowed, callback.stats().denied), (1, 2));
}

#[tokio::test]
async fn a_group_that_was_not_granted_is_asked_for() {
    let backend = Backend::start(decide).await;
    let (server, _) = serve(config(&backend)).await;
    let mut raw = ann(&server).await;
    assert_eq!(join(&mut raw, "team.a").await["op"], "ok");
    let asked = backend.asked().remove(1);
    assert_eq!(asked.path, "/join");
    assert_eq!(asked.headers["cookie"], "sessionid=ann");
    assert_eq!(asked.body, json!({"event": "join", "group": "team.a", "user": "ann", "address": "127.0.0.1"}));
    let refused = join(&mut raw, "team.b").await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!(103), &json!("that is not your team")));
    let send = json!({"op": "group_send", "id": 3, "group": "team.a", "message": {"type": "chat.hello"}});
    assert_eq!(ask(&mut raw, send).await["code"], 103, "who may listen need not be allowed to send");
}

#[tokio::test]
async fn a_refresh_looks_at_the_cookie_again() {
    let backend = Backend::start(decide).await;
    let (server, _) = serve(config(&backend)).await;
    let mut raw = ann(&server).await;
    let refresh = json!({"op": "refresh", "id": 2, "token": "t1"});
    assert_eq!(ask(&mut raw, refresh.clone()).await["expires"], 60.0);
    let asked = backend.asked().remove(1);
    assert_eq!(asked.body, json!({"event": "refresh", "token": "t1", "user": "ann", "address": "127.0.0.1"}));
    assert_eq!(asked.headers["cookie"], "sessionid=ann");
    backend.decides(|_| Some((401, String::new())));
    assert_eq!(ask(&mut raw, refresh).await["code"], 101);
}

#[tokio::test]
async fn whatever_is_not_clearly_a_yes_lets_nobody_in() {
    let backend = Backend::start(|_| None).await;
    let config = config(&backend).with_timeout(Duration::from_millis(200)).with_answer_limit(1000);
    let (server, callback) = serve(config).await;
    let large = json!({"user": "ann", "padding": "x".repeat(1000)}).to_string();
    let answers: [Option<(u16, &str)>; 8] = [
        None,
        Some((500, r#"{"user":"ann"}"#)),
        Some((302, r#"{"user":"ann"}"#)),
        Some((404, "")),
        Some((200, "<html>log in</html>")),
        Some((200, "")),
        Some((200, r#"{"user":"ann","groups":["*"]}"#)),
        Some((200, &large)),
    ];
    for (n, answer) in answers.iter().enumerate() {
        let answer = answer.map(|(status, body)| (status, body.to_owned()));
        backend.decides(move |_| answer.clone());
        let (code, reason) = connect(&server, "Cookie: sessionid=ann\r\n").await.closed().await;
        assert_eq!(code, 4001, "{n}: {reason}");
        assert_eq!(callback.stats().failed, n as u64 + 1);
    }
    drop(backend);
    assert_eq!(connect(&server, "Cookie: sessionid=ann\r\n").await.closed().await.0, 4001, "nobody is there");
    assert_eq!(callback.stats().allowed, 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Backend::start(|_| Some((200, r#"{"user":"root"}"#.into()))).await;
    let target = elsewhere.url("/");
    let redirects = axum::Router::new().fallback(move || async move { axum::response::Redirect::temporary(&target) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(axum::serve(listener, redirects).into_future());
    let (server, _) = serve(CallbackConfig::new(url)).await;
    assert_eq!(connect(&server, "").await.closed().await.0, 4001);
    assert!(elsewhere.asked().is_empty());
    task.abort();
}

#[tokio::test]
async fn a_decision_is_asked_for_again_unless_it_may_be_kept() {
    let backend = Backend::start(decide).await;
    let (server, _) = serve(config(&backend)).await;
    drop((ann(&server).await, ann(&server).await));
    assert_eq!(backend.asked().len(), 2, "by default a logout counts at once");
    let kept = config(&backend).with_cache(Duration::from_secs(60));
    let (server, callback) = serve(kept).await;
    let mut raw = ann(&server).await;
    drop(ann(&server).await);
    assert_eq!((join(&mut raw, "team.b").await["code"].as_u64(), backend.asked().len()), (Some(103), 4));
    assert_eq!((join(&mut raw, "team.b").await["code"].as_u64(), backend.asked().len()), (Some(103), 4));
    assert_eq!(callback.stats().cached, 2);
    assert_eq!(connect(&server, "Cookie: sessionid=bob\r\n").await.closed().await.0, 4503, "each cookie for itself");
    assert_eq!(join(&mut raw, "team.a").await["op"], "ok", "and each group");
}

#[tokio::test]
async fn no_more_questions_are_under_way_than_allowed() {
    let backend = Backend::held(decide).await;
    let (server, callback) = serve(config(&backend).with_concurrency(2).with_timeout(PATIENCE)).await;
    for n in 0..10 {
        let mut raw = Raw::handshake(server.address, &request(&format!("Cookie: sessionid={n}\r\n"))).await;
        raw.text(r#"{"op":"connect","id":1}"#).await;
        tokio::spawn(async move { raw.closed().await });
    }
    for answered in 0..10 {
        let expected = (answered + 2).min(10);
        eventually("the next one is asked", || backend.asked().len() == expected).await;
        assert_eq!(backend.asked().len(), expected);
        backend.let_go(1);
        eventually("one is answered", || callback.stats().denied == answered as u64 + 1).await;
    }
}

#[test]
fn what_cannot_be_asked_is_said_at_once() {
    for (url, says) in [
        ("ftp://x/", "write http://"),
        ("/connect", "write http://"),
        ("http://user:hidden@host/", "leave it out"),
        ("http://a b/", "is no address"),
    ] {
        let text = CallbackAuthorizer::new(CallbackConfig::new(url)).unwrap_err().to_string();
        assert!(text.contains(says) && !text.contains("hidden"), "{text}");
    }
    let config = CallbackConfig::new("http://x/").with_headers([http::header::HOST]);
    assert!(CallbackAuthorizer::new(config).unwrap_err().to_string().contains("host"));
}
