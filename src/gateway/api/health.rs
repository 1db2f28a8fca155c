//! What load balancers and orchestrators ask: whether the process lives, and whether it should be given work.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::body;
use crate::gateway::shared::Shared;
use crate::layer::ChannelLayer;

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The process lives: nothing more, so that no trouble elsewhere gets it restarted.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether clients should be sent here. Strangers may ask, so the reason names no server; `/api/info` does.
pub(super) async fn ready<L: ChannelLayer>(State(shared): State<Arc<Shared<L>>>) -> Response {
    let reason = not_ready(&shared);
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    body::json(status, body::text(&Readiness { ready: reason.is_none(), reason }))
}

/// Why clients should not be sent here, if they should not.
pub(crate) fn not_ready<L: ChannelLayer>(shared: &Shared<L>) -> Option<&'static str> {
    if shared.connections.draining() {
        return Some("the gateway shuts down");
    }
    (!shared.layer.health().is_ready()).then_some("the channel layer does not carry messages")
}
