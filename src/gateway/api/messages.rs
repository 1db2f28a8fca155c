//! Sending to a group or to a channel, as a program in any language does it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Request, State};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{Failure, body};
use crate::gateway::auth::{Credentials, Identity};
use crate::gateway::session::check_type;
use crate::gateway::shared::Shared;
use crate::layer::ChannelLayer;
use crate::protocol::{ChannelName, ErrorCode, GroupName, Message};

/// A message was accepted.
#[derive(Serialize)]
pub(super) struct Accepted {
    /// How many connections of this gateway it went to.
    local: usize,
}

type Answer = Result<(StatusCode, Json<Accepted>), Failure>;

pub(super) async fn group_send<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    Path(group): Path<String>,
    request: Request,
) -> Answer {
    let group = GroupName::new(group).map_err(|e| Failure::new(ErrorCode::INVALID_NAME, e.to_string()))?;
    let (identity, message) = receive(&shared, request).await?;
    shared.authorizer.group_send(&identity, &group, &message).await?;
    check_serving(&shared)?;
    let local = shared.hub.members(&group);
    shared.layer.group_send(&group, message).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { local })))
}

pub(super) async fn send<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    Path(channel): Path<String>,
    request: Request,
) -> Answer {
    let channel = ChannelName::new(channel).map_err(|e| Failure::new(ErrorCode::INVALID_NAME, e.to_string()))?;
    let (identity, message) = receive(&shared, request).await?;
    shared.authorizer.send(&identity, &channel, &message).await?;
    check_serving(&shared)?;
    let local = usize::from(shared.connections.has_channel(&channel));
    shared.layer.send(&channel, message).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { local })))
}

/// Refuses what could be accepted and then not reach the clients that a shutdown is closing. Asked last, with no await
/// before the layer has the message.
fn check_serving<L>(shared: &Shared<L>) -> Result<(), Failure> {
    if !shared.connections.shutting_down() {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::NOT_AVAILABLE, "the gateway shuts down; send to another one, or later"))
}

/// Reads who asks, and the message.
async fn receive<L>(shared: &Shared<L>, request: Request) -> Result<(Identity, Message), Failure> {
    let (parts, body) = request.into_parts();
    body::check_json(&parts.headers)?;
    let body = body::read(body, shared.config.frame_limit).await?;
    let message = Message::from_json(body).map_err(|e| Failure::new(ErrorCode::BAD_REQUEST, e.to_string()))?;
    check_type(&message).map_err(|(code, reason)| Failure::new(code, reason))?;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let credentials = Credentials { token: bearer(&parts.headers), client: None, peer, headers: parts.headers };
    let identity = shared.authorizer.connect(&credentials).await?;
    let message = message.with_sender(identity.user.as_deref());
    Ok((identity, message))
}

/// The token of an `authorization: Bearer …` header (RFC 6750).
fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
