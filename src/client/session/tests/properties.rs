//! Any interleaving of inputs, right and wrong ones, keeps what the module promises.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What may happen to a session next.
#[derive(Clone, Debug)]
enum Step {
    Opened,
    Welcome,
    Closed(u16),
    Timer,
    Pass(u64),
    Wake,
    Send(usize),
    Open(u8),
    Join(u8),
    Leave(u8),
    Cancel(usize),
    /// Answers one of the unanswered frames: with `ok`, or with this error code.
    Answer(usize, Option<u16>),
    Discard(u8, u16),
    Message(u8, Option<u64>),
    Token(bool),
    Junk(Vec<u8>),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let code = prop_oneof![Just(1000), Just(1006), Just(4000), Just(4002), 4400..4600u16];
    prop_oneof![
        4 => Just(Step::Opened),
        4 => Just(Step::Welcome),
        2 => code.prop_map(Step::Closed),
        4 => Just(Step::Timer),
        3 => (0..60_000u64).prop_map(Step::Pass),
        1 => Just(Step::Wake),
        8 => (0..600usize).prop_map(Step::Send),
        4 => (0..4u8).prop_map(Step::Open),
        3 => (0..4u8).prop_map(Step::Join),
        2 => (0..4u8).prop_map(Step::Leave),
        2 => (0..8usize).prop_map(Step::Cancel),
        10 => (0..4usize, prop::option::weighted(0.3, 99..115u16)).prop_map(|(at, code)| Step::Answer(at, code)),
        2 => (0..4u8, 1999..2600u16).prop_map(|(group, code)| Step::Discard(group, code)),
        3 => (0..4u8, prop::option::of(0..20u64)).prop_map(|(group, offset)| Step::Message(group, offset)),
        2 => any::<bool>().prop_map(Step::Token),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Step::Junk),
        1 => Just(Step::Close),
    ]
}

/// Follows a session from outside, as its carrier and its application would.
struct Model {
    harness: Harness,
    /// Requests that have no reply yet and were not cancelled.
    open: Vec<RequestId>,
    groups: Vec<(u8, GroupId)>,
    /// Frames that wait for an answer, of the present connection.
    unanswered: Vec<u64>,
    /// The groups of the `group_add` frames among them, and when those time out, which counts as an answer.
    adding: BTreeMap<String, (u64, Duration)>,
    socket: bool,
    welcomed: bool,
    /// The groups of the last `welcome` are not all answered.
    rejoining: bool,
}

fn name(group: u8) -> GroupName {
    GroupName::new(format!("group.{group}")).unwrap()
}

impl Model {
    fn new(token: Token) -> Self {
        let config = SessionConfig { queue_messages: 5, queue_bytes: 1_000, in_flight: 3, token, ..Default::default() };
        let mut model = Self {
            harness: Harness::new(config),
            open: Vec::new(),
            groups: Vec::new(),
            unanswered: Vec::new(),
            adding: BTreeMap::new(),
            socket: false,
            welcomed: false,
            rejoining: false,
        };
        model.check();
        model
    }

    fn apply(&mut self, step: Step) {
        let now = self.harness.now;
        match step {
            Step::Opened if self.socket => self.harness.session.opened(now),
            Step::Welcome if self.socket && self.unanswered.contains(&self.harness.session.greeting) => {
                let was = self.welcomed;
                self.welcomed = true;
                self.rejoining |= !was;
                self.unanswered.retain(|id| *id != self.harness.session.greeting);
                self.harness.greet(Some(30 * SECOND));
            }
            Step::Closed(code) if self.socket => {
                self.gone();
                self.harness.session.closed(code, "", now);
            }
            Step::Timer => {
                self.harness.now = now.max(self.harness.session.deadline().unwrap_or(now));
                self.harness.session.timer(self.harness.now);
            }
            Step::Pass(millis) => self.harness.now += Duration::from_millis(millis),
            Step::Wake => self.harness.session.wake(now),
            Step::Send(size) => {
                let sent = self.harness.send(&"x".repeat(size));
                self.open.extend(sent);
            }
            Step::Open(group) => {
                let opened = self.harness.session.open_group(&name(group), now);
                self.groups.extend(opened.map(|id| (group, id)));
            }
            Step::Join(group) => {
                let id = self.groups.iter().find(|(name, _)| *name == group).map(|(_, id)| *id);
                let joined = id.map(|id| self.harness.session.join(id, now));
                self.open.extend(joined.into_iter().flatten());
            }
            Step::Leave(group) => {
                if let Some(at) = self.groups.iter().position(|(name, _)| *name == group) {
                    let (_, id) = self.groups.remove(at);
                    self.open.extend(self.harness.session.leave(id, now));
                }
            }
            Step::Cancel(at) if at < self.open.len() => {
                let id = self.open.remove(at);
                self.harness.session.cancel(id);
            }
            Step::Close => {
                self.harness.session.close();
            }
            other => self.gateway_says(other),
        }
        self.check();
    }

