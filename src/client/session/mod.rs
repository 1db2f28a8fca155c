//! The client's state machine: what happened goes in, what to do comes out. No I/O, no clock, no runtime.
//!
//! [`Session`] decides everything that is hard about a connection: when to connect again and when never, what is sent
//! first after a reconnect, what becomes of requests when the connection is lost, which group is joined again. Its
//! carrier (in this crate the driver behind [`Client`](super::Client)) owns the socket and the clock and decides nothing.
//! What must stay true, and is held by property tests:
//!
//! - every request gets exactly one reply, unless it is cancelled;
//! - nothing but `connect` is sent before `welcome`, and groups are added again before queued requests go out;
//! - what waits is bounded in messages and bytes, and what does not fit is refused at once;
//! - until the session is over there is a [`deadline`](Session::deadline), so it cannot get stuck.
//!
//! One function, [`action`](crate::protocol::action), tells a code that asks for another attempt from a terminal one.
//!
//! ```
//! use std::time::Duration;
//! use channel_layers::client::session::{Effect, Session, SessionConfig};
//!
//! let mut session = Session::new(SessionConfig::default(), 42);
//! session.start(Duration::ZERO);
//! while let Some(effect) = session.poll_effect() {
//!     match effect {
//!         Effect::Open => { /* open a socket; later: session.opened(now), session.frame(…), session.closed(…) */ }
//!         Effect::Send(_frame) => { /* over that socket */ }
//!         other => println!("{other:?}"),
//!     }
//! }
//! assert!(session.deadline().is_some()); // and then: session.timer(now)
//! ```

mod event;
mod groups;
mod link;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::{self, Random};
use crate::protocol::{ClientFrame, Encoding, Joined, digits};
use crate::{ChannelName, ErrorKind, GroupName, Message};

pub use event::{Effect, Event, Failure, GroupId, GroupState, RequestId, State};
use groups::Groups;
use link::{Identity, Link};
use requests::{Bounds, Kind, Request, Requests};

/// What a session needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How long a request may take, from the call to the answer, a wait for a connection included. Default: 5 s.
    /// Shorter tells earlier about an outage; longer lets a request outlive one.
    pub timeout: Duration,
    /// The most requests that wait for a connection. Default: 1,000. Fewer fail earlier while disconnected; more are
    /// sent at once when the connection comes back.
    pub queue_messages: usize,
    /// The most bytes that wait for a connection. Default: 1 MiB. One request always fits.
    pub queue_bytes: usize,
    /// The most requests that wait for an answer; more are queued. Default: 256. Their bytes are bounded by
    /// `queue_bytes` as well. Fewer slow down a sender that is far from the gateway.
    pub in_flight: usize,
    /// How frames are written. Default: JSON.
    pub encoding: Encoding,
    /// How the client proves who it is. Default: not at all.
    pub token: Token,
    /// Name and version of the program, for the gateway's log. Default: none.
    pub client: Option<String>,
}

/// How a client proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Token {
    /// Not at all.
    #[default]
    None,
    /// Always with this token.
    Static(String),
    /// With a token that the application is asked for: [`Effect::FetchToken`].
    Provider,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            queue_messages: 1_000,
            queue_bytes: 1 << 20,
            in_flight: 256,
            encoding: Encoding::Json,
            token: Token::None,
            client: None,
        }
    }
}

/// A connection to the gateway as a value; see the [module](self).
///
/// Every input takes `now`, the time since any fixed moment. Effects are taken with [`poll_effect`](Self::poll_effect)
/// after each input, and [`timer`](Self::timer) is due at [`deadline`](Self::deadline).
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    state: State,
    link: Link,
    /// Attempts that failed since the last `welcome`.
    failed: u32,
    /// The id of the `connect` frame.
    greeting: u64,
    /// Groups are being added again after a `welcome`; queued requests wait for that.
    rejoining: bool,
    /// The largest frame that the gateway takes, once it said so.
    frame_limit: usize,
    /// The token that the application provided.
    token: Option<String>,
    identity: Option<Identity>,
    /// How many frames this connection's socket has given to [`frame`](Session::frame).
    frames: u32,
    groups: Groups,
    requests: Requests,
    random: Random,
    effects: VecDeque<Effect>,
}

impl Session {
    /// A session that has not started. `seed` makes its waits differ from those of other clients; the same seed and
    /// inputs give the same effects.
    pub fn new(config: SessionConfig, seed: u64) -> Self {
        let queue = Bounds { count: config.queue_messages, bytes: config.queue_bytes };
        let flight = Bounds { count: config.in_flight.max(1), bytes: config.queue_bytes };
        Self {
            config,
            state: State::Connecting { attempt: 1, retry_in: Duration::ZERO, code: 0, reason: String::new() },
            link: Link::Idle,
            failed: 0,
            greeting: 0,
            rejoining: false,
            frame_limit: usize::MAX,
            token: None,
            identity: None,
            frames: 0,
            groups: Groups::default(),
            requests: Requests::new(queue, flight),
            random: Random::new(seed),
            effects: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`timer`](Self::timer) is due; nothing once the session is over.
    pub fn deadline(&self) -> Option<Duration> {
        let link = self.link_deadline()?;
        let requests = self.requests.deadline().unwrap_or(link);
        let groups = self.groups.deadline().unwrap_or(link);
        Some(link.min(requests).min(groups))
    }

    /// Time has passed. Early calls do no harm.
    pub fn timer(&mut self, now: Duration) {
        self.link_timers(now);
        while let Some(request) = self.requests.overdue(now) {
            self.overdue(&request, now);
        }
        self.group_timers(now);
        self.pump(now);
    }

    /// Sends a message to a group: the verb `group_send`. The reply comes when the layer behind the gateway accepted it.
    /// While there is no connection the request is queued.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::QueueFull`], [`ErrorKind::MessageTooLarge`] for the gateway's limit where it is known,
    /// [`ErrorKind::Closed`] or [`ErrorKind::Terminated`] once the session is over.
    pub fn group_send(&mut self, group: &GroupName, message: &Message, now: Duration) -> Result<RequestId, Failure> {
        let id = self.requests.next_id();
        let (wire_id, group, message) = (Some(id.0.into()), group.as_str().into(), message.clone());
        self.submit(id, &ClientFrame::GroupSend { id: wire_id, group, message }, now)
    }

    /// Sends a message to a channel: the verb `send`. Otherwise as [`group_send`](Self::group_send).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send(&mut self, channel: &ChannelName, message: &Message, now: Duration) -> Result<RequestId, Failure> {
        let id = self.requests.next_id();
        let (wire_id, channel, message) = (Some(id.0.into()), channel.as_str().into(), message.clone());
        self.submit(id, &ClientFrame::Send { id: wire_id, channel, message }, now)
    }

