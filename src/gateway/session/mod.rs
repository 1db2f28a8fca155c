//! One connection as a value: what came in and when goes in, what to do comes out.
//!
//! No I/O, no clock, no runtime, no layer. [`Session`] holds every rule of the protocol's gateway side (what may come
//! first, limits, reserved types, pings, codes), so tests and simulators drive it without a network, and
//! `connection.rs`, which holds the awaits, decides nothing.
//!
//! What must stay true: each [`Input`] yields exactly one [`Effect`]; after [`Effect::Run`] no frame is handed in
//! until its [`Outcome`] was ([`Session::wants_frames`]), which is how answers keep the order of requests; after
//! [`Effect::Close`] every input yields [`Effect::None`].

mod clock;
mod rate;
mod request;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::protocol::{
    ChannelName, ClientFrame, CloseCode, CloseReason, Encoding, ErrorCode, FrameError, GroupCode, GroupName, Message,
    ServerFrame, Welcome,
};

use super::GatewayConfig;
use clock::Clock;
pub(in crate::gateway) use clock::after;
use rate::{Pace, Rate};

pub(in crate::gateway) use request::{check_group, check_type};

/// One connection, from its first frame to its close code.
#[derive(Debug)]
pub struct Session {
    config: Arc<GatewayConfig>,
    encoding: Encoding,
    phase: Phase,
    clock: Clock,
    rate: Rate,
    user: Option<String>,
    groups: HashSet<GroupName>,
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Nothing was served yet: the first frame must be `connect`.
    New,
    /// `welcome` was sent.
    Open,
    /// The close code is decided.
    Closed,
}

/// The request whose operation runs.
#[derive(Debug)]
struct Pending {
    id: Option<u64>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Connect,
    /// A group that the client is to be in from the start.
    Enter(Box<Connected>),
    Join(GroupName),
    /// A join whose group was lost while it ran.
    LostJoin,
    Leave,
    Send,
    Refresh,
}

/// What happened to the connection.
#[derive(Debug)]
pub enum Input {
    /// A whole WebSocket message came in, as text or as bytes.
    Frame(FrameKind, Bytes),
    /// A WebSocket ping or pong came in: a sign of life.
    Alive,
    /// The peer broke a rule below the protocol: RFC 6455 itself, or the frame limit.
    Violation(CloseCode, &'static str),
    /// The operation of the last [`Effect::Run`] ended.
    Done(Outcome),
    /// [`Session::deadline`] passed. Harmless when it did not.
    Timer,
    /// The connection is no longer in this group, and did not ask for that.
    GroupLost(GroupName, GroupCode),
    /// More waits for the client than may.
    Overflow,
    /// The gateway shuts down, and asks the client to stay away this long.
    Shutdown(Duration),
    /// The server ends the connection.
    Close(CloseCode, String),
}

/// The kind of a WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

impl FrameKind {
    /// The kind that carries an encoding.
    pub const fn of(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => FrameKind::Text,
            Encoding::Msgpack => FrameKind::Binary,
        }
    }
}

/// What to do about it.
#[derive(Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// Send this frame to the client.
    Write(Bytes),
    /// Send this frame to the client, which says that a request fails with the code.
    Refuse(ErrorCode, Bytes),
    /// Run this, and hand its outcome in.
    Run(Operation),
    /// Close the WebSocket with this code and reason.
    Close(CloseCode, String),
}

/// What a request asks of the world outside the session. All but [`Operation::Enter`] and [`Operation::Leave`] need
/// permission.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Find out who the client is and open its channel; [`Outcome::Connected`].
    Connect {
        /// Who the client says it is.
        token: Option<String>,
        /// Name and version of its software, for logs.
        client: Option<String>,
    },
    /// Join a group that the client is to be in from the start: no permission is asked.
    Enter(GroupName),
    /// Join a group.
    Join(GroupName),
    /// Leave a group.
    Leave(GroupName),
    /// Send to a group.
    GroupSend(GroupName, Message),
    /// Send to a channel.
    Send(ChannelName, Message),
    /// Find out who the client is by a fresh token; [`Outcome::Refreshed`].
    Refresh {
        /// The fresh token.
        token: String,
    },
}

/// A client that may connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Connected {
    /// The connection's own channel.
    pub channel: ChannelName,
    /// Who the client is, if anybody.
    pub user: Option<String>,
    /// The groups that it is in from the start.
    pub groups: Vec<GroupName>,
    /// When its token ends, from now.
    pub expires: Option<Duration>,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The client may connect.
    Connected(Box<Connected>),
    /// The fresh token is good.
    Refreshed {
        /// When it ends, from now.
        expires: Option<Duration>,
    },
    /// The request fails and the connection stays.
    Failed(ErrorCode, String),
    /// The connection ends.
    Rejected(CloseCode, String),
}

