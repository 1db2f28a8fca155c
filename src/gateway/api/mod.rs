//! The HTTP side: sending without a WebSocket, and what operators look at.
//!
//! - `messages`, `batch`: sending, and `once`, so that it can be repeated safely;
//! - `caller`: who asks, by an API key (`keys`, slowed by `guesses`) or as a client;
//! - `orders`: what is wanted of open sockets;
//! - `info`, `health`, `metrics`: what is connected, whether it works, what was counted;
//! - `openapi`: what all of this is, for programs;
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
mod metrics;
mod once;
mod openapi;
mod orders;
mod reply;

use std::sync::Arc;
use std::time::SystemTime;

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
#[derive(Debug)]
pub(crate) struct Memory {
    /// When the gateway was made.
    since: SystemTime,
    guesses: Guesses,
    answers: Arc<Answers>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { since: SystemTime::now(), guesses: Guesses::default(), answers: Arc::default() }
    }
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
        .route("/api/openapi.json", routing::get(openapi::description))
        .route("/metrics", routing::get(metrics::metrics::<L>))
        .route("/readyz", routing::get(health::ready::<L>))
        .route_layer(middleware::from_fn(body::translate))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&shared), count::<L>));
    Router::new()
        .route("/ws", routing::any(upgrade::<L>))
        .route("/healthz", routing::get(health::alive))
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
