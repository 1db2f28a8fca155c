//! An axum application with the gateway in it: `cargo run --example chat`, then send from another terminal with
//! `channel-layers group-send chat.lobby '{"type": "chat.message", "text": "hello"}'`.
//!
//! The application keeps its own routes. What it sends to a group reaches every browser that joined it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{GroupName, message};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One layer, shared by the gateway and by the application's own handlers and tasks.
    let layer = Layer::default();
    let gateway = Gateway::new(layer.clone(), GatewayConfig::default());

    let app = Router::new()
        .route("/", get("POST /rooms/lobby with a text; the gateway is at /ws\n"))
        .route("/rooms/{room}", post(say))
        .with_state(layer)
        .merge(gateway.router());

    let listener = TcpListener::bind("127.0.0.1:8000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    // `serve_router` closes the sockets on ctrl-c; an application that brings its own server calls `shutdown` itself.
    gateway.serve_router(listener, app, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}

/// A handler of the application: it sends to a group like any other part of it.
async fn say(State(layer): State<Layer>, Path(room): Path<String>, text: String) -> (StatusCode, String) {
    let Ok(group) = GroupName::new(format!("chat.{room}")) else {
        return (StatusCode::BAD_REQUEST, "that is no room\n".into());
    };
    match layer.group_send(&group, message! { "type": "chat.message", "from": "the server", "text": text }).await {
        Ok(()) => (StatusCode::ACCEPTED, "sent\n".into()),
        Err(e) => (StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")),
    }
}
