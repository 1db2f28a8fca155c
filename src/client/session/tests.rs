//! Transitions one by one, and properties that any interleaving of inputs must keep.

mod properties;

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::message;
use crate::protocol::{ChannelName, CloseCode, ErrorCode, GroupCode, Joined, LocalCode, Recover, ServerFrame, Welcome};

const SECOND: Duration = Duration::from_secs(1);

/// A session and what a test needs around it: a clock, and effects sorted by kind.
struct Harness {
    session: Session,
    now: Duration,
}

/// What a session did, in short.
#[derive(Debug, PartialEq)]
enum Did {
    Open,
    Sent(ClientFrame),
    Closed,
    Fetch,
    State(State),
    Ok(RequestId),
    Failed(RequestId, ErrorKind),
    Group(GroupId, GroupState),
    Message(Option<GroupId>, Message),
}

impl Harness {
    fn new(config: SessionConfig) -> Self {
        let mut harness = Self { session: Session::new(config, 1), now: SECOND };
        harness.session.start(harness.now);
        harness
    }

    /// A session that the gateway has welcomed.
    fn up() -> Self {
        let mut harness = Self::new(SessionConfig::default());
        harness.connect();
        harness
    }

    fn connect(&mut self) {
        self.reach(|did| *did == Did::Open);
        self.session.opened(self.now);
        self.greet(None);
        self.drain();
    }

    /// Answers `connect`.
    fn greet(&mut self, expires: Option<Duration>) {
        let id = self.session.greeting;
        self.frame(&ServerFrame::Welcome(Welcome {
            id,
            channel: ChannelName::new("specific.a!b").unwrap(),
            user: None,
            groups: Vec::new(),
            ping: 25 * SECOND,
            pong: 8 * SECOND,
            expires,
            frame_limit: 400,
            group_limit: 10,
            version: String::new(),
        }));
    }

    fn frame(&mut self, frame: &ServerFrame) {
        self.session.frame(&frame.encode(Encoding::Json), self.now);
    }

    fn ok(&mut self, id: u64) {
        self.frame(&ServerFrame::Ok { id, group: None, joined: None, expires: None });
    }

    fn error(&mut self, id: u64, code: ErrorCode, retry_after: Option<Duration>) {
        let temporary = code.is_temporary();
        self.frame(&ServerFrame::Error { id: Some(id), code, reason: "no".into(), temporary, retry_after });
    }

    fn drain(&mut self) -> Vec<Did> {
        let mut done = Vec::new();
        while let Some(effect) = self.session.poll_effect() {
            done.push(match effect {
                Effect::Open => Did::Open,
                Effect::Send(bytes) => Did::Sent(ClientFrame::decode(Encoding::Json, &bytes).unwrap()),
                Effect::Close { .. } => Did::Closed,
                Effect::FetchToken => Did::Fetch,
                Effect::Event(Event::State(state)) => Did::State(state),
                Effect::Event(Event::Reply { id, result: Ok(()) }) => Did::Ok(id),
                Effect::Event(Event::Reply { id, result: Err(failure) }) => Did::Failed(id, failure.kind),
                Effect::Event(Event::Group { group, state }) => Did::Group(group, state),
                Effect::Event(Event::Message { group, message }) => Did::Message(group, message),
            });
        }
        done
    }

    /// Lets time pass, deadline by deadline, until something happens.
    fn reach(&mut self, wanted: impl Fn(&Did) -> bool) -> Vec<Did> {
        let mut all = self.drain();
        for _ in 0..100 {
            if all.iter().any(&wanted) {
                return all;
            }
            self.now = self.now.max(self.session.deadline().expect("a deadline until the end"));
            self.session.timer(self.now);
            all.extend(self.drain());
        }
        panic!("it did not happen in {} deadlines: {all:?}", 100);
    }

    fn group(&mut self, name: &str) -> GroupId {
        self.session.open_group(&GroupName::new(name).unwrap(), self.now).unwrap()
    }

    /// A group that is joined.
    fn joined(&mut self, name: &str) -> GroupId {
        let id = self.group(name);
        let add = self.sent_id();
        self.ok(add);
        self.drain();
        id
    }

