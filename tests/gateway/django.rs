//! Django's own login lets a browser into the gateway: the project in `examples/django` says by the session's cookie who that
//! is and what it may do, and no longer after the logout.

use channel_layers::gateway::auth::callback::{CallbackAuthorizer, CallbackConfig};
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use rig::django::{Backend, Site};
use serde_json::{Value, json};

use crate::support::raw::{Raw, request};
use crate::support::{PATIENCE, Server};

async fn connect(server: &Server, cookies: &str) -> Raw {
    let mut raw = Raw::handshake(server.address, &request(&format!("Cookie: {cookies}\r\n"))).await;
    raw.text(r#"{"op":"connect","id":1}"#).await;
    raw
}

async fn ask(raw: &mut Raw, frame: Value) -> Value {
    raw.text(&frame.to_string()).await;
    raw.json().await
}

#[tokio::test]
async fn who_is_logged_in_at_django_is_known_at_the_gateway() {
    // Nothing is sent through Redis here.
    let site = Site::start("redis://localhost:1", Backend::Core).await;
    site.add_user("ann", "correct-horse").await;
    // Django answers in some milliseconds, and on a machine that is busy in more.
    let config = CallbackConfig::new(site.connect_url()).with_timeout(PATIENCE);
    let callback = CallbackAuthorizer::new(config).unwrap();
    let gateway = Gateway::with_authorizer(Layer::default(), GatewayConfig::default(), callback);
    let server = Server::of(gateway).await;

    let (code, reason) = connect(&server, "").await.closed().await;
    assert_eq!(code, 4502, "{reason}: {}", site.log());
    assert_eq!(connect(&server, "sessionid=made-up").await.closed().await.0, 4502);

    let cookies = site.login("ann", "correct-horse").await;
    let mut raw = connect(&server, &cookies).await;
    let welcome = raw.json().await;
    assert_eq!(welcome["user"], "ann", "{welcome}");
    assert!(welcome["expires"].as_f64().unwrap() > 86_400.0, "{welcome}");
    assert_eq!(ask(&mut raw, json!({"op": "group_add", "id": 2, "group": "chat.lobby"})).await["op"], "ok");
    let hello = json!({"type": "chat.message", "text": "hello", "sender": "root"});
    let heard = ask(&mut raw, json!({"op": "group_send", "group": "chat.lobby", "message": hello})).await;
    assert_eq!(heard["message"]["sender"], "ann");
    assert_eq!(ask(&mut raw, json!({"op": "group_add", "id": 3, "group": "user.2"})).await["code"], 103);
    let other = json!({"op": "group_send", "id": 4, "group": "chat.lobby", "message": {"type": "poll.vote"}});
    assert_eq!(ask(&mut raw, other).await["code"], 103);

    site.logout(&cookies).await;
    assert_eq!(connect(&server, &cookies).await.closed().await.0, 4502);
}
