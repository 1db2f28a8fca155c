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

pub(in crate::gateway) use request::check_type;

/// One connection, from its first frame to its close code.
#[derive(Debug)]
pub struct Session {
    config: Arc<GatewayConfig>,
    encoding: Encoding,
    phase: Phase,
    clock: Clock,
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
    /// Run this, and hand its outcome in.
    Run(Operation),
    /// Close the WebSocket with this code and reason.
    Close(CloseCode, String),
}

/// What a request asks of the world outside the session. All but [`Operation::Leave`] need permission.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Find out who the client is and open its channel; [`Outcome::Connected`].
    Connect {
        /// Who the client says it is.
        token: Option<String>,
        /// Name and version of its software, for logs.
        client: Option<String>,
    },
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

/// How an operation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The client may connect.
    Connected {
        /// The connection's own channel.
        channel: ChannelName,
        /// Who the client is, if anybody.
        user: Option<String>,
        /// When its token ends, from now.
        expires: Option<Duration>,
    },
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
        Self { config, encoding, phase: Phase::New, clock, user: None, groups: HashSet::new(), pending: None }
    }

    /// How frames are written on this connection.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether the next frame may be handed in. It may not while an operation runs.
    pub fn wants_frames(&self) -> bool {
        self.pending.is_none() && self.phase != Phase::Closed
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
                self.frame(kind, &bytes)
            }
            Input::Alive => {
                self.clock.alive();
                Effect::None
            }
            Input::Violation(code, reason) => self.close(code, reason),
            Input::Done(outcome) => self.done(outcome, now),
            Input::Timer => self.timer(now),
            Input::GroupLost(group, code) => self.group_lost(group, code),
            Input::Overflow => self.close(CloseCode::SLOW_CONSUMER, "the client reads too slowly"),
            Input::Shutdown(wait) => {
                let reason = CloseReason { reason: "the gateway shuts down".into(), retry_after: Some(wait) };
                self.close(CloseCode::SHUTDOWN, reason.to_text())
            }
        }
    }

    fn frame(&mut self, kind: FrameKind, bytes: &Bytes) -> Effect {
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
            (Err(FrameError::Malformed(reason)), _) => self.close(CloseCode::BAD_FRAME, reason),
            (Err(FrameError::Request { id, code, reason }), _) => self.fail(id, code, reason),
            (Ok(frame), _) => self.request(frame),
        }
    }

    fn done(&mut self, outcome: Outcome, now: Instant) -> Effect {
        let Some(Pending { id, kind }) = self.pending.take() else { return Effect::None };
        self.clock.resume(now, &self.config);
        match (outcome, kind) {
            (Outcome::Rejected(code, reason), _) => self.close(code, reason),
            (Outcome::Failed(_, reason), Kind::Connect) => self.close(CloseCode::INTERNAL, reason),
            (Outcome::Failed(code, reason), _) => self.fail(id, code, reason),
            (Outcome::Connected { channel, user, expires }, Kind::Connect) => {
                self.welcome(id.unwrap_or_default(), channel, user, expires, now)
            }
            (Outcome::Refreshed { expires }, Kind::Refresh) => {
                self.clock.set_expiry(expires.map(|time| after(now, time)));
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

    fn welcome(
        &mut self,
        id: u64,
        channel: ChannelName,
        user: Option<String>,
        expires: Option<Duration>,
        now: Instant,
    ) -> Effect {
        self.phase = Phase::Open;
        self.user.clone_from(&user);
        self.clock.open(now, &self.config);
        self.clock.set_expiry(expires.map(|time| after(now, time)));
        self.write(&ServerFrame::Welcome(Welcome {
            id,
            channel,
            user,
            ping: self.config.ping,
            pong: self.config.pong,
            expires,
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
        self.write(&ServerFrame::Error { id, code, reason: reason.into(), temporary, retry_after: None })
    }

    fn write(&self, frame: &ServerFrame) -> Effect {
        Effect::Write(frame.encode(self.encoding))
    }

    fn close(&mut self, code: CloseCode, reason: impl Into<String>) -> Effect {
        self.phase = Phase::Closed;
        self.pending = None;
        Effect::Close(code, reason.into())
    }
}
