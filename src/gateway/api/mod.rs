//! The HTTP side: sending without a WebSocket, and what operators look at.
//!
//! - `messages`, `batch`: sending, and `once`, so that it can be repeated safely;
//! - `caller`: who asks, by an API key (`keys`, slowed by `guesses`) or as a client;
//! - `orders`: what is wanted of open sockets;
//! - `info`, `health`: what is connected, and whether it works;
//! - `body`: what comes in and goes out, in either encoding, bounded in bytes and time;
//! - `reply`, `failure`: answers, and refusals in the words of the protocol's error frame.

mod batch;
mod body;
mod caller;
mod failure;
mod guesses;
mod health;
mod info;
mod keys;
mod messages;
mod once;
mod orders;
mod reply;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Router, routing};

use super::shared::Shared;
use super::upgrade::upgrade;
use crate::layer::ChannelLayer;
use crate::protocol::ErrorCode;
use guesses::Guesses;
use once::Answers;

pub(crate) use caller::check_admin;
pub(crate) use failure::Failure;
pub(crate) use health::not_ready;
pub use keys::ApiKeys;
pub(crate) use reply::Reply;

/// What the HTTP side remembers from one request to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    guesses: Guesses,
    answers: Arc<Answers>,
}

/// The gateway's routes.
pub(crate) fn router<L: ChannelLayer>(shared: Arc<Shared<L>>) -> Router {
    let api = Router::new()
        .route("/api/groups/{group}/messages", routing::post(messages::to_group::<L>))
        .route("/api/channels/{channel}/messages", routing::post(messages::to_channel::<L>))
        .route("/api/batch", routing::post(messages::many::<L>))
        .route("/api/disconnect", routing::post(orders::disconnect::<L>))
        .route("/api/leave", routing::post(orders::leave::<L>))
        .route("/api/info", routing::get(info::info::<L>))
        .route_layer(middleware::from_fn(body::translate))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&shared), count::<L>));
    Router::new()
        .route("/ws", routing::any(upgrade::<L>))
        .route("/healthz", routing::get(health::alive))
        .route("/readyz", routing::get(health::ready::<L>))
        .merge(api)
        .with_state(shared)
}

/// Counts refusals by their codes.
async fn count<L: ChannelLayer>(State(shared): State<Arc<Shared<L>>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(code) = response.extensions().get::<ErrorCode>() {
        shared.counters.rejected(*code);
    }
    response
}
