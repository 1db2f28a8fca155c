//! The run: a queue of events in simulated time, faults for a while, then a good network and the final checks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use channel_layers::client::session::{Effect as ClientEffect, Event as ClientEvent, GroupState, State};
use channel_layers::gateway::session::{Effect as GatewayEffect, Input, Operation, Outcome};

use super::checks::{Ledger, Note, Totals};
use super::client::{Client, group_name};
use super::gateway::Gateway;
use super::network::{Link, Packet, Way, latency};

const CLIENTS: usize = 3;
pub(super) const GROUPS: usize = 3;
/// How long clients act and the network is bad.
const BAD: Duration = Duration::from_secs(90);
/// How long the network is good after that before everybody must be back: more than the longest wait and time-outs.
const GOOD: Duration = Duration::from_secs(120);
/// More events than any honest run has: beyond it the two ends chase each other for ever.
const MAX_EVENTS: u64 = 200_000;

pub(super) enum Event {
    Arrives(usize, Way, Packet),
    ClientTimer(usize),
    GatewayTimer(usize),
    Done(usize, Outcome),
    /// An end notices that its link is cut.
    Notice(usize, Way),
    Act(usize),
    Fault,
    Restart,
}

/// One run.
pub(crate) struct World {
    pub(super) now: Duration,
    pub(super) random: fastrand::Rng,
    verbose: bool,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    pub(super) clients: Vec<Client>,
    pub(super) links: Vec<Link>,
    /// Frames that a gateway session does not want yet, because an operation runs.
    pub(super) waiting: BTreeMap<usize, VecDeque<Packet>>,
    pub(super) gateway: Gateway,
    pub(super) ledger: Ledger,
}

impl World {
    pub(crate) fn new(seed: u64, verbose: bool) -> Self {
        let clients = (0..CLIENTS as u64).map(|at| Client::new(seed.wrapping_mul(31).wrapping_add(at))).collect();
        Self {
            now: Duration::ZERO,
            random: fastrand::Rng::with_seed(seed),
            verbose,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            clients,
            links: Vec::new(),
            waiting: BTreeMap::new(),
            gateway: Gateway::new(),
            ledger: Ledger::default(),
        }
    }

    pub(crate) fn run(mut self) -> Totals {
        for client in 0..CLIENTS {
            self.clients[client].session.start(self.now);
            self.after_client(client);
            self.later(Duration::from_millis(10), Event::Act(client));
        }
        self.later(Duration::from_secs(1), Event::Fault);
        self.run_until(BAD + GOOD);
        self.final_round();
        self.ledger.totals
    }

    fn run_until(&mut self, end: Duration) {
        while let Some(&Reverse((at, key))) = self.queue.peek() {
            if at > end {
                break;
            }
            self.queue.pop();
            self.now = at;
            assert!(self.next_event < MAX_EVENTS, "the run does not end");
            let event = self.events.remove(&key).expect("each queued event is there once");
            self.happen(event);
        }
        self.now = end;
    }

    pub(super) fn later(&mut self, wait: Duration, event: Event) {
        self.at(self.now + wait, event);
    }

    fn at(&mut self, time: Duration, event: Event) {
        self.queue.push(Reverse((time.max(self.now), self.next_event)));
        self.events.insert(self.next_event, event);
        self.next_event += 1;
    }