    /// Forgets a request: no reply will come. One that is still queued is not sent.
    pub fn cancel(&mut self, id: RequestId) {
        self.requests.cancel(id);
        self.cancel_join(id);
    }

    /// How many requests and bytes are queued for a connection.
    pub fn queued(&self) -> (usize, usize) {
        self.requests.queued()
    }

    /// How many requests and bytes wait for an answer.
    pub fn unanswered(&self) -> (usize, usize) {
        self.requests.unanswered()
    }

    fn submit(&mut self, id: RequestId, frame: &ClientFrame, now: Duration) -> Result<RequestId, Failure> {
        self.check_open()?;
        let frame = frame.encode(self.config.encoding);
        if frame.len() > self.frame_limit {
            return Err(self.too_large(frame.len()));
        }
        let size = frame.len();
        let request = Request::new(id, Kind::Send, now.saturating_add(self.config.timeout), frame);
        if self.may_send() && self.requests.queue_is_empty() && self.requests.may_fly(size) {
            let frame = self.requests.fly(request);
            self.effects.push_back(Effect::Send(frame));
        } else if self.requests.may_queue(size) {
            self.requests.queue(request);
        } else {
            let (messages, bytes) = self.requests.queued();
            let text = [&*digits(messages), " requests of ", &digits(bytes), " bytes wait already"].concat();
            return Err(Failure::new(ErrorKind::QueueFull, text));
        }
        Ok(id)
    }

    /// Whether requests of the application may go out.
    fn may_send(&self) -> bool {
        self.is_up() && !self.rejoining
    }

    /// Sends what may be sent by now: groups first, then the queue.
    fn pump(&mut self, now: Duration) {
        if !self.is_up() {
            return;
        }
        self.add_groups(now);
        self.rejoining = self.rejoining && !self.groups.settled();
        while self.may_send() {
            let Some(request) = self.requests.next_to_fly() else { return };
            if request.frame.len() > self.frame_limit {
                let failure = self.too_large(request.frame.len());
                self.finish(&request, Err(failure));
            } else {
                let frame = self.requests.fly(request);
                self.effects.push_back(Effect::Send(frame));
            }
        }
    }

    /// Sends a request of the session's own, whatever waits.
    fn send_request(&mut self, id: RequestId, kind: Kind, frame: &ClientFrame, now: Duration) {
        let frame = frame.encode(self.config.encoding);
        let request = Request::new(id, kind, now.saturating_add(self.config.timeout), frame);
        let frame = self.requests.fly(request);
        self.effects.push_back(Effect::Send(frame));
    }

    fn send_frame(&mut self, frame: &ClientFrame) {
        self.effects.push_back(Effect::Send(frame.encode(self.config.encoding)));
    }

    /// The gateway's answer to a request.
    fn answered(&mut self, id: u64, result: Result<(Option<Joined>, Option<Duration>), Failure>, now: Duration) {
        let Some(request) = u32::try_from(id).ok().and_then(|id| self.requests.answered(RequestId(id))) else {
            return;
        };
        match (request.kind, result) {
            (Kind::Send | Kind::Discard, result) => self.finish(&request, result.map(|_| ())),
            (Kind::Add(group), Ok((joined, _))) => self.added(group, joined),
            (Kind::Add(group), Err(failure)) => self.not_added(group, failure, now),
            (Kind::Refresh, result) => self.refreshed(result.map(|(_, expires)| expires), now),
        }
    }

    /// No answer came in time.
    fn overdue(&mut self, request: &Request, now: Duration) {
        let failure = Failure::new(ErrorKind::Timeout, "no answer in time");
        match request.kind {
            Kind::Send | Kind::Discard => self.finish(request, Err(failure)),
            Kind::Add(group) => self.not_added(group, failure, now),
            Kind::Refresh => self.refreshed(Err(failure), now),
        }
    }

    fn finish(&mut self, request: &Request, result: Result<(), Failure>) {
        if request.wanted {
            self.reply(request.id, result);
        }
    }

    fn reply(&mut self, id: RequestId, result: Result<(), Failure>) {
        self.effects.push_back(Effect::Event(Event::Reply { id, result }));
    }

    fn deliver(&mut self, group: Option<GroupId>, message: Message) {
        self.effects.push_back(Effect::Event(Event::Message { group, message }));
    }

    fn too_large(&self, size: usize) -> Failure {
        let (size, limit) = (digits(size), digits(self.frame_limit));
        let text = ["the message makes a frame of ", &size, " bytes, the gateway takes ", &limit].concat();
        Failure::new(ErrorKind::MessageTooLarge, text)
    }
}
