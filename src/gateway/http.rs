//! The HTTP side: a health check, and sending without a WebSocket.
//!
//! A browser may post across sites without asking, but not with `content-type: application/json`: that is why it is
//! required.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::time::timeout;

use super::auth::{Credentials, Denied, Identity};
use super::operation::explain;
use super::session::check_type;
use super::shared::Shared;
use super::upgrade::upgrade;
use crate::layer::ChannelLayer;
use crate::protocol::{ChannelName, ErrorCode, GroupName, Message};

/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The gateway's routes.
pub(crate) fn router<L: ChannelLayer>(shared: Arc<Shared<L>>) -> Router {
    Router::new()
        .route("/ws", routing::any(upgrade::<L>))
        .route("/healthz", routing::get(healthz))
        .route("/api/groups/{group}/messages", routing::post(group_send::<L>))
        .route("/api/channels/{channel}/messages", routing::post(send::<L>))
        .with_state(shared)
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// A message was accepted.
#[derive(Serialize)]
struct Accepted {
    /// How many connections of this gateway it went to.
    local: usize,
}

/// A request failed, in the words of the protocol's error frame.
struct Failure {
    status: StatusCode,
    code: ErrorCode,
    reason: String,
}

#[derive(Serialize)]
struct FailureBody<'a> {
    code: u16,
    name: &'a str,
    reason: &'a str,
}

type Answer = Result<(StatusCode, Json<Accepted>), Failure>;

async fn group_send<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    Path(group): Path<String>,
    request: Request,
) -> Answer {
    let group = GroupName::new(group).map_err(|e| Failure::new(ErrorCode::INVALID_NAME, e.to_string()))?;
    let (identity, message) = receive(&shared, request).await?;
    shared.authorizer.group_send(&identity, &group, &message).await.map_err(denied)?;
    check_serving(&shared)?;
    let local = shared.hub.members(&group);
    shared.layer.group_send(&group, message).await.map_err(|e| failed(&e))?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { local })))
}

async fn send<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    Path(channel): Path<String>,
    request: Request,
) -> Answer {
    let channel = ChannelName::new(channel).map_err(|e| Failure::new(ErrorCode::INVALID_NAME, e.to_string()))?;
    let (identity, message) = receive(&shared, request).await?;
    shared.authorizer.send(&identity, &channel, &message).await.map_err(denied)?;
    check_serving(&shared)?;
    let local = usize::from(shared.connections.has_channel(&channel));
    shared.layer.send(&channel, message).await.map_err(|e| failed(&e))?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { local })))
}

/// Refuses what could be accepted and then not reach the clients that a shutdown is closing. Asked last, with no await
/// before the layer has the message.
fn check_serving<L>(shared: &Shared<L>) -> Result<(), Failure> {
    if !shared.connections.shutting_down() {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::NOT_AVAILABLE, "the gateway shuts down; send to another one, or later".into()))
}

/// Reads who asks, and the message.
async fn receive<L>(shared: &Shared<L>, request: Request) -> Result<(Identity, Message), Failure> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        let reason = "the content-type must be application/json".into();
        return Err(Failure { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, code: ErrorCode::BAD_REQUEST, reason });
    }
    let body = read(body, shared.config.frame_limit).await?;
    let message = Message::from_json(body).map_err(|e| Failure::new(ErrorCode::BAD_REQUEST, e.to_string()))?;
    check_type(&message).map_err(|(code, reason)| Failure::new(code, reason))?;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let credentials = Credentials { token: bearer(&parts.headers), client: None, peer, headers: parts.headers };
    let identity = shared.authorizer.connect(&credentials).await.map_err(denied)?;
    let message = message.with_sender(identity.user.as_deref());
    Ok((identity, message))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Failure> {
    match timeout(BODY_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let reason = format!("the body could not be read, or has more than {limit} bytes");
            Err(Failure::new(ErrorCode::MESSAGE_TOO_LARGE, reason))
        }
        Err(_) => {
            let reason = format!("the body did not come within {BODY_TIMEOUT:?}");
            Err(Failure { status: StatusCode::REQUEST_TIMEOUT, code: ErrorCode::BAD_REQUEST, reason })
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The token of an `authorization: Bearer …` header (RFC 6750).
fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn denied(denied: Denied) -> Failure {
    let (code, reason) = denied.into_error();
    Failure::new(code, reason)
}

fn failed(error: &crate::Error) -> Failure {
    let (code, reason) = explain(error);
    Failure::new(code, reason)
}

impl Failure {
    fn new(code: ErrorCode, reason: String) -> Self {
        let status = match code {
            ErrorCode::UNAUTHORIZED | ErrorCode::TOKEN_EXPIRED => StatusCode::UNAUTHORIZED,
            ErrorCode::PERMISSION_DENIED | ErrorCode::RESERVED_TYPE => StatusCode::FORBIDDEN,
            ErrorCode::CHANNEL_FULL | ErrorCode::NOT_AVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::MESSAGE_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::INVALID_NAME | ErrorCode::BAD_REQUEST => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, code, reason }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = FailureBody { code: self.code.0, name: self.code.name(), reason: &self.reason };
        (self.status, Json(body)).into_response()
    }
}
