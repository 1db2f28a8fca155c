//! Sending over HTTP: to a group, to a channel, or many messages at once.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use super::caller::Caller;
use super::once::Ticket;
use super::reply::Reply;
use super::{Failure, batch, body};
use crate::gateway::session::{check_group, check_type};
use crate::gateway::shared::Shared;
use crate::layer::ChannelLayer;
use crate::protocol::{ChannelName, ErrorCode, GroupName, Message, Target};

type Answer = Result<Reply, Failure>;

/// A message was accepted.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    /// How many connections of this gateway it went to.
    local: usize,
}

pub(super) async fn to_group<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    one(shared, group(text(path)?)?, request).await
}

pub(super) async fn to_channel<L: ChannelLayer>(
    State(shared): State<Arc<Shared<L>>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    one(shared, channel(text(path)?)?, request).await
}

pub(super) async fn many<L: ChannelLayer>(State(shared): State<Arc<Shared<L>>>, request: Request) -> Answer {
    let asked = Asked::read(&shared, request, shared.config.batch_bytes).await?;
    let items = batch::items(&asked.body, shared.config.batch_items)?;
    let work = batch::send(Arc::clone(&shared), asked.caller, items);
    shared.api.answers.once(asked.ticket, async { Ok(work.await) }).await
}

async fn one<L: ChannelLayer>(shared: Arc<Shared<L>>, to: Target, request: Request) -> Answer {
    let Asked { caller, body, ticket } = Asked::read(&shared, request, shared.config.frame_limit).await?;
    let sending = Arc::clone(&shared);
    let work = async move {
        let accepted = send(&sending, &caller, &to, body).await?;
        Ok(Reply::new(StatusCode::ACCEPTED, &accepted, true))
    };
    shared.api.answers.once(ticket, work).await
}

/// Sends one message, if its sender may.
pub(super) async fn send<L: ChannelLayer>(
    shared: &Shared<L>,
    caller: &Caller,
    to: &Target,
    message: Message,
) -> Result<Accepted, Failure> {
    check_type(&message)?;
    if let Target::Group(group) = to {
        check_group(group)?;
    }
    let message = caller.sign(message);
    caller.may_send(shared, to, &message).await?;
    // Asked last, with no await before the layer has the message: what is accepted later might not reach the clients
    // that a shutdown is closing.
    if shared.connections.shutting_down() {
        let reason = "the gateway shuts down; send to another one, or later";
        return Err(Failure::new(ErrorCode::NOT_AVAILABLE, reason));
    }
    let local = match to {
        Target::Group(group) => shared.hub.members(group),
        Target::Channel(channel) => usize::from(shared.connections.has_channel(channel)),
    };
    let sent = match to {
        Target::Group(group) => shared.layer.group_send(group, message).await,
        Target::Channel(channel) => shared.layer.send(channel, message).await,
    };
    sent.map_err(|error| shared.explain(&error))?;
    Ok(Accepted { local })
}

/// A request to send something, read.
struct Asked {
    caller: Caller,
    body: Message,
    ticket: Option<Ticket>,
}

impl Asked {
    async fn read<L>(shared: &Shared<L>, request: Request, limit: usize) -> Result<Self, Failure> {
        let (parts, body): (Parts, _) = request.into_parts();
        let encoding = body::encoding(&parts.headers)?;
        let caller = Caller::identify(shared, &parts).await?;
        let body = body::read(body, encoding, limit).await?;
        let ticket = Ticket::read(&parts.headers, &caller, parts.uri.path(), &body)?;
        Ok(Self { caller, body, ticket })
    }
}

fn text(path: Result<Path<String>, PathRejection>) -> Result<String, Failure> {
    path.map(|Path(text)| text).map_err(|_| Failure::new(ErrorCode::INVALID_NAME, "the name in the path is not UTF-8"))
}

pub(super) fn group(name: impl AsRef<str>) -> Result<Target, Failure> {
    GroupName::new(name).map(Target::Group).map_err(|e| Failure::new(ErrorCode::INVALID_NAME, e.to_string()))
}

pub(super) fn channel(name: impl AsRef<str>) -> Result<Target, Failure> {
    ChannelName::new(name).map(Target::Channel).map_err(|e| Failure::new(ErrorCode::INVALID_NAME, e.to_string()))
}
