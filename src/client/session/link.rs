//! The connection of a session: attempts, `welcome`, the token, signs of life, the end.
//!
//! Until the end there is always either a connection with a bound on its silence, or an attempt with a deadline, or a
//! time for the next attempt. So a session cannot get stuck, whatever the network does.

use std::time::Duration;

use bytes::Bytes;

use super::event::{Effect, Event, Failure, State};
use super::requests::Kind;
use super::{Session, Token, backoff};
use crate::protocol::{
    Action, ChannelName, ClientFrame, CloseCode, CloseReason, ErrorCode, LocalCode, ServerFrame, Target, Welcome,
    action,
};
use crate::{Error, ErrorKind};

/// From opening a socket until `welcome`. The gateway gives the first frame as long.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How long the application may take to provide a token before it is asked again.
const FETCH: Duration = Duration::from_secs(30);

/// How much longer than the ping interval the gateway may be silent.
const GRACE: Duration = Duration::from_secs(10);

/// The most messages that the carrier need not ask about.
const PASSES: u32 = 32;

/// A token is refreshed this long before it ends, or after three quarters of its time where that is earlier.
const REFRESH_AHEAD: Duration = Duration::from_secs(60);

/// Where the connection is.
#[derive(Debug)]
pub(super) enum Link {
    /// Not started.
    Idle,
    /// The next attempt begins then.
    Waiting(Duration),
    /// The application is to provide a token until then.
    Fetching(Duration),
    /// The socket is to open until then.
    Opening(Duration),
    /// `connect` was sent; `welcome` is due then.
    Greeting(Duration),
    /// Connected.
    Up(Up),
    /// Over.
    Closed,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Up {
    /// When the last frame came.
    heard: Duration,
    /// How long the gateway may be silent.
    silence: Duration,
    /// How many messages the carrier was last let deliver.
    passes: u32,
    refresh: Refresh,
}

/// How far the token of a connection is from being replaced.
#[derive(Debug, PartialEq)]
enum Refresh {
    /// It does not end, or nobody could give another.
    Never,
    /// To be fetched then, after so many failures.
    At(Duration, u32),
    /// The application was asked.
    Fetching(u32),
    /// `refresh` is unanswered.
    Sent(u32),
}

/// Who the gateway says that this connection is.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) channel: ChannelName,
    pub(super) user: Option<String>,
}

impl Session {
    /// Begins to connect. Once; later calls do nothing.
    pub fn start(&mut self, now: Duration) {
        if matches!(self.link, Link::Idle) {
            self.attempt(now);
        }
    }

    /// The socket that [`Effect::Open`] asked for is open.
    pub fn opened(&mut self, now: Duration) {
        let Link::Opening(until) = self.link else { return };
        self.link = Link::Greeting(until.max(now));
        self.frames = 0;
        let id = self.requests.next_id();
        self.greeting = id.0.into();
        let token = match &self.config.token {
            Token::None => None,
            Token::Static(token) => Some(token.clone()),
            Token::Provider => self.token.clone(),
        };
        let frame = ClientFrame::Connect { id: self.greeting, token, client: self.config.client.clone() };
        self.send_frame(&frame);
    }

    /// A WebSocket message came.
    pub fn frame(&mut self, bytes: &Bytes, now: Duration) {
        self.frames = self.frames.wrapping_add(1);
        match &mut self.link {
            Link::Up(up) => up.heard = now,
            Link::Greeting(_) => {}
            _ => return,
        }
        match ServerFrame::decode(self.config.encoding, bytes) {
            Ok(Some(frame)) => self.served(frame, now),
            // An `op` of a later version of the protocol.
            Ok(None) => {}
            Err(error) => self.drop_link(CloseCode::PROTOCOL_ERROR.0, error.into_reason(), "bad frame", now),
        }
        self.pump(now);
    }

    /// How many frames, the one that has just come included, the carrier may deliver by itself, without
    /// [`frame`](Self::frame) and without asking again. For frames that begin with a [`message_head`](ServerFrame::message_head)
    /// and hold nothing behind the message: they are signs of life and change nothing else. None while something that came
    /// earlier is on its way: `earlier` is how many frames of this socket were left for [`frame`](Self::frame).
    ///
    /// The permission ends with the next frame that is left for [`frame`](Self::frame), a change of the state, and
    /// [`close`](Self::close).
    pub fn pass(&mut self, earlier: u32, now: Duration) -> u32 {
        match &mut self.link {
            Link::Up(up) if self.frames == earlier && self.effects.is_empty() => {
                // More only in a burst: those that are not asked about come within moments of one that was.
                let burst = now.as_secs() == up.heard.as_secs();
                up.passes = if burst { (up.passes * 2).min(PASSES) } else { 1 };
                up.heard = now;
                up.passes
            }
            _ => 0,
        }
    }