    fn send(&mut self, text: &str) -> Result<RequestId, Failure> {
        let channel = ChannelName::new("specific.x!y").unwrap();
        self.session.send(&channel, &message! { "text": text }, self.now)
    }

    /// The id of the last frame that was sent.
    fn sent_id(&mut self) -> u64 {
        let done = self.drain();
        let sent = done.iter().rev().find_map(|did| if let Did::Sent(frame) = did { id_of(frame) } else { None });
        sent.unwrap_or_else(|| panic!("nothing was sent: {done:?}"))
    }
}

fn id_of(frame: &ClientFrame) -> Option<u64> {
    match frame {
        ClientFrame::Connect { id, .. }
        | ClientFrame::GroupAdd { id, .. }
        | ClientFrame::GroupDiscard { id, .. }
        | ClientFrame::Refresh { id, .. } => Some(*id),
        ClientFrame::GroupSend { id, .. } | ClientFrame::Send { id, .. } => *id,
        ClientFrame::Pong => None,
    }
}

fn kinds(done: &[Did]) -> Vec<(RequestId, ErrorKind)> {
    done.iter().filter_map(|did| if let Did::Failed(id, kind) = did { Some((*id, *kind)) } else { None }).collect()
}

#[test]
fn the_code_alone_decides_what_a_close_means() {
    let retried = [1000, 1001, 1006, 1011, 3000, 4000, 4002, 4008, 4499, 5000];
    let terminal = [4500, 4502, 4505, 4507, 4999];
    for (codes, ends) in [(&retried[..], false), (&terminal[..], true)] {
        for &code in codes {
            let mut up = Harness::up();
            up.session.closed(code, "bye", up.now);
            assert_eq!(up.session.is_closed(), ends, "{code}");
            assert_eq!(up.session.deadline().is_none(), ends, "{code}");
            match up.session.state() {
                State::Closed { code: told, .. } | State::Connecting { code: told, .. } => assert_eq!(told, code),
                State::Connected => panic!("{code} left it connected"),
            }
        }
    }
}