    pub(super) fn bad(&self) -> bool {
        self.now < BAD
    }

    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>9.3} {}", self.now.as_secs_f64(), text());
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives(link, way, packet) => self.arrive(link, way, packet),
            Event::ClientTimer(client) => {
                self.clients[client].scheduled = None;
                self.clients[client].session.timer(self.now);
                self.after_client(client);
            }
            Event::GatewayTimer(link) => {
                self.links[link].scheduled = None;
                let effect = self.gateway.handle(link, Input::Timer, self.now);
                self.after_gateway(link, effect);
            }
            Event::Done(link, outcome) => {
                let effect = self.gateway.handle(link, Input::Done(outcome), self.now);
                self.after_gateway(link, effect);
                self.feed_waiting(link);
            }
            Event::Notice(link, Way::Down) => self.client_loses(link, 1006, ""),
            Event::Notice(link, Way::Up) => self.gateway_loses(link),
            Event::Act(client) => self.act(client),
            Event::Fault => self.fault(),
            Event::Restart => self.gateway.running = true,
        }
    }

    // ---- the network ----

    fn send(&mut self, link: usize, way: Way, packet: Packet) {
        let wait = if self.bad() { latency(&mut self.random) } else { Duration::from_millis(self.random.u64(0..20)) };
        let arrival = self.links[link].arrival(way, self.now, wait);
        self.at(arrival, Event::Arrives(link, way, packet));
    }

    fn arrive(&mut self, link: usize, way: Way, packet: Packet) {
        if self.links[link].cut {
            return;
        }
        match (way, packet) {
            (Way::Up, Packet::Open) => self.open(link),
            (Way::Up, packet) => {
                self.waiting.entry(link).or_default().push_back(packet);
                self.feed_waiting(link);
            }
            (Way::Down, packet) if self.links[link].client_end => {
                let client = self.links[link].client;
                match packet {
                    Packet::Open => self.clients[client].session.opened(self.now),
                    Packet::Frame(bytes) => self.clients[client].session.frame(&bytes, self.now),
                    Packet::Close(code, reason) => self.client_loses(link, code, &reason),
                }
                self.after_client(client);
            }
            (Way::Down, _) => {}
        }
    }

    fn open(&mut self, link: usize) {
        if self.gateway.running && self.links[link].process == self.gateway.process {
            self.links[link].gateway_end = true;
            let encoding = self.clients[self.links[link].client].encoding;
            self.gateway.open(link, encoding, self.now);
            self.ledger.totals.connections += 1;
            self.schedule_gateway(link);
            self.send(link, Way::Down, Packet::Open);
        } else {
            self.send(link, Way::Down, Packet::Close(1006, String::new()));
        }
    }

    fn feed_waiting(&mut self, link: usize) {
        while self.links[link].gateway_end && self.gateway.wants_frames(link) {
            match self.waiting.get_mut(&link).and_then(VecDeque::pop_front) {
                Some(Packet::Frame(bytes)) => {
                    let effect = self.gateway.frame(link, bytes, self.now);
                    self.after_gateway(link, effect);
                }
                Some(_) => self.gateway_loses(link),
                None => return,
            }
        }
    }

    pub(super) fn cut(&mut self, link: usize) {
        self.note(|| format!("link {link} is cut"));
        self.links[link].cut = true;
        self.ledger.forgive(link);
        self.ledger.totals.cuts += 1;
        for way in [Way::Up, Way::Down] {
            // One in four never learns of it, and must find out by itself.
            if self.random.u8(0..4) > 0 {
                let wait = Duration::from_millis(self.random.u64(0..5_000));
                self.later(wait, Event::Notice(link, way));
            }
        }
    }

    fn client_loses(&mut self, link: usize, code: u16, reason: &str) {
        if std::mem::take(&mut self.links[link].client_end) {
            let client = self.links[link].client;
            self.ledger.forgive(link);
            self.clients[client].link = None;
            self.clients[client].session.closed(code, reason, self.now);
            self.after_client(client);
        }
    }

    fn gateway_loses(&mut self, link: usize) {
        if std::mem::take(&mut self.links[link].gateway_end) {
            self.gateway.forget(link);
            self.waiting.remove(&link);
            self.ledger.forgive(link);
        }
    }

    // ---- the two ends ----

    pub(super) fn after_client(&mut self, at: usize) {
        while let Some(effect) = self.clients[at].session.poll_effect() {
            self.note(|| format!("client {at}: {effect:?}"));
            match effect {
                ClientEffect::Open => self.connect(at),
                ClientEffect::Send(bytes) => {
                    let link = self.clients[at].link.expect("a frame is sent over a link");
                    self.send(link, Way::Up, Packet::Frame(bytes));
                }
                ClientEffect::Close { code, .. } => {
                    if let Some(link) = self.clients[at].link.take() {
                        self.links[link].client_end = false;
                        self.ledger.forgive(link);
                        self.send(link, Way::Up, Packet::Close(code, String::new()));
                    }
                }
                ClientEffect::FetchToken => unreachable!("no client of the simulation has a token"),
                ClientEffect::Event(event) => self.tell(at, event),
                _ => unreachable!("an effect that the simulation does not know"),
            }
        }
        let client = &mut self.clients[at];
        let (requests, _) = client.session.queued();
        assert!(requests <= 20, "{requests} requests are queued");
        assert_eq!(
            client.session.deadline().is_none(),
            client.closed,
            "a session is over when it was closed, not else"
        );
        if let Some(due) = client.session.deadline().filter(|&due| client.scheduled.is_none_or(|at| due < at)) {
            client.scheduled = Some(due);
            self.at(due, Event::ClientTimer(at));
        }
    }

    fn connect(&mut self, client: usize) {
        if let Some(old) = self.clients[client].link.take() {
            self.links[old].client_end = false;
            self.ledger.forgive(old);
            self.send(old, Way::Up, Packet::Close(1006, String::new()));
        }
        let link = self.links.len();
        self.links.push(Link::new(client, self.gateway.process));
        self.clients[client].link = Some(link);
        self.send(link, Way::Up, Packet::Open);
    }

    fn tell(&mut self, at: usize, event: ClientEvent) {
        match event {
            ClientEvent::Reply { id, result } => {
                let note = self.clients[at].open_requests.remove(&id);
                let note = note.unwrap_or_else(|| panic!("client {at}: {id:?} was answered twice or cancelled"));
                match (result, note) {
                    (Ok(()), Some(note)) => self.ledger.acknowledged(note),
                    (Ok(()), None) => {}
                    (Err(_), _) => self.ledger.totals.failed_requests += 1,
                }
            }
            ClientEvent::Group { group, state } => {
                let joined = matches!(state, GroupState::Joined { .. });
                let client = &mut self.clients[at];
                let _ = if joined { client.joined.insert(group) } else { client.joined.remove(&group) };
            }
            ClientEvent::Message { group, message } => {
                let note = Note::read(&message);
                let group = group.expect("nobody sends to a channel");
                assert_eq!(self.clients[at].group_of(group), Some(note.group), "a message of a group that was left");
                let link = self.clients[at].link.expect("a message comes over a link");
                self.ledger.receive(at, group.0, link, note);
            }
            ClientEvent::State(State::Closed { .. }) => assert!(self.clients[at].closed, "a client ended by itself"),
            _ => {}
        }
    }

    pub(super) fn after_gateway(&mut self, link: usize, effect: GatewayEffect) {
        match effect {
            GatewayEffect::None => {}
            GatewayEffect::Write(bytes) | GatewayEffect::Refuse(_, bytes) => {
                self.send(link, Way::Down, Packet::Frame(bytes))
            }
            GatewayEffect::Close(code, reason) => {
                self.note(|| format!("gateway: closes link {link} with {code} {reason}"));
                self.send(link, Way::Down, Packet::Close(code.0, reason));
                self.gateway_loses(link);
            }
            GatewayEffect::Run(operation) => self.carry_out(link, operation),
        }
        self.schedule_gateway(link);
    }

    fn carry_out(&mut self, link: usize, operation: Operation) {
        let fails = self.bad() && self.random.u8(0..20) == 0;
        let note = match &operation {
            Operation::GroupSend(_, message) => Some(Note::read(message)),
            _ => None,
        };
        if let Operation::Leave(group) = &operation {
            let left = (0..GROUPS).find(|number| group_name(*number) == *group).expect("a group of the simulation");
            self.ledger.forgive_group(link, left);
        }
        let (outcome, deliveries) = self.gateway.carry_out(link, operation, fails);
        if let Some(note) = note.filter(|_| outcome == Outcome::Done) {
            self.ledger.accept(link, note);
            for (member, frame) in deliveries {
                self.deliver(member, note, frame);
            }
        }
        let wait = Duration::from_millis(if self.bad() { self.random.u64(0..50) } else { 0 });
        self.later(wait, Event::Done(link, outcome));
    }

    fn deliver(&mut self, member: usize, note: Note, frame: bytes::Bytes) {
        let link = &self.links[member];
        // At most once: nothing is owed over a dead link, nor to a client that has asked to leave in the meantime.
        if !link.cut && link.client_end && self.clients[link.client].wants(note.group) {
            self.ledger.owe(member, note);
        }
        self.send(member, Way::Down, Packet::Frame(frame));
    }

    fn schedule_gateway(&mut self, link: usize) {
        let scheduled = self.links[link].scheduled;
        if let Some(due) = self.gateway.deadline(link).filter(|&due| scheduled.is_none_or(|at| due < at)) {
            self.links[link].scheduled = Some(due);
            self.at(due, Event::GatewayTimer(link));
        }
    }

    /// With a good network everybody is back, every request has its reply, and a last message reaches every member.
    fn final_round(&mut self) {
        let open: Vec<_> = (0..CLIENTS).filter(|&at| !self.clients[at].closed).collect();
        for &at in &open {
            let client = &self.clients[at];
            assert_eq!(client.session.state(), State::Connected, "client {at} is not back");
            assert_eq!(client.open_requests, BTreeMap::new(), "client {at} waits for replies");
            for (group, id) in &client.wanted {
                assert!(client.joined.contains(id), "client {at} is not back in group {group}");
            }
        }
        let before = self.ledger.totals.clone();
        let mut owed = 0;
        for &at in &open {
            for group in 0..GROUPS {
                self.group_send(at, group);
                owed += open.iter().filter(|&&other| self.clients[other].wants(group)).count() as u64;
            }
            self.after_client(at);
        }
        self.run_until(self.now + Duration::from_secs(4));
        let after = &self.ledger.totals;
        assert_eq!(
            after.acknowledged - before.acknowledged,
            (open.len() * GROUPS) as u64,
            "a last message was refused"
        );
        assert_eq!(after.received - before.received, owed, "a last message did not reach every member");
        self.ledger.assert_all_delivered();
        for at in (0..CLIENTS).filter(|&at| self.clients[at].closed) {
            assert_eq!(self.clients[at].open_requests, BTreeMap::new(), "client {at} closed and left requests open");
        }
    }
}
