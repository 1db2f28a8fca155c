//! Where a session's events go: replies to those who wait for them, messages to inboxes, states to followers.
//!
//! Every change here is made under the session's lock by the call that causes it, and the driver takes events out under
//! the same lock later. So an event always finds the receiver that it is for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use super::driver::Listener;
use super::inbox::Inbox;
use super::platform::{TokenFuture, TokenProvider};
use super::session::{Event, Failure, GroupId, GroupState, RequestId, State};
use super::watch::Watch;
use crate::protocol::{ErrorCode, action};
use crate::{Error, ErrorKind, Message};

/// The reply to a request.
pub(super) type Reply = oneshot::Receiver<Result<(), Failure>>;

/// The receiving side of one group handle.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) inbox: Inbox,
    pub(super) state: Arc<Watch<GroupState>>,
}

#[derive(Debug)]
pub(super) struct Routes {
    pub(super) state: Arc<Watch<State>>,
    /// For messages to the connection's own channel.
    pub(super) own: Inbox,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    replies: BTreeMap<RequestId, oneshot::Sender<Result<(), Failure>>>,
    members: BTreeMap<GroupId, Vec<Arc<Member>>>,
}

impl Routes {
    pub(super) fn new(state: State, own: Inbox) -> Self {
        Self { state: Arc::new(Watch::new(state)), own, table: Mutex::default() }
    }

    pub(super) fn expect(&self, id: RequestId) -> Reply {
        let (sender, receiver) = oneshot::channel();
        self.table().replies.insert(id, sender);
        receiver
    }

    pub(super) fn forget(&self, id: RequestId) {
        self.table().replies.remove(&id);
    }

    pub(super) fn enter(&self, group: GroupId, member: &Arc<Member>) {
        let mut table = self.table();
        let members = table.members.entry(group).or_default();
        if let Some(other) = members.first() {
            member.state.set(other.state.get());
        }
        members.push(Arc::clone(member));
    }

    pub(super) fn exit(&self, group: GroupId, member: &Arc<Member>) {
        let mut table = self.table();
        if let Some(members) = table.members.get_mut(&group) {
            members.retain(|other| !Arc::ptr_eq(other, member));
            if members.is_empty() {
                table.members.remove(&group);
            }
        }
    }

    fn message(&self, group: Option<GroupId>, message: Message) {
        let Some(group) = group else { return self.own.push(Ok(message)) };
        if let Some(members) = self.table().members.get(&group) {
            members.iter().for_each(|member| member.inbox.push(Ok(message.clone())));
        }
    }

    fn group_state(&self, group: GroupId, state: &GroupState) {
        let members = self.table().members.get(&group).cloned().unwrap_or_default();
        for member in members {
            if let GroupState::Discarded { code, reason } = state {
                member.inbox.push(Err(discarded(*code, reason)));
            }
            member.state.set(state.clone());
        }
    }

    /// Why the client has ended.
    pub(super) fn why_ended(&self) -> Error {
        self.end_failure().into()
    }

    fn end_failure(&self) -> Failure {
        let (kind, reason) = match self.state.get() {
            State::Closed { code: 1000, reason } => (ErrorKind::Closed, reason),
            State::Closed { code, reason } => (ErrorKind::Terminated(code), reason),
            _ => (ErrorKind::Closed, "the runtime of the client was shut down".to_owned()),
        };
        Failure { kind, reason: reason.into(), temporary: false, retry_after: None }
    }

    /// Nothing will happen any more.
    fn end(&self) {
        let why = self.end_failure();
        let table = std::mem::take(&mut *self.table());
        for member in table.members.into_values().flatten() {
            member.inbox.close(why.clone());
            member.state.end();
        }
        self.own.close(why);
        self.state.end();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is one call of a map, so a poisoned table is whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a receiver learns when its group was given up.
fn discarded(code: u16, reason: &str) -> Failure {
    let kind = match code {
        0..1000 => ErrorKind::Refused(ErrorCode(code)),
        _ => ErrorKind::Terminated(code),
    };
    let temporary = action(code) != crate::protocol::Action::Terminal;
    Failure { kind, reason: reason.to_owned().into(), temporary, retry_after: None }
}

/// The driver's listener behind a [`Client`](super::Client). Its end is the end of everything that waits.
pub(super) struct Router {
    pub(super) routes: Arc<Routes>,
    pub(super) provider: Option<TokenProvider>,
}

impl Listener for Router {
    fn event(&mut self, event: Event) {
        match event {
            Event::State(state) => self.routes.state.set(state),
            Event::Reply { id, result } => {
                let waiting = self.routes.table().replies.remove(&id);
                if let Some(waiting) = waiting {
                    // Whoever waited may have stopped.
                    let _ = waiting.send(result);
                }
            }
            Event::Group { group, state } => self.routes.group_state(group, &state),
            Event::Message { group, message } => self.routes.message(group, message),
        }
    }

    fn token(&mut self) -> TokenFuture {
        match &self.provider {
            Some(provider) => provider.ask(),
            None => Box::pin(std::future::ready(Err(Error::new(ErrorKind::Config, "there is no token provider")))),
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.routes.end();
    }
}
