//! The client of the gateway, for Rust programs and for browsers: one socket, any number of groups.
//!
//! ```no_run
//! use channel_layers::client::{Client, ClientConfig};
//! use channel_layers::message;
//!
//! # async fn example() -> channel_layers::Result<()> {
//! let client = Client::connect("http://127.0.0.1:8000", ClientConfig::default())?;
//! let lobby = client.join("chat.lobby").await?;
//! lobby.send(message! { "type": "chat.message", "text": "hello" }).await?;
//! println!("{}", lobby.recv().await?);
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! - [`Client`], [`Group`]: handles; each method says which verb of the channel layer it calls.
//! - [`session`]: the state machine that decides everything, without I/O and without a clock.
//! - `driver`: the one loop that carries a session; `platform`: its sockets and timers, one file per target.
//! - `routes`, `inbox`, `watch`: from events to those who wait for them. `backoff`, `url`: pure functions.
//!
//! # When the connection is lost
//!
//! The client connects again for as long as it lives, with waits of half a second up to twenty seconds, drawn at
//! random. It joins its groups again and only then sends what was queued. Messages that were sent to a group meanwhile
//! are lost, unless the group has a history: see [`GroupState::Joined`]. Only a terminal close code ends a client.

mod backoff;
mod config;
pub(crate) mod driver;
mod group;
mod inbox;
pub(crate) mod platform;
mod routes;
pub mod session;
mod url;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use crate::{ChannelName, Error, GroupName, Message, Result};
use driver::Handle;
use inbox::Inbox;
use routes::{Member, Router, Routes};
use session::{Failure, GroupId, RequestId, Session};
use watch::Watch;

pub use config::ClientConfig;
pub use group::Group;
pub use inbox::Messages;
pub use platform::TokenProvider;
pub use session::{GroupState, State};
pub use watch::States;

/// A connection to the gateway that comes back by itself. Cloning gives another handle; when the last handle, groups
/// included, is dropped, the connection is closed.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Handle,
    routes: Arc<Routes>,
    inbox_bounds: (usize, usize),
}

impl Client {
    /// A client of the gateway at `url`: `ws://host/path`, or `http://host` for the gateway's `/ws` there. Returns at
    /// once and connects in the background; wait for [`ready`](Self::ready) where that matters.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) where the address can never be connected to, or on a server outside a tokio
    /// runtime. What keeps an attempt from succeeding shows in [`state`](Self::state), and is tried again.
    pub fn connect(url: &str, config: ClientConfig) -> Result<Self> {
        let url = url::websocket_url(url)?;
        platform::check(&url)?;
        let ClientConfig { session, provider, inbox_messages, inbox_bytes } = config;
        let inbox_bounds = (inbox_messages, inbox_bytes);
        let state = Session::new(session.clone(), 0).state();
        let routes = Arc::new(Routes::new(state, Inbox::new(inbox_messages, inbox_bytes)));
        let router = Router { routes: Arc::clone(&routes), provider };
        let (handle, driver) = driver::start(url, session, router);
        platform::spawn(driver)?;
        Ok(Self { handle, routes, inbox_bounds })
    }

    /// Waits until the client is connected.
    ///
    /// # Errors
    ///
    /// [`Terminated`](crate::ErrorKind::Terminated) with the close code where the gateway ended the client for good,
    /// [`Closed`](crate::ErrorKind::Closed) where it was closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn ready(&self) -> Result<()> {
        use futures_util::StreamExt;

