//! What the session asks of the world outside it: permission first, then the layer or the hub.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tracing::{Instrument, Span};

use super::auth::{Credentials, Denied, Identity};
use super::connections::LocalChannel;
use super::direct::Direct;
use super::hub::Membership;
use super::roster::Bounds;
use super::session::{Connected, Operation, Outcome};
use super::shard::Key;
use super::shared::Shared;
use super::tally::Counted;
use crate::layer::{ChannelLayer, Mailbox, MailboxOptions};
use crate::protocol::{CloseCode, ErrorCode, GroupName};
use crate::{Error, ErrorKind};

/// A running operation. Dropping it cancels it, and nothing is left behind.
pub(crate) type Running = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// How an operation ended, and what the connection holds from now on.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) gained: Gained,
}

/// What the connection holds from now on.
#[derive(Debug)]
pub(crate) enum Gained {
    Nothing,
    /// Who the client is from now on, and the groups that it may no longer be in.
    Identity {
        identity: Arc<Identity>,
        withdrawn: Vec<GroupName>,
    },
    Channel {
        identity: Arc<Identity>,
        mailbox: Mailbox,
        direct: Arc<Direct>,
        local: LocalChannel,
        user: Option<Counted<Arc<str>>>,
    },
    Membership(GroupName, Membership),
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) identity: Arc<Identity>,
    /// The groups that it is in, where that matters: for a refresh.
    pub(crate) joined: Vec<GroupName>,
    pub(crate) key: Key,
    pub(crate) shard: usize,
    /// The connection's, for the log.
    pub(crate) span: Span,
}

/// Starts an operation. `credentials` are what the client's HTTP request showed.
pub(crate) fn start<L: ChannelLayer>(
    shared: Arc<Shared<L>>,
    asker: Asker,
    credentials: Option<Box<Credentials>>,
    operation: Operation,
) -> Running {
    let span = asker.span.clone();
    let performing = async move {
        match shared.perform(asker, credentials, operation).await {
            Ok(finished) => finished,
            Err(outcome) => Finished { outcome, gained: Gained::Nothing },
        }
    };
    Box::pin(performing.instrument(span))
}

impl<L: ChannelLayer> Shared<L> {
    async fn perform(
        self: Arc<Self>,
        asker: Asker,
        credentials: Option<Box<Credentials>>,
        operation: Operation,
    ) -> Result<Finished, Outcome> {
        let Asker { identity, joined, key, shard, span: _ } = asker;
        let may = &*self.authorizer;
        match operation {
            Operation::Connect { token, client } => {
                let shown = credentials.map(|c| *c).unwrap_or_default();
                self.connect(Credentials { token, client, ..shown }, key, shard).await
            }
            Operation::Refresh { token } => {
                let credentials = Credentials { token: Some(token), ..Credentials::default() };
                let fresh = may.refresh(&identity, &credentials).await.map_err(failed)?;
                if fresh.user != identity.user {
                    let reason = "the fresh token is another user's".into();
                    return Err(Outcome::Failed(ErrorCode::PERMISSION_DENIED, reason));
                }
                let withdrawn = self.withdrawn(&fresh, joined).await;
                let outcome = Outcome::Refreshed { expires: fresh.expires };
                Ok(Finished { outcome, gained: Gained::Identity { identity: Arc::new(fresh), withdrawn } })
            }
            Operation::Enter(group) => self.join(group, shard).await,
            Operation::Join(group) => {
                may.join(&identity, &group).await.map_err(|denied| {
                    tracing::debug!(%group, "joining was denied");
                    failed(denied)
                })?;
                self.join(group, shard).await
            }
            Operation::GroupSend(group, message) => {
                may.group_send(&identity, &group, &message).await.map_err(failed)?;
                self.done(self.layer.group_send(&group, message).await)
            }
            Operation::Send(channel, message) => {
                may.send(&identity, &channel, &message).await.map_err(failed)?;
                self.done(self.layer.send(&channel, message).await)
            }
            Operation::Leave(_) => self.done(Ok(())),
        }
    }