    /// The socket is closed, or could not be opened: then the code is 1006, as RFC 6455 has it.
    pub fn closed(&mut self, code: u16, reason: &str, now: Duration) {
        if matches!(self.link, Link::Opening(_) | Link::Greeting(_) | Link::Up(_)) {
            self.lost(code, CloseReason::parse(reason), now);
        }
    }

    /// The application's answer to [`Effect::FetchToken`]. An error of the kind [`ErrorKind::Refused`] with
    /// [`ErrorCode::UNAUTHORIZED`] says that there will be none, which ends the session; any other is tried again.
    pub fn token(&mut self, token: Result<String, Error>, now: Duration) {
        match token {
            Ok(token) => self.token_provided(token, now),
            Err(error) if error.kind() == ErrorKind::Refused(ErrorCode::UNAUTHORIZED) => {
                if !matches!(self.link, Link::Closed) {
                    self.terminate(CloseCode::INVALID_TOKEN.0, error.text().into(), "no token");
                }
            }
            Err(error) => self.token_failed(error.text(), None, now),
        }
        self.pump(now);
    }

    /// The platform knows of a change: the network is back, or the program woke up. A connection that was silent for
    /// too long is dropped and retried at once, and so is a wait cut short.
    pub fn wake(&mut self, now: Duration) {
        match &self.link {
            Link::Up(up) if up.deadline() <= now => {
                self.failed = 0;
                self.silent(now);
                self.attempt(now);
            }
            Link::Waiting(_) => {
                self.failed = 0;
                self.attempt(now);
            }
            _ => {}
        }
    }

    /// Ends the session: closes the socket with 1000 and fails everything that is outstanding.
    pub fn close(&mut self) {
        if !matches!(self.link, Link::Closed) {
            self.terminate(CloseCode::NORMAL.0, "closed by the client".into(), "");
        }
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.state.clone()
    }

    /// The connection's own channel, once it has one: others send to it with `send`. It changes with each connection.
    pub fn channel(&self) -> Option<&ChannelName> {
        self.identity.as_ref().map(|identity| &identity.channel)
    }

    /// Who the client is to the gateway, where the gateway knows.
    pub fn user(&self) -> Option<&str> {
        self.identity.as_ref()?.user.as_deref()
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.link, Link::Closed)
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    pub(super) fn check_open(&self) -> Result<(), Failure> {
        match &self.state {
            State::Closed { code, reason } => Err(closed(*code, reason)),
            _ => Ok(()),
        }
    }

    pub(super) fn link_deadline(&self) -> Option<Duration> {
        match &self.link {
            Link::Idle | Link::Closed => None,
            Link::Waiting(at) | Link::Fetching(at) | Link::Opening(at) | Link::Greeting(at) => Some(*at),
            Link::Up(up) => Some(match up.refresh {
                Refresh::At(at, _) => at.min(up.deadline()),
                _ => up.deadline(),
            }),
        }
    }

    /// Does what is due.
    pub(super) fn link_timers(&mut self, now: Duration) {
        if self.link_deadline().is_none_or(|at| at > now) {
            return;
        }
        match &mut self.link {
            Link::Waiting(_) => self.attempt(now),
            Link::Fetching(_) => {
                let reason = CloseReason { reason: "no token in time".into(), retry_after: None };
                self.lost(LocalCode::TIMEOUT.0, reason, now);
            }
            Link::Opening(_) | Link::Greeting(_) => {
                self.drop_link(LocalCode::TIMEOUT.0, "no welcome in time".into(), "no welcome in time", now);
            }
            Link::Up(up) if up.deadline() <= now => self.silent(now),
            Link::Up(up) => {
                if let Refresh::At(_, failed) = up.refresh {
                    up.refresh = Refresh::Fetching(failed);
                    self.effects.push_back(Effect::FetchToken);
                }
            }
            Link::Idle | Link::Closed => {}
        }
    }

