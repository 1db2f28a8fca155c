//! The HTTP side: a health check, and sending without a WebSocket.
//!
//! - `messages`: to a group, to a channel;
//! - `body`: what comes in and goes out, bounded in bytes and time;
//! - `failure`: refusals, in the words of the protocol's error frame.

mod body;
mod failure;
mod messages;

use std::sync::Arc;

use axum::{Router, routing};

use super::shared::Shared;
use super::upgrade::upgrade;
use crate::layer::ChannelLayer;
use failure::Failure;

/// The gateway's routes.
pub(crate) fn router<L: ChannelLayer>(shared: Arc<Shared<L>>) -> Router {
    Router::new()
        .route("/ws", routing::any(upgrade::<L>))
        .route("/healthz", routing::get(healthz))
        .route("/api/groups/{group}/messages", routing::post(messages::group_send::<L>))
        .route("/api/channels/{channel}/messages", routing::post(messages::send::<L>))
        .with_state(shared)
}

async fn healthz() -> &'static str {
    "ok\n"
}