impl Session {
    /// A connection that was opened at `now` and writes frames in `encoding`.
    pub fn new(config: Arc<GatewayConfig>, encoding: Encoding, now: Instant) -> Self {
        let clock = Clock::new(after(now, config.connect_timeout));
        let rate = Rate::new(now);
        Self { config, encoding, phase: Phase::New, clock, rate, user: None, groups: HashSet::new(), pending: None }
    }

    /// Ends the connection with 4008 at this time, or as soon after it as no request is in hand.
    #[must_use]
    pub fn with_end(mut self, at: Instant) -> Self {
        self.clock.retire(at);
        self
    }

    /// How frames are written on this connection.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether the next frame may be handed in. It may not while an operation runs.
    pub fn wants_frames(&self) -> bool {
        self.pending.is_none() && self.phase != Phase::Closed
    }

    /// Whether the client was welcomed: before that it hears nothing.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The groups that the connection is in.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.groups.iter()
    }

    /// When [`Input::Timer`] is due, if at all.
    pub fn deadline(&self) -> Option<Instant> {
        match (self.phase, &self.pending) {
            (Phase::Closed, _) | (Phase::New, Some(_)) => None,
            (_, pending) => self.clock.deadline(pending.is_some()),
        }
    }

    /// Takes what happened at `now` and says what to do.
    pub fn handle(&mut self, input: Input, now: Instant) -> Effect {
        if self.phase == Phase::Closed {
            return Effect::None;
        }
        match input {
            Input::Frame(kind, bytes) => {
                self.clock.alive();
                self.frame(kind, &bytes, now)
            }
            Input::Alive => {
                self.clock.alive();
                match self.rate.count(now, &self.config) {
                    Pace::Flood(wait) => self.flood(wait),
                    Pace::Fine | Pace::Wait(_) => Effect::None,
                }
            }
            Input::Violation(code, reason) => self.close(code, reason),
            Input::Done(outcome) => self.done(outcome, now),
            Input::Timer => self.timer(now),
            Input::GroupLost(group, code) => self.group_lost(group, code),
            Input::Overflow => self.close(CloseCode::SLOW_CONSUMER, "the client reads too slowly"),
            Input::Shutdown(wait) => self.close_for(CloseCode::SHUTDOWN, "the gateway shuts down", wait),
            Input::Close(code, reason) => self.close(code, reason),
        }
    }

    fn frame(&mut self, kind: FrameKind, bytes: &Bytes, now: Instant) -> Effect {
        debug_assert!(self.wants_frames(), "a frame came in while an operation runs");
        if kind != FrameKind::of(self.encoding) {
            let reason = match self.encoding {
                Encoding::Json => "a binary frame on a JSON connection",
                Encoding::Msgpack => "a text frame on a MessagePack connection",
            };
            return self.close(CloseCode::BAD_FRAME, reason);
        }
        match (ClientFrame::decode(self.encoding, bytes), self.phase) {
            (Ok(ClientFrame::Connect { id, token, client }), Phase::New) => {
                self.run(Some(id), Kind::Connect, Operation::Connect { token, client })
            }
            (Ok(_), Phase::New) => self.close(CloseCode::BAD_FRAME, "the first frame must be \"connect\""),
            (Err(e), Phase::New) => self.close(CloseCode::BAD_FRAME, e.to_string()),
            (request, _) => match (self.rate.count(now, &self.config), request) {
                (Pace::Flood(wait), _) => self.flood(wait),
                (_, Err(FrameError::Malformed(reason))) => self.close(CloseCode::BAD_FRAME, reason),
                (_, Err(FrameError::Request { id, code, reason })) => self.fail(id, code, reason),
                (Pace::Fine, Ok(frame)) => self.request(frame),
                (Pace::Wait(_), Ok(ClientFrame::Pong)) => Effect::None,
                (Pace::Wait(wait), Ok(frame)) => self.refuse(frame.id(), wait),
            },
        }
    }

    /// Refuses a request for coming too soon.
    fn refuse(&self, id: Option<u64>, wait: Duration) -> Effect {
        let code = ErrorCode::TOO_MANY_REQUESTS;
        let reason = format!("a connection may send {} requests a second", self.config.message_rate);
        let error = ServerFrame::Error { id, code, reason, temporary: true, retry_after: Some(wait) };
        Effect::Refuse(code, error.encode(self.encoding))
    }

    fn flood(&mut self, wait: Duration) -> Effect {
        self.close_for(CloseCode::TOO_MANY_REQUESTS, "too many requests", wait)
    }

    fn done(&mut self, outcome: Outcome, now: Instant) -> Effect {
        let Some(Pending { id, kind }) = self.pending.take() else { return Effect::None };
        self.clock.resume(now, &self.config);
        match (outcome, kind) {
            (Outcome::Rejected(code, reason), _) => self.close(code, reason),
            (Outcome::Failed(_, reason), Kind::Connect | Kind::Enter(_)) => self.close(CloseCode::INTERNAL, reason),
            (Outcome::Failed(code, reason), _) => self.fail(id, code, reason),
            (Outcome::Connected(client), Kind::Connect) => {
                self.clock.set_expiry(now, client.expires, &self.config);
                self.enter(id, client, now)
            }
            (_, Kind::Enter(client)) => self.enter(id, client, now),
            (Outcome::Refreshed { expires }, Kind::Refresh) => {
                self.clock.set_expiry(now, expires, &self.config);
                self.ok(id, None, expires)
            }
            (_, Kind::LostJoin) => {
                self.fail(id, ErrorCode::NOT_AVAILABLE, "messages to the group were lost while it was joined")
            }
            (_, Kind::Join(group)) => {
                self.groups.insert(group.clone());
                self.ok(id, Some(group), None)
            }
            (_, _) => self.ok(id, None, None),
        }
    }

    /// Enters the next group that the client is to be in from the start; welcomes it when there is none left.
    fn enter(&mut self, id: Option<u64>, client: Box<Connected>, now: Instant) -> Effect {
        if client.groups.len() > self.config.group_limit {
            let reason = format!("the token names more than {} groups to join", self.config.group_limit);
            return self.close(CloseCode::INVALID_TOKEN, reason);
        }
        let next = client.groups.iter().find(|group| !self.groups.contains(*group)).cloned();
        match next {
            None => self.welcome(id.unwrap_or_default(), *client, now),
            Some(group) => {
                self.groups.insert(group.clone());
                self.run(id, Kind::Enter(client), Operation::Enter(group))
            }
        }
    }

    fn welcome(&mut self, id: u64, client: Connected, now: Instant) -> Effect {
        self.phase = Phase::Open;
        self.user.clone_from(&client.user);
        self.clock.open(now, &self.config);
        self.write(&ServerFrame::Welcome(Welcome {
            id,
            channel: client.channel,
            user: client.user,
            groups: client.groups,
            ping: self.config.ping,
            pong: self.config.pong,
            expires: client.expires,
            frame_limit: self.config.frame_limit as u64,
            group_limit: self.config.group_limit as u64,
            version: env!("CARGO_PKG_VERSION").into(),
        }))
    }

    fn timer(&mut self, now: Instant) -> Effect {
        if self.deadline().is_none_or(|due| now < due) {
            return Effect::None;
        }
        if self.phase == Phase::New {
            return self.close(CloseCode::NO_CONNECT, "no \"connect\" frame in time");
        }
        match self.clock.due(now, self.pending.is_some(), &self.config) {
            clock::Due::Ping => self.write(&ServerFrame::Ping),
            clock::Due::Dead => self.close(CloseCode::NO_PONG, "no answer to a ping"),
            clock::Due::Expired => self.close(CloseCode::TOKEN_EXPIRED, "the token's time is over"),
            clock::Due::Old => self.close(CloseCode::TOO_OLD, "the connection has reached its greatest age"),
            clock::Due::Nothing => Effect::None,
        }
    }

    fn group_lost(&mut self, group: GroupName, code: GroupCode) -> Effect {
        // The loss can overtake the end of the join: without a note of it the client would be told that it is a member.
        if let Some(Pending { kind, .. }) = &mut self.pending
            && matches!(kind, Kind::Join(joining) if *joining == group)
        {
            *kind = Kind::LostJoin;
        }
        if !self.groups.remove(&group) {
            return Effect::None;
        }
        if self.phase == Phase::New {
            return self.close(CloseCode::INTERNAL, "messages to a group were lost while it was joined");
        }
        let reason = match code {
            GroupCode::INSUFFICIENT_STATE => "messages to the group were lost; join again",
            GroupCode::LAYER_RECONNECTED => "messages to the group may be missing; join again",
            _ => code.name(),
        };
        self.write(&ServerFrame::GroupDiscarded { group, code, reason: reason.into() })
    }

    fn run(&mut self, id: Option<u64>, kind: Kind, operation: Operation) -> Effect {
        self.pending = Some(Pending { id, kind });
        Effect::Run(operation)
    }

    fn ok(&self, id: Option<u64>, group: Option<GroupName>, expires: Option<Duration>) -> Effect {
        match id {
            Some(id) => self.write(&ServerFrame::Ok { id, group, joined: None, expires }),
            None => Effect::None,
        }
    }

    fn fail(&self, id: Option<u64>, code: ErrorCode, reason: impl Into<String>) -> Effect {
        let temporary = code.is_temporary();
        let frame = ServerFrame::Error { id, code, reason: reason.into(), temporary, retry_after: None };
        Effect::Refuse(code, frame.encode(self.encoding))
    }

    fn write(&self, frame: &ServerFrame) -> Effect {
        Effect::Write(frame.encode(self.encoding))
    }

    /// Closes, and asks the client to stay away for a time.
    fn close_for(&mut self, code: CloseCode, reason: &str, wait: Duration) -> Effect {
        let reason = CloseReason { reason: reason.into(), retry_after: Some(wait) };
        self.close(code, reason.to_text())
    }

    fn close(&mut self, code: CloseCode, reason: impl Into<String>) -> Effect {
        self.phase = Phase::Closed;
        self.pending = None;
        Effect::Close(code, reason.into())
    }
}
