//! The session by itself: what it does when, without sockets and without a clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use channel_layers::gateway::GatewayConfig;
use channel_layers::gateway::session::{Connected, Effect, FrameKind, Input, Operation, Outcome, Session};
use channel_layers::protocol::{CloseCode, Encoding, ErrorCode, GroupCode, ServerFrame};
use channel_layers::{ChannelName, GroupName};

/// A session and the time that passes for it.
struct Driven {
    session: Session,
    now: Instant,
}

impl Driven {
    fn new() -> Self {
        let now = Instant::now();
        Self { session: Session::new(Arc::new(GatewayConfig::default()), Encoding::Json, now), now }
    }

    fn connected() -> Self {
        let mut driven = Self::new();
        assert!(matches!(driven.frame(r#"{"op":"connect","id":1}"#), Effect::Run(Operation::Connect { .. })));
        let channel = ChannelName::new("gateway.a!b").unwrap();
        let outcome =
            Outcome::Connected(Box::new(Connected { channel, user: None, groups: Vec::new(), expires: None }));
        assert!(matches!(driven.done(outcome), ServerFrame::Welcome(_)));
        driven
    }

    fn input(&mut self, input: Input) -> Effect {
        self.session.handle(input, self.now)
    }

    fn frame(&mut self, text: &'static str) -> Effect {
        self.input(Input::Frame(FrameKind::Text, Bytes::from_static(text.as_bytes())))
    }

    /// Starts to join a group, which the session asks for.
    fn joins(&mut self, group: &GroupName) {
        match self.frame(r#"{"op":"group_add","id":2,"group":"g"}"#) {
            Effect::Run(Operation::Join(asked)) => assert_eq!(asked, *group),
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, outcome: Outcome) -> ServerFrame {
        let effect = self.input(Input::Done(outcome));
        written(effect)
    }

    /// Lets time pass up to the deadline, and looks at it.
    fn deadline(&mut self) -> Effect {
        self.now = self.session.deadline().expect("something is due");
        self.input(Input::Timer)
    }
}

fn written(effect: Effect) -> ServerFrame {
    match effect {
        Effect::Write(frame) | Effect::Refuse(_, frame) => {
            ServerFrame::decode(Encoding::Json, &frame).unwrap().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn closed(effect: Effect) -> CloseCode {
    match effect {
        Effect::Close(code, _) => code,
        other => panic!("{other:?}"),
    }
}

fn group() -> GroupName {
    GroupName::new("g").unwrap()
}

fn refused() -> Outcome {
    Outcome::Failed(ErrorCode::PERMISSION_DENIED, "no".into())
}

#[test]
fn the_timer_may_come_too_early() {
    let mut driven = Driven::new();
    assert!(matches!(driven.input(Input::Timer), Effect::None));
    assert_eq!(closed(driven.deadline()), CloseCode::NO_CONNECT);
}

#[test]
fn times_that_no_clock_can_hold_are_never() {
    let never = GatewayConfig::default().with_connect_timeout(Duration::MAX).with_ping(Duration::MAX);
    let now = Instant::now();
    let session = Session::new(Arc::new(never), Encoding::Json, now);
    assert!(session.deadline().is_some_and(|due| due > now + Duration::from_secs(24 * 60 * 60)));
}

#[test]
fn no_deadline_runs_while_the_gateway_finds_out_who_connects() {
    let mut driven = Driven::new();
    driven.frame(r#"{"op":"connect","id":1}"#);
    assert_eq!(driven.session.deadline(), None);
    assert!(!driven.session.wants_frames());
}

#[test]
fn pings_go_out_on_time_and_silence_ends_it() {
    let mut driven = Driven::connected();
    let config = GatewayConfig::default();
    let start = driven.now;
    assert_eq!(written(driven.deadline()), ServerFrame::Ping);
    assert_eq!(driven.now, start + config.ping);
    driven.input(Input::Alive);
    assert_eq!(written(driven.deadline()), ServerFrame::Ping);
    assert_eq!(driven.now, start + 2 * config.ping);
    assert_eq!(closed(driven.deadline()), CloseCode::NO_PONG);
    assert_eq!(driven.now, start + 2 * config.ping + config.pong);
}

#[test]
fn silence_while_an_operation_runs_is_not_the_clients() {
    let mut driven = Driven::connected();
    assert_eq!(written(driven.deadline()), ServerFrame::Ping);
    driven.joins(&group());
    // Pings go on, so that the client knows that the gateway lives, but nobody waits for a pong.
    assert_eq!(written(driven.deadline()), ServerFrame::Ping);
    assert_eq!(written(driven.deadline()), ServerFrame::Ping);
    driven.done(Outcome::Done);
    let config = GatewayConfig::default();
    let due = driven.now + config.pong;
    assert_eq!(driven.session.deadline(), Some(due), "the client has its time anew");
    assert_eq!(closed(driven.deadline()), CloseCode::NO_PONG);
}

#[test]
fn a_group_that_is_lost_while_it_is_joined_is_not_joined() {
    let mut driven = Driven::connected();
    driven.joins(&group());
    assert!(matches!(driven.input(Input::GroupLost(group(), GroupCode::INSUFFICIENT_STATE)), Effect::None));
    assert!(matches!(driven.done(Outcome::Done), ServerFrame::Error { code: ErrorCode::NOT_AVAILABLE, .. }));
    assert_eq!(driven.session.groups().count(), 0);
}

#[test]
fn only_groups_that_were_joined_can_be_lost() {
    let mut driven = Driven::connected();
    let lost = || Input::GroupLost(group(), GroupCode::BY_SERVER);
    assert!(matches!(driven.input(lost()), Effect::None));
    driven.joins(&group());
    driven.done(refused());
    assert!(matches!(driven.input(lost()), Effect::None));
    driven.joins(&group());
    driven.done(Outcome::Done);
    let told = written(driven.input(lost()));
    assert!(matches!(told, ServerFrame::GroupDiscarded { code: GroupCode::BY_SERVER, .. }), "{told:?}");
    assert!(matches!(driven.input(lost()), Effect::None));
}

#[test]
fn after_the_close_nothing_is_done() {
    let mut driven = Driven::connected();
    driven.joins(&group());
    assert_eq!(closed(driven.input(Input::Overflow)), CloseCode::SLOW_CONSUMER);
    for input in [
        Input::Done(Outcome::Done),
        Input::Timer,
        Input::Alive,
        Input::Overflow,
        Input::Shutdown(Duration::from_secs(1)),
        Input::Frame(FrameKind::Text, Bytes::from_static(b"{}")),
        Input::GroupLost(group(), GroupCode::BY_SERVER),
    ] {
        assert!(matches!(driven.input(input), Effect::None));
    }
    assert!(!driven.session.wants_frames());
    assert_eq!(driven.session.deadline(), None);
}