        let mut states = self.states();
        while let Some(state) = states.next().await {
            if state == State::Connected {
                return Ok(());
            }
        }
        Err(self.routes.why_ended())
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.routes.state.get()
    }

    /// The states that the connection goes through.
    pub fn states(&self) -> States<State> {
        States::new(Arc::clone(&self.routes.state))
    }

    /// Joins a group and waits until the client is in it: [`group`](Self::group), then [`Group::joined`].
    ///
    /// # Errors
    ///
    /// As those.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the group.
    pub async fn join(&self, group: impl AsRef<str>) -> Result<Group> {
        let group = self.group(group)?;
        group.joined().await?;
        Ok(group)
    }

    /// Joins a group in the background: the verb `group_add`, now or as soon as there is a connection.
    ///
    /// # Errors
    ///
    /// [`InvalidName`](crate::ErrorKind::InvalidName); [`Closed`](crate::ErrorKind::Closed) or
    /// [`Terminated`](crate::ErrorKind::Terminated) once the client has ended.
    pub fn group(&self, group: impl AsRef<str>) -> Result<Group> {
        let name = GroupName::new(group)?;
        let (messages, bytes) = self.inbox_bounds;
        let state = Arc::new(Watch::new(GroupState::Joining { code: 0, reason: String::new() }));
        let member = Arc::new(Member { inbox: Inbox::new(messages, bytes), state });
        let id = self.handle.with(|session, now| {
            let id = session.open_group(&name, now)?;
            self.routes.enter(id, &member);
            Ok::<_, Failure>(id)
        })?;
        Ok(Group::new(self.clone(), name, id, member))
    }

    /// Sends a message to one channel, such as that of another client: the verb `send`. Waits, fails and is cancelled as
    /// [`Group::send`].
    ///
    /// # Errors
    ///
    /// As there, and [`InvalidName`](crate::ErrorKind::InvalidName).
    pub async fn send(&self, channel: impl AsRef<str>, message: Message) -> Result<()> {
        let channel = ChannelName::new(channel)?;
        self.request(|session, now| session.send(&channel, &message, now)).await
    }

    /// Waits for the next message to the connection's own [`channel`](Self::channel): the verb `receive`.
    ///
    /// # Errors
    ///
    /// As [`Group::recv`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    pub async fn recv(&self) -> Result<Message> {
        self.routes.own.recv().await
    }

    /// The messages to the connection's own channel as a stream of what [`recv`](Self::recv) gives. It ends with the
    /// client.
    pub fn stream(&self) -> Messages<'_> {
        self.routes.own.stream()
    }

    /// The connection's own channel, while there is a connection; each has another. Others send to it with
    /// [`send`](Self::send), and so do parts of the application behind the gateway.
    pub fn channel(&self) -> Option<ChannelName> {
        self.handle.with(|session, _| session.channel().cloned())
    }

    /// Who the client is to the gateway, while there is a connection and where the gateway knows.
    pub fn user(&self) -> Option<String> {
        self.handle.with(|session, _| session.user().map(Into::into))
    }

    /// Closes the client and waits until its socket is closed: a second or two at most. Everything that waits fails with
    /// [`Closed`](crate::ErrorKind::Closed), and stays so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes as well.
    pub async fn close(&self) {
        use futures_util::StreamExt;

        self.handle.with(|session, _| session.close());
        let mut states = self.states();
        while states.next().await.is_some() {}
    }

    /// Makes a request and waits for its reply; dropping the future cancels it.
    async fn request(&self, make: impl FnOnce(&mut Session, Duration) -> Result<RequestId, Failure>) -> Result<()> {
        let (id, reply) = self.handle.with(|session, now| {
            let id = make(session, now)?;
            Ok::<_, Failure>((id, self.routes.expect(id)))
        })?;
        let mut guard = Cancel { client: self, id: Some(id) };
        let result = reply.await;
        guard.id = None;
        match result {
            Ok(result) => result.map_err(Error::from),
            Err(_) => Err(self.routes.why_ended()),
        }
    }

    fn exit(
        &self,
        session: &mut Session,
        id: GroupId,
        member: &Arc<Member>,
        now: Duration,
    ) -> Result<RequestId, Failure> {
        self.routes.exit(id, member);
        session.leave(id, now)
    }

    /// Leaves without waiting for the answer.
    fn drop_group(&self, id: GroupId, member: &Arc<Member>) {
        self.handle.with(|session, now| {
            // Once the session is over there is nothing to leave.
            if let Ok(request) = self.exit(session, id, member, now) {
                session.cancel(request);
            }
        });
    }
}

/// Takes a request back when the future that waits for its reply is dropped.
struct Cancel<'a> {
    client: &'a Client,
    id: Option<RequestId>,
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.client.handle.with(|session, _| session.cancel(id));
            self.client.routes.forget(id);
        }
    }
}
