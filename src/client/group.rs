//! One group, as a member sees it.

use std::sync::Arc;

use super::Client;
use super::inbox::Messages;
use super::routes::Member;
use super::session::{GroupId, GroupState};
use super::watch::States;
use crate::{GroupName, Message, Result};

/// A member's hold on a group: the verbs `group_add`, `group_send` and `group_discard` of the channel layer
/// specification, carried by the client's connection.
///
/// From [`Client::group`] or [`Client::join`] on, the client is in the group whenever it is connected. Dropping the
/// handle leaves. Two handles of one name share the membership, and each receives every message.
#[derive(Debug)]
pub struct Group {
    client: Client,
    name: GroupName,
    id: GroupId,
    member: Arc<Member>,
    /// Whether this handle still counts.
    left: bool,
}

impl Group {
    pub(super) fn new(client: Client, name: GroupName, id: GroupId, member: Arc<Member>) -> Self {
        Self { client, name, id, member, left: false }
    }

    /// The group's name.
    pub fn name(&self) -> &GroupName {
        &self.name
    }

    /// Waits until the client is in the group: until the gateway has answered `group_add`. At once where it is. A group
    /// that the gateway has discarded is tried again.
    ///
    /// There is no timeout, since the client never stops trying; put one around it where that is wanted.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) where the gateway refuses for good, [`Closed`](crate::ErrorKind::Closed)
    /// or [`Terminated`](crate::ErrorKind::Terminated) where the client ends first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing about the membership.
    pub async fn joined(&self) -> Result<()> {
        self.client.request(|session, now| session.join(self.id, now)).await
    }

    /// Sends a message to the group: the verb `group_send`. Returns when the layer behind the gateway has accepted it;
    /// that it was received by anybody is not known. The sender gets it too, as a member.
    ///
    /// Without a connection it waits for one, within the timeout and the bounds of the client's queue.
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::ErrorKind::Timeout), [`QueueFull`](crate::ErrorKind::QueueFull),
    /// [`Refused`](crate::ErrorKind::Refused), [`MessageTooLarge`](crate::ErrorKind::MessageTooLarge);
    /// [`Disconnected`](crate::ErrorKind::Disconnected) where the connection was lost before the answer, so that
    /// nobody knows whether it was sent: it is not repeated. [`Closed`](crate::ErrorKind::Closed) or
    /// [`Terminated`](crate::ErrorKind::Terminated) once the client has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the message back where it is still queued; where it was sent, only the answer is lost.
    pub async fn send(&self, message: Message) -> Result<()> {
        self.client.request(|session, now| session.group_send(&self.name, &message, now)).await
    }

    /// Waits for the next message of the group.
    ///
    /// # Errors
    ///
    /// [`Lagged`](crate::ErrorKind::Lagged), once, where messages were dropped because they came faster than they were
    /// received. [`Terminated`](crate::ErrorKind::Terminated) or [`Refused`](crate::ErrorKind::Refused), once, where
    /// the gateway has removed or refused the client for good; [`joined`](Self::joined) tries again.
    /// [`Closed`](crate::ErrorKind::Closed) or [`Terminated`](crate::ErrorKind::Terminated) for ever once the client
    /// has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    pub async fn recv(&self) -> Result<Message> {
        self.member.inbox.recv().await
    }

    /// The messages of the group as a stream of what [`recv`](Self::recv) gives. It ends with the client.
    pub fn stream(&self) -> Messages<'_> {
        self.member.inbox.stream()
    }

    /// The state of the membership.
    pub fn state(&self) -> GroupState {
        self.member.state.get()
    }

    /// The states that the membership goes through. After [`Joined`](GroupState::Joined) without `recovered` messages
    /// may be missing, so load what they build on.
    pub fn states(&self) -> States<GroupState> {
        States::new(Arc::clone(&self.member.state))
    }

    /// Leaves the group: the verb `group_discard`, where this is the last handle of the name. Returns when the gateway
    /// has answered.
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::ErrorKind::Timeout) or [`Closed`](crate::ErrorKind::Closed); the client has left either way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves as well.
    pub async fn leave(mut self) -> Result<()> {
        self.left = true;
        self.client.request(|session, now| self.client.exit(session, self.id, &self.member, now)).await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.left {
            self.client.drop_group(self.id, &self.member);
        }
    }
}