    /// The answer to `refresh`, or none in time.
    pub(super) fn refreshed(&mut self, result: Result<Option<Duration>, Failure>, now: Duration) {
        match result {
            Ok(expires) => {
                if let Link::Up(up) = &mut self.link {
                    up.refresh = Refresh::after(expires, now);
                }
            }
            Err(failure) if failure.temporary => self.token_failed(&failure.reason, failure.retry_after, now),
            Err(failure) => {
                // This token will not do: connect with another.
                self.token = None;
                self.drop_link(CloseCode::TOKEN_EXPIRED.0, failure.reason.into_owned(), "token not refreshed", now);
            }
        }
    }

    fn served(&mut self, frame: ServerFrame, now: Duration) {
        match frame {
            ServerFrame::Welcome(welcome) => self.welcomed(welcome, now),
            ServerFrame::Error { id: Some(id), code, reason, temporary, retry_after } if !self.is_up() => {
                if id == self.greeting {
                    self.not_welcome(code, temporary, CloseReason { reason, retry_after }, now);
                }
            }
            _ if !self.is_up() => {}
            ServerFrame::Ok { id, joined, expires, .. } => self.answered(id, Ok((joined, expires)), now),
            ServerFrame::Error { id: Some(id), code, reason, temporary, retry_after } => {
                self.answered(id, Err(Failure::refused(code, reason, temporary, retry_after)), now);
            }
            // About a frame that had no id; this client sends none of those.
            ServerFrame::Error { id: None, .. } => {}
            ServerFrame::Message { target: Target::Group(group), message, offset } => {
                self.group_message(&group, message, offset);
            }
            ServerFrame::Message { target: Target::Channel(_), message, .. } => self.deliver(None, message),
            ServerFrame::GroupDiscarded { group, code, reason } => self.discarded(&group, code, reason),
            ServerFrame::Ping => self.send_frame(&ClientFrame::Pong),
        }
    }

    fn welcomed(&mut self, welcome: Welcome, now: Duration) {
        if self.is_up() || welcome.id != self.greeting {
            return;
        }
        self.failed = 0;
        self.rejoining = true;
        self.frame_limit = usize::try_from(welcome.frame_limit).unwrap_or(usize::MAX);
        let refresh = match self.config.token {
            Token::Provider => Refresh::after(welcome.expires, now),
            Token::None | Token::Static(_) => Refresh::Never,
        };
        self.link = Link::Up(Up { heard: now, silence: welcome.ping.saturating_add(GRACE), passes: 1, refresh });
        self.identity = Some(Identity { channel: welcome.channel, user: welcome.user });
        self.set_state(State::Connected);
    }

    fn not_welcome(&mut self, code: ErrorCode, temporary: bool, reason: CloseReason, now: Duration) {
        if retries(code, temporary) {
            self.effects.push_back(Effect::Close { code: CloseCode::NORMAL.0, reason: "" });
            self.lost_for_now(code.0, reason, now);
        } else {
            self.terminate(code.0, reason.reason, "");
        }
    }

    fn attempt(&mut self, now: Duration) {
        if matches!(self.config.token, Token::Provider) && self.token.is_none() {
            self.link = Link::Fetching(now.saturating_add(FETCH));
            self.effects.push_back(Effect::FetchToken);
        } else {
            self.link = Link::Opening(now.saturating_add(ATTEMPT));
            self.effects.push_back(Effect::Open);
        }
        let (code, reason) = match &mut self.state {
            State::Connecting { code, reason, .. } => (*code, std::mem::take(reason)),
            _ => (0, String::new()),
        };
        let attempt = self.failed.saturating_add(1);
        self.set_state(State::Connecting { attempt, retry_in: Duration::ZERO, code, reason });
    }

    fn token_provided(&mut self, token: String, now: Duration) {
        self.token = Some(token.clone());
        match &mut self.link {
            Link::Fetching(_) => self.attempt(now),
            Link::Up(up) => {
                if let Refresh::Fetching(failed) = up.refresh {
                    up.refresh = Refresh::Sent(failed);
                    let id = self.requests.next_id();
                    self.send_request(id, Kind::Refresh, &ClientFrame::Refresh { id: id.0.into(), token }, now);
                }
            }
            _ => {}
        }
    }