    /// Which of these groups the client may no longer be in. Where that cannot be decided now it stays until the next
    /// refresh.
    async fn withdrawn(&self, identity: &Identity, joined: Vec<GroupName>) -> Vec<GroupName> {
        let mut withdrawn = Vec::new();
        for group in joined.into_iter().filter(|group| !identity.join.contains(group)) {
            match self.authorizer.join(identity, &group).await {
                Ok(()) => {}
                Err(Denied::Unavailable(_)) => break,
                Err(_) => withdrawn.push(group),
            }
        }
        withdrawn
    }

    async fn join(&self, group: GroupName, shard: usize) -> Result<Finished, Outcome> {
        let membership = self.hub.join(&group, shard).await.map_err(|e| self.layer_failed(&e))?;
        tracing::debug!(%group, "joined");
        Ok(Finished { outcome: Outcome::Done, gained: Gained::Membership(group, membership) })
    }

    async fn connect(self: &Arc<Self>, credentials: Credentials, key: Key, shard: usize) -> Result<Finished, Outcome> {
        let rejected = |denied: Denied| {
            let (code, reason) = denied.into_close();
            Outcome::Rejected(code, reason)
        };
        let identity = self.authorizer.connect(&credentials).await.map_err(rejected)?;
        tracing::debug!(user = identity.user, client = credentials.client, "a client connected");
        let user = identity.user.as_deref().map(|user| self.admit_user(user)).transpose()?;
        let bounds = Bounds { messages: self.config.outbound_messages, bytes: self.config.outbound_bytes };
        let direct = Direct::new(Arc::clone(&self.connections.inboxes()[shard]), key, bounds);
        let options = MailboxOptions::default()
            .with_capacity(bounds.messages)
            .with_bytes(bounds.bytes)
            .with_sink(Arc::clone(&direct) as _);
        let mailbox = self.layer.mailbox("gateway", options).await.map_err(|e| self.layer_failed(&e))?;
        let outcome = Outcome::Connected(Box::new(Connected {
            channel: mailbox.channel().clone(),
            user: identity.user.clone(),
            groups: identity.join.clone(),
            expires: identity.expires,
        }));
        let local = self.connections.channel(mailbox.channel().clone());
        let identity = Arc::new(identity);
        Ok(Finished { outcome, gained: Gained::Channel { identity, mailbox, direct, local, user } })
    }

    fn done(&self, result: crate::Result<()>) -> Result<Finished, Outcome> {
        result.map(|()| Finished { outcome: Outcome::Done, gained: Gained::Nothing }).map_err(|e| self.layer_failed(&e))
    }

    fn layer_failed(&self, error: &Error) -> Outcome {
        let (code, reason) = self.explain(error);
        Outcome::Failed(code, reason)
    }

    fn admit_user(&self, user: &str) -> Result<Counted<Arc<str>>, Outcome> {
        let reason = || format!("a user may have {} connections", self.config.user_connections);
        let crowded = || Outcome::Rejected(CloseCode::CONNECTION_LIMIT, reason());
        self.connections.admit_user(user).ok_or_else(crowded)
    }
}

fn failed(denied: Denied) -> Outcome {
    let (code, reason) = denied.into_error();
    Outcome::Failed(code, reason)
}

impl<L> Shared<L> {
    /// Counts a layer's error, and says what it is to a client.
    pub(crate) fn explain(&self, error: &Error) -> (ErrorCode, String) {
        self.counters.layer_failed(error.kind());
        let code = match error.kind() {
            ErrorKind::ChannelFull => ErrorCode::CHANNEL_FULL,
            ErrorKind::MessageTooLarge => ErrorCode::MESSAGE_TOO_LARGE,
            ErrorKind::InvalidName => ErrorCode::INVALID_NAME,
            ErrorKind::Closed
            | ErrorKind::Io
            | ErrorKind::Timeout
            | ErrorKind::Disconnected
            | ErrorKind::Unavailable => ErrorCode::NOT_AVAILABLE,
            _ => ErrorCode::INTERNAL,
        };
        let reason = match code {
            // What the layer says about itself is for the log, not for clients.
            ErrorCode::INTERNAL | ErrorCode::NOT_AVAILABLE => {
                tracing::warn!(%error, "the channel layer failed");
                "the channel layer is not available".into()
            }
            _ => error.to_string(),
        };
        (code, reason)
    }
}