    fn gateway_says(&mut self, step: Step) {
        let now = self.harness.now;
        match step {
            Step::Answer(at, error) if self.welcomed && at < self.unanswered.len() => {
                let id = self.unanswered.remove(at);
                self.adding.retain(|_, (add, _)| *add != id);
                match error {
                    Some(code) => self.harness.error(id, ErrorCode(code), None),
                    None => self.harness.ok(id),
                }
            }
            Step::Discard(group, code) if self.welcomed => {
                let (group, code, reason) = (name(group), GroupCode(code), String::new());
                self.harness.frame(&ServerFrame::GroupDiscarded { group, code, reason });
            }
            Step::Message(group, offset) if self.welcomed => {
                let target = crate::protocol::Target::Group(name(group));
                self.harness.frame(&ServerFrame::Message { target, message: message! {}, offset });
            }
            Step::Token(true) => self.harness.session.token(Ok("token".into()), now),
            Step::Token(false) => self.harness.session.token(Err(crate::Error::new(ErrorKind::Io, "no")), now),
            Step::Junk(bytes) if self.socket => self.harness.session.frame(&bytes.into(), now),
            _ => {}
        }
    }

    /// The socket is gone, and with it what was unanswered.
    fn gone(&mut self) {
        (self.socket, self.welcomed, self.rejoining) = (false, false, false);
        self.unanswered.clear();
        self.adding.clear();
    }

    fn check(&mut self) {
        for did in self.harness.drain() {
            match did {
                Did::Open => {
                    self.gone();
                    self.socket = true;
                }
                Did::Closed => self.gone(),
                Did::Sent(frame) => self.check_frame(&frame),
                Did::Ok(id) | Did::Failed(id, _) => {
                    let at = self.open.iter().position(|open| *open == id);
                    self.open.remove(at.unwrap_or_else(|| panic!("{id:?} got a reply that nobody waits for")));
                }
                Did::State(_) | Did::Group(..) | Did::Message(..) | Did::Fetch => {}
            }
        }
        // Groups that are opened later do not hold anything up.
        self.rejoining &= self.waits_for_groups();
        let session = &self.harness.session;
        let ((queued, bytes), (flying, _)) = (session.queued(), session.unanswered());
        assert!(queued <= 5 && (bytes <= 1_000 || queued == 1), "{queued} requests of {bytes} bytes are queued");
        assert!(flying <= 3 + 8, "{flying} requests are unanswered, and at most eight of them are the session's own");
        if session.is_closed() {
            assert!(self.open.is_empty(), "{:?} are left without a reply", self.open);
            assert_eq!(session.deadline(), None);
        } else {
            assert!(session.deadline().is_some(), "it is stuck");
        }
    }

    fn waits_for_groups(&self) -> bool {
        self.adding.values().any(|(_, deadline)| *deadline > self.harness.now)
    }

    fn check_frame(&mut self, frame: &ClientFrame) {
        assert!(self.socket, "{frame:?} was sent without a socket");
        let greeting = matches!(frame, ClientFrame::Connect { .. });
        assert!(greeting != self.welcomed, "{frame:?} was sent, and welcomed is {}", self.welcomed);
        match frame {
            ClientFrame::GroupAdd { id, group, .. } => {
                self.adding.insert(group.clone(), (*id, self.harness.now + 5 * SECOND));
            }
            // Nobody waits for a group that was left.
            ClientFrame::GroupDiscard { group, .. } => drop(self.adding.remove(group)),
            _ => {}
        }
        if matches!(frame, ClientFrame::GroupSend { .. } | ClientFrame::Send { .. }) && self.rejoining {
            assert!(!self.waits_for_groups(), "{frame:?} overtook a group");
        }
        if let Some(id) = id_of(frame) {
            assert!(!self.unanswered.contains(&id), "{id} is used twice");
            self.unanswered.push(id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_keeps_the_promises(
        provider in any::<bool>(),
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut model = Model::new(if provider { Token::Provider } else { Token::None });
        for step in steps {
            model.apply(step);
        }
        // Whatever came before, a working network brings every request to its reply, and `close` the rest.
        model.harness.session.close();
        model.check();
        prop_assert!(model.open.is_empty());
    }

    #[test]
    fn a_network_that_works_again_is_used(steps in prop::collection::vec(step(), 0..60)) {
        let mut model = Model::new(Token::None);
        for step in steps {
            let terminal = matches!(step, Step::Close | Step::Closed(4500..=4999));
            if !terminal {
                model.apply(step);
            }
        }
        for _ in 0..20 {
            if model.harness.session.state() == State::Connected {
                break;
            }
            for step in [Step::Timer, Step::Opened, Step::Welcome] {
                model.apply(step);
            }
        }
        prop_assert_eq!(model.harness.session.state(), State::Connected);
    }

    #[test]
    fn the_same_seed_and_inputs_give_the_same_effects(steps in prop::collection::vec(step(), 0..60)) {
        let run = || {
            let mut harness = Harness::new(SessionConfig::default());
            let mut did = harness.drain();
            for step in &steps {
                match step {
                    Step::Closed(code) => harness.session.closed(*code, "", harness.now),
                    Step::Pass(millis) => harness.now += Duration::from_millis(*millis),
                    Step::Timer => harness.session.timer(harness.now),
                    Step::Wake => harness.session.wake(harness.now),
                    _ => {}
                }
                did.extend(harness.drain());
            }
            did
        };
        prop_assert_eq!(run(), run());
    }
}