    fn token_failed(&mut self, why: &str, retry_after: Option<Duration>, now: Duration) {
        match &mut self.link {
            Link::Fetching(_) => {
                let reason = CloseReason { reason: why.into(), retry_after };
                self.lost(LocalCode::DISCONNECTED.0, reason, now);
            }
            Link::Up(up) => {
                if let Refresh::Fetching(failed) | Refresh::Sent(failed) = up.refresh {
                    let failed = failed.saturating_add(1);
                    let wait = backoff::wait(failed, retry_after, self.random.next());
                    up.refresh = Refresh::At(now.saturating_add(wait), failed);
                }
            }
            _ => {}
        }
    }

    fn silent(&mut self, now: Duration) {
        let why = "the gateway was silent for too long";
        self.drop_link(LocalCode::TIMEOUT.0, why.into(), why, now);
    }

    /// Closes the socket because of something that this side found, and tries again later.
    fn drop_link(&mut self, code: u16, why: String, told: &'static str, now: Duration) {
        self.effects.push_back(Effect::Close { code: CloseCode::NORMAL.0, reason: told });
        self.lost_for_now(code, CloseReason { reason: why, retry_after: None }, now);
    }

    /// The socket is gone; its code says what to do.
    fn lost(&mut self, code: u16, reason: CloseReason, now: Duration) {
        if code == CloseCode::TOKEN_EXPIRED.0 {
            self.token = None;
        }
        match action(code) {
            Action::Terminal => self.end(code, reason.reason),
            Action::Retry | Action::Resubscribe => self.lost_for_now(code, reason, now),
        }
    }

    fn lost_for_now(&mut self, code: u16, reason: CloseReason, now: Duration) {
        self.failed = self.failed.saturating_add(1);
        let wait = backoff::wait(self.failed, reason.retry_after, self.random.next());
        self.link = Link::Waiting(now.saturating_add(wait));
        self.identity = None;
        self.rejoining = false;
        self.fail_in_flight();
        self.groups_disconnected(code, &reason.reason);
        let attempt = self.failed.saturating_add(1);
        self.set_state(State::Connecting { attempt, retry_in: wait, code, reason: reason.reason });
    }

    fn fail_in_flight(&mut self) {
        for request in self.requests.take_in_flight() {
            match request.kind {
                Kind::Send => {
                    let why =
                        "the connection was lost before the answer came: the message may or may not have been sent";
                    self.finish(&request, Err(Failure::new(ErrorKind::Disconnected, why)));
                }
                // The membership ended with the connection.
                Kind::Discard => self.finish(&request, Ok(())),
                Kind::Add(_) | Kind::Refresh => {}
            }
        }
    }

    fn terminate(&mut self, code: u16, reason: String, told: &'static str) {
        self.effects.push_back(Effect::Close { code: CloseCode::NORMAL.0, reason: told });
        self.end(code, reason);
    }

    /// Nothing happens after this.
    fn end(&mut self, code: u16, reason: String) {
        self.link = Link::Closed;
        self.identity = None;
        let failure = closed(code, &reason);
        for requests in [self.requests.take_in_flight(), self.requests.take_queue()] {
            for request in requests {
                if !matches!(request.kind, Kind::Add(_) | Kind::Refresh) {
                    self.finish(&request, Err(failure.clone()));
                }
            }
        }
        self.groups_closed(&failure);
        self.set_state(State::Closed { code, reason });
    }

    fn set_state(&mut self, state: State) {
        self.state = state.clone();
        self.effects.push_back(Effect::Event(Event::State(state)));
    }
}

impl Up {
    /// When the connection counts as dead unless something comes.
    fn deadline(&self) -> Duration {
        self.heard.saturating_add(self.silence)
    }
}

impl Refresh {
    fn after(expires: Option<Duration>, now: Duration) -> Self {
        match expires {
            Some(left) => Refresh::At(now.saturating_add(left - REFRESH_AHEAD.min(left / 4)), 0),
            None => Refresh::Never,
        }
    }
}

/// What outstanding requests fail with when the session is over.
fn closed(code: u16, reason: &str) -> Failure {
    let kind = if code == CloseCode::NORMAL.0 { ErrorKind::Closed } else { ErrorKind::Terminated(code) };
    Failure::new(kind, reason.to_owned())
}

/// Whether an error code asks for another attempt. A code that is not known here comes with the answer.
pub(super) fn retries(code: ErrorCode, temporary: bool) -> bool {
    if ErrorCode::ALL.contains(&code) { action(code.0) == Action::Retry } else { temporary }
}