#[test]
fn a_close_reason_can_ask_for_a_wait() {
    let mut up = Harness::up();
    up.session.closed(4000, r#"{"reason":"drain","retry_after":90000}"#, up.now);
    let State::Connecting { retry_in, reason, .. } = up.session.state() else { panic!() };
    assert!(retry_in >= 90 * SECOND && retry_in <= 91 * SECOND, "{retry_in:?}");
    assert_eq!(reason, "drain");
}

#[test]
fn waits_grow_until_a_welcome() {
    let mut harness = Harness::new(SessionConfig::default());
    let mut longest = Duration::ZERO;
    for attempt in 2..30 {
        harness.reach(|did| *did == Did::Open);
        harness.session.closed(1006, "", harness.now);
        let State::Connecting { attempt: told, retry_in, .. } = harness.session.state() else { panic!() };
        assert_eq!(told, attempt);
        assert!(retry_in >= SECOND / 2 && retry_in <= 20 * SECOND);
        longest = longest.max(retry_in);
    }
    assert!(longest > 10 * SECOND, "28 waits up to 20 s, and the longest was {longest:?}");
    harness.connect();
    harness.session.closed(1006, "", harness.now);
    let State::Connecting { attempt: 2, retry_in, .. } = harness.session.state() else { panic!() };
    assert!(retry_in <= SECOND);
}

#[test]
fn an_attempt_without_a_welcome_is_given_up_after_ten_seconds() {
    for open in [false, true] {
        let mut harness = Harness::new(SessionConfig::default());
        if open {
            harness.session.opened(harness.now);
        }
        harness.drain();
        assert_eq!(harness.session.deadline(), Some(11 * SECOND));
        let done = harness.reach(|did| matches!(did, Did::Closed));
        assert!(matches!(done.last(), Some(Did::State(State::Connecting { code: 1, .. }))), "{done:?}");
    }
}

#[test]
fn silence_ends_a_connection_and_any_frame_prolongs_it() {
    let mut up = Harness::up();
    assert_eq!(up.session.deadline(), Some(36 * SECOND));
    up.now = 30 * SECOND;
    up.frame(&ServerFrame::Ping);
    assert_eq!(up.drain(), [Did::Sent(ClientFrame::Pong)]);
    assert_eq!(up.session.deadline(), Some(65 * SECOND));
    up.session.timer(64 * SECOND);
    assert_eq!(up.drain(), []);
    up.session.timer(65 * SECOND);
    let done = up.drain();
    assert!(matches!(&done[..], [Did::Closed, Did::State(State::Connecting { code: 1, .. })]), "{done:?}");
}

#[test]
fn messages_may_pass_by_while_nothing_is_on_its_way() {
    let mut up = Harness::up();
    let earlier = up.session.frames;
    assert_eq!(up.session.pass(earlier, up.now), 2, "a burst has begun");
    up.now = 30 * SECOND;
    assert_eq!(up.session.pass(earlier, up.now), 1);
    assert_eq!(up.session.deadline(), Some(65 * SECOND), "a sign of life");
    let burst: Vec<u32> = (0..6).map(|_| up.session.pass(earlier, up.now)).collect();
    assert_eq!(burst, [2, 4, 8, 16, 32, 32]);

    assert_eq!(up.session.pass(earlier + 1, up.now), 0, "a frame has not come here yet");
    up.frame(&ServerFrame::Ping);
    assert_eq!(up.session.pass(earlier + 1, up.now), 0, "the pong has not gone out yet");
    up.drain();
    assert!(up.session.pass(earlier + 1, up.now) > 0);

    up.session.closed(1006, "", up.now);
    up.drain();
    assert_eq!(up.session.pass(earlier + 1, up.now), 0, "there is no connection");
    up.connect();
    assert!(up.session.pass(1, up.now) > 0, "each socket is counted by itself");
}

#[test]
fn a_sign_of_the_platform_drops_what_is_stale_and_cuts_waits_short() {
    let mut up = Harness::up();
    up.session.wake(up.now + 34 * SECOND);
    assert_eq!(up.drain(), [], "it is not stale yet");
    up.session.wake(up.now + 36 * SECOND);
    assert!(up.drain().contains(&Did::Open));

    let mut waiting = Harness::up();
    waiting.session.closed(1006, "", waiting.now);
    waiting.drain();
    waiting.session.wake(waiting.now);
    assert!(waiting.drain().contains(&Did::Open));
}

#[test]
fn groups_are_added_and_answered_before_the_queue_goes_out() {
    let mut harness = Harness::new(SessionConfig::default());
    let group = harness.group("lobby");
    let request = harness.send("queued").unwrap();
    assert_eq!(harness.session.queued().0, 1);
    harness.drain();
    harness.session.opened(harness.now);
    harness.greet(None);
    let done = harness.drain();
    let Some(Did::Sent(ClientFrame::GroupAdd { id, .. })) = done.last() else { panic!("{done:?}") };
    let (add, late) = (*id, harness.send("later").unwrap());
    assert_eq!(harness.drain(), [], "the queue keeps its order");
    harness.ok(add);
    let done = harness.drain();
    assert_eq!(done[0], Did::Group(group, GroupState::Joined { recovered: false }));
    let sent: Vec<_> =
        done[1..].iter().map(|did| if let Did::Sent(frame) = did { id_of(frame) } else { None }).collect();
    assert_eq!(sent, [Some(request.0.into()), Some(late.0.into())]);
}

#[test]
fn replies_come_once_and_say_what_is_known() {
    let mut up = Harness::up();
    let (fine, refused, lost) = (up.send("1").unwrap(), up.send("2").unwrap(), up.send("3").unwrap());
    up.drain();
    up.ok(fine.0.into());
    up.ok(fine.0.into());
    assert_eq!(up.drain(), [Did::Ok(fine)]);
    up.error(refused.0.into(), ErrorCode::CHANNEL_FULL, None);
    assert_eq!(kinds(&up.drain()), [(refused, ErrorKind::Refused(ErrorCode::CHANNEL_FULL))]);
    up.session.closed(1006, "", up.now);
    assert_eq!(kinds(&up.drain()), [(lost, ErrorKind::Disconnected)]);
    let queued = up.send("4").unwrap();
    up.session.close();
    let done = up.drain();
    assert_eq!(kinds(&done), [(queued, ErrorKind::Closed)]);
    assert!(matches!(done.last(), Some(Did::State(State::Closed { code: 1000, .. }))), "{done:?}");
    assert_eq!(up.send("5").unwrap_err().kind, ErrorKind::Closed);
}

#[test]
fn a_request_times_out_wherever_it_waits() {
    let mut up = Harness::up();
    let request = up.send("unanswered").unwrap();
    let done = up.reach(|did| matches!(did, Did::Failed(..)));
    assert_eq!(kinds(&done), [(request, ErrorKind::Timeout)]);
    assert_eq!(up.now, 6 * SECOND);
    up.session.closed(4000, r#"{"retry_after":60000}"#, up.now);
    let queued = up.send("queued").unwrap();
    let done = up.reach(|did| matches!(did, Did::Failed(..)));
    assert_eq!(kinds(&done), [(queued, ErrorKind::Timeout)]);
}

#[test]
fn a_cancelled_request_is_not_sent_and_not_replied_to() {
    let mut harness = Harness::new(SessionConfig::default());
    let (one, two) = (harness.send("1").unwrap(), harness.send("2").unwrap());
    harness.session.cancel(one);
    assert_eq!(harness.session.queued().0, 1);
    harness.drain();
    harness.session.opened(harness.now);
    harness.greet(None);
    assert_eq!(harness.sent_id(), u64::from(two.0));
    harness.session.cancel(two);
    harness.ok(two.0.into());
    assert_eq!(harness.drain(), []);
}

#[test]
fn frames_beyond_the_limit_are_refused_here() {
    let large = "x".repeat(400);
    let mut harness = Harness::new(SessionConfig::default());
    let early = harness.send(&large).unwrap();
    harness.drain();
    harness.session.opened(harness.now);
    harness.greet(None);
    assert_eq!(kinds(&harness.drain()), [(early, ErrorKind::MessageTooLarge)]);
    assert_eq!(harness.send(&large).unwrap_err().kind, ErrorKind::MessageTooLarge);
}

#[test]
fn what_waits_is_bounded_in_number_and_bytes() {
    let config = SessionConfig { queue_messages: 3, queue_bytes: 250, in_flight: 2, ..SessionConfig::default() };
    let mut harness = Harness::new(config);
    let large = "x".repeat(300);
    harness.send(&large).expect("one always fits");
    assert_eq!(harness.send("").unwrap_err().kind, ErrorKind::QueueFull);
    harness.now += 6 * SECOND;
    harness.session.timer(harness.now);
    for _ in 0..3 {
        harness.send("").unwrap();
    }
    assert_eq!(harness.send("").unwrap_err().kind, ErrorKind::QueueFull);
    harness.connect();
    assert_eq!((harness.session.unanswered().0, harness.session.queued().0), (2, 1));
}

#[test]
fn a_group_comes_back_by_its_code() {
    let name = GroupName::new("lobby").unwrap();
    let discarded =
        |code| ServerFrame::GroupDiscarded { group: GroupName::new("lobby").unwrap(), code, reason: "r".into() };
    let mut up = Harness::up();
    let group = up.joined("lobby");
    up.frame(&discarded(GroupCode::EXPIRED));
    let done = up.drain();
    assert_eq!(done[0], Did::Group(group, GroupState::Joining { code: 2501, reason: "r".into() }));
    let Did::Sent(ClientFrame::GroupAdd { id, .. }) = done[1] else { panic!("{done:?}") };
    up.ok(id);
    up.drain();
    up.frame(&discarded(GroupCode::BY_SERVER));
    assert_eq!(up.drain(), [Did::Group(group, GroupState::Discarded { code: 2000, reason: "r".into() })]);
    up.session.closed(1006, "", up.now);
    up.connect();
    assert_eq!(up.session.unanswered().0, 0, "a group that was given up stays so");
    assert_eq!(up.session.open_group(&name, up.now).unwrap(), group);
}

#[test]
fn a_temporary_refusal_is_tried_again_after_the_wait_it_asks_for() {
    let mut up = Harness::up();
    let group = up.group("lobby");
    let join = up.session.join(group, up.now).unwrap();
    let add = up.sent_id();
    up.error(add, ErrorCode::TOO_MANY_REQUESTS, Some(7 * SECOND));
    up.drain();
    let before = up.now;
    let done = up.reach(|did| matches!(did, Did::Sent(ClientFrame::GroupAdd { .. })));
    assert!(up.now >= before + 7 * SECOND && up.now <= before + 8 * SECOND);
    assert_eq!(kinds(&done), []);
    let again = up.session.requests.next_id().0 - 1;
    up.error(again.into(), ErrorCode::PERMISSION_DENIED, None);
    let done = up.drain();
    assert_eq!(kinds(&done), [(join, ErrorKind::Refused(ErrorCode::PERMISSION_DENIED))]);
}

#[test]
fn history_is_recovered_from_the_last_position_or_begun_anew() {
    let mut up = Harness::up();
    let group = up.group("log");
    let add = up.sent_id();
    let joined = |offset, recovered| Joined { epoch: "e".into(), offset, recovered, messages: vec![] };
    up.frame(&ServerFrame::Ok { id: add, group: None, joined: Some(joined(4, false)), expires: None });
    up.drain();
    up.session.closed(1006, "", up.now);
    up.reach(|did| *did == Did::Open);
    up.session.opened(up.now);
    up.greet(None);
    let done = up.drain();
    let Some(Did::Sent(ClientFrame::GroupAdd { id, recover, .. })) = done.last() else { panic!("{done:?}") };
    assert_eq!(*recover, Some(Recover { epoch: "e".into(), offset: 4 }));
    up.error(*id, ErrorCode::UNRECOVERABLE_POSITION, None);
    let done = up.drain();
    let [Did::Sent(ClientFrame::GroupAdd { id, recover: None, .. })] = &done[..] else { panic!("{done:?}") };
    up.frame(&ServerFrame::Ok { id: *id, group: None, joined: Some(joined(9, false)), expires: None });
    assert_eq!(up.drain(), [Did::Group(group, GroupState::Joined { recovered: false })]);
}

#[test]
fn tokens_are_fetched_refreshed_and_given_up() {
    let mut harness = Harness::new(SessionConfig { token: Token::Provider, ..SessionConfig::default() });
    assert_eq!(harness.drain()[0], Did::Fetch);
    harness.session.token(Err(crate::Error::new(ErrorKind::Io, "offline")), harness.now);
    harness.reach(|did| *did == Did::Fetch);
    harness.session.token(Ok("one".into()), harness.now);
    assert!(harness.drain().contains(&Did::Open));
    harness.session.opened(harness.now);
    harness.greet(Some(20 * SECOND));
    harness.drain();
    let welcomed = harness.now;
    harness.reach(|did| *did == Did::Fetch);
    assert_eq!(harness.now, welcomed + 15 * SECOND);
    harness.session.token(Ok("two".into()), harness.now);
    let refresh = harness.sent_id();
    harness.error(refresh, ErrorCode::INTERNAL, None);
    harness.reach(|did| *did == Did::Fetch);
    let unauthorized = ErrorKind::Refused(ErrorCode::UNAUTHORIZED);
    harness.session.token(Err(crate::Error::new(unauthorized, "logged out")), harness.now);
    assert_eq!(
        harness.session.state(),
        State::Closed { code: CloseCode::INVALID_TOKEN.0, reason: "logged out".into() }
    );
}

#[test]
fn frames_that_are_none_end_the_connection_and_those_of_the_future_do_not() {
    let mut up = Harness::up();
    up.session.frame(&Bytes::from_static(br#"{"op":"wave","at":"you"}"#), up.now);
    assert_eq!(up.drain(), []);
    up.session.frame(&Bytes::from_static(b"[]"), up.now);
    let done = up.drain();
    assert!(matches!(&done[..], [Did::Closed, Did::State(State::Connecting { code: 1002, .. })]), "{done:?}");
    assert_eq!(LocalCode::TIMEOUT.0, 1, "the code that tests above expect of an attempt without an answer");
}
