//! The groups that a session wants to be in, and what it does about each.

use std::time::Duration;

use super::event::{Effect, Event, Failure, GroupId, GroupState, RequestId};
use super::requests::Kind;
use super::{Session, backoff};
use crate::protocol::{Action, ClientFrame, ErrorCode, GroupCode, Joined, LocalCode, Recover, action};
use crate::{ErrorKind, GroupName, Message};

/// Where a group is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// To be added as soon as there is a connection and room.
    Wanted,
    /// `group_add` is unanswered.
    Adding,
    /// A member.
    Joined,
    /// To be added again at this time.
    Waiting(Duration),
    /// Given up, until the application joins again.
    Lost,
}

#[derive(Debug)]
struct Group {
    id: GroupId,
    name: GroupName,
    /// How many handles there are: the last one to leave discards the group.
    handles: u32,
    phase: Phase,
    /// Failed attempts in a row.
    failed: u32,
    /// The last message seen, for a group with history.
    position: Option<Recover>,
    /// Joins that wait for their reply.
    joins: Vec<RequestId>,
}

/// All groups, sorted by name: messages name their group.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    last_id: u32,
    /// How many joins wait for their reply, in all groups.
    joins: usize,
}

impl Groups {
    fn at(&self, name: &str) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| group.name.as_str().cmp(name))
    }

    fn named(&mut self, name: &GroupName) -> Option<&mut Group> {
        let at = self.at(name.as_str()).ok()?;
        Some(&mut self.groups[at])
    }

    fn get(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.id == id)
    }

    /// Whether every group is where it can be for now: no answer is due and none is still to be asked for.
    pub(super) fn settled(&self) -> bool {
        self.groups.iter().all(|group| !matches!(group.phase, Phase::Wanted | Phase::Adding))
    }

    /// When the first group is to be added again.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.groups.iter().filter_map(|group| if let Phase::Waiting(at) = group.phase { Some(at) } else { None }).min()
    }
}

impl Session {
    /// Wants to be in a group from now on: joins it as soon as there is a connection, and again after each reconnect.
    /// A name that is open already gives the same id, and counts: [`leave`](Self::leave) once for each.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] once the session is over.
    pub fn open_group(&mut self, name: &GroupName, now: Duration) -> Result<GroupId, Failure> {
        self.check_open()?;
        match self.groups.at(name.as_str()) {
            Ok(at) => {
                let group = &mut self.groups.groups[at];
                group.handles += 1;
                Ok(group.id)
            }
            Err(at) => {
                self.groups.last_id += 1;
                let id = GroupId(self.groups.last_id);
                let phase = Phase::Wanted;
                let name = name.clone();
                let group = Group { id, name, handles: 1, phase, failed: 0, position: None, joins: Vec::new() };
                self.groups.groups.insert(at, group);
                self.group_event(id, GroupState::Joining { code: 0, reason: String::new() });
                self.pump(now);
                Ok(id)
            }
        }
    }

    /// Asks to be told when a group is joined: the reply comes with the gateway's answer, at once where the group is
    /// joined already. There is no timeout, as there is no attempt limit. A group that was given up is tried again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] where the session is over or the group was left, [`ErrorKind::QueueFull`] where as many
    /// joins wait as requests may be queued.
    pub fn join(&mut self, id: GroupId, now: Duration) -> Result<RequestId, Failure> {
        self.check_open()?;
        if self.groups.joins >= self.config.queue_messages {
            return Err(Failure::new(ErrorKind::QueueFull, "too many joins wait for their reply"));
        }
        let request = self.requests.next_id();
        let group = self.groups.get(id).ok_or_else(left)?;
        if group.phase == Phase::Joined {
            self.reply(request, Ok(()));
            return Ok(request);
        }
        group.joins.push(request);
        let again = group.phase == Phase::Lost;
        self.groups.joins += 1;
        if again {
            self.want_again(id, 0, String::new());
            self.pump(now);
        }
        Ok(request)
    }

    /// Gives one handle of a group back; with the last one the group is discarded, and its id is over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] where the session is over or the group was left.
    pub fn leave(&mut self, id: GroupId, now: Duration) -> Result<RequestId, Failure> {
        self.check_open()?;
        let request = self.requests.next_id();
        let group = self.groups.get(id).ok_or_else(left)?;
        group.handles -= 1;
        if group.handles > 0 {
            self.reply(request, Ok(()));
            return Ok(request);
        }
        let at = self.groups.groups.iter().position(|group| group.id == id).ok_or_else(left)?;
        let group = self.groups.groups.remove(at);
        self.reject_joins(group.joins, &left());
        if self.is_up() && matches!(group.phase, Phase::Adding | Phase::Joined) {
            let frame = ClientFrame::GroupDiscard { id: request.0.into(), group: group.name.as_str().into() };
            self.send_request(request, Kind::Discard, &frame, now);
        } else {
            self.reply(request, Ok(()));
        }
        Ok(request)
    }

    /// Adds groups that are wanted, as long as there is room for unanswered requests.
    pub(super) fn add_groups(&mut self, now: Duration) {
        for at in 0..self.groups.groups.len() {
            let group = &mut self.groups.groups[at];
            if group.phase != Phase::Wanted {
                continue;
            }
            if !self.requests.may_fly(0) {
                return;
            }
            group.phase = Phase::Adding;
            let id = group.id;
            let request = self.requests.next_id();
            let recover = group.position.clone();
            let frame = ClientFrame::GroupAdd { id: request.0.into(), group: group.name.as_str().into(), recover };
            self.send_request(request, Kind::Add(id), &frame, now);
        }
    }

    /// The gateway added the group.
    pub(super) fn added(&mut self, id: GroupId, joined: Option<Joined>) {
        let Some(group) = self.groups.get(id) else { return };
        group.phase = Phase::Joined;
        group.failed = 0;
        let (mut recovered, mut missed) = (false, Vec::new());
        group.position = joined.map(|joined| {
            (recovered, missed) = (joined.recovered, joined.messages);
            Recover { epoch: joined.epoch, offset: joined.offset }
        });
        let joins = std::mem::take(&mut group.joins);
        self.groups.joins -= joins.len();
        self.group_event(id, GroupState::Joined { recovered });
        joins.into_iter().for_each(|request| self.reply(request, Ok(())));
        missed.into_iter().for_each(|(message, _)| self.deliver(Some(id), message));
    }

    /// The gateway did not add the group.
    pub(super) fn not_added(&mut self, id: GroupId, failure: Failure, now: Duration) {
        let code = match failure.kind {
            ErrorKind::Refused(code) => code.0,
            _ => LocalCode::TIMEOUT.0,
        };
        let random = self.random.next();
        let Some(group) = self.groups.get(id) else { return };
        if code == ErrorCode::UNRECOVERABLE_POSITION.0 && group.position.take().is_some() {
            // The group itself was not refused: begin anew, which says `recovered: false`.
            group.phase = Phase::Wanted;
            return;
        }
        if failure.temporary {
            group.failed += 1;
            group.phase = Phase::Waiting(now.saturating_add(backoff::wait(group.failed, failure.retry_after, random)));
            self.group_event(id, GroupState::Joining { code, reason: failure.reason.into_owned() });
        } else {
            let reason = failure.reason.clone().into_owned();
            self.give_up(id, &failure, GroupState::Discarded { code, reason });
        }
    }

    /// The gateway removed the client from a group.
    pub(super) fn discarded(&mut self, name: &GroupName, code: GroupCode, reason: String) {
        let Some(group) = self.groups.named(name) else { return };
        let id = group.id;
        match action(code.0) {
            // An unanswered `group_add` decides about the group, whatever came before its answer.
            _ if group.phase == Phase::Adding => {}
            Action::Terminal => {
                let failure = Failure::discarded(code, &reason);
                self.give_up(id, &failure, GroupState::Discarded { code: code.0, reason });
            }
            Action::Retry | Action::Resubscribe => self.want_again(id, code.0, reason),
        }
    }

    /// A message came for a group.
    pub(super) fn group_message(&mut self, name: &GroupName, message: Message, offset: Option<u64>) {
        let Some(group) = self.groups.named(name) else { return };
        let id = group.id;
        if let Some(offset) = offset {
            // Positions only grow while the membership lasts; what comes before the answer to `group_add` comes with it.
            match &mut group.position {
                Some(position) if group.phase == Phase::Joined && offset > position.offset => position.offset = offset,
                _ => return,
            }
        }
        self.deliver(Some(id), message);
    }

    /// The connection is gone: every group that is not given up is wanted again.
    pub(super) fn groups_disconnected(&mut self, code: u16, reason: &str) {
        for at in 0..self.groups.groups.len() {
            let group = &mut self.groups.groups[at];
            let was = group.phase;
            if was != Phase::Lost {
                group.phase = Phase::Wanted;
            }
            if was == Phase::Joined {
                let id = group.id;
                self.group_event(id, GroupState::Joining { code, reason: reason.into() });
            }
        }
    }

    /// Adds again what has waited long enough.
    pub(super) fn group_timers(&mut self, now: Duration) {
        for group in &mut self.groups.groups {
            if matches!(group.phase, Phase::Waiting(at) if at <= now) {
                group.phase = Phase::Wanted;
            }
        }
    }

    /// The session is over: nobody joins any more.
    pub(super) fn groups_closed(&mut self, failure: &Failure) {
        for mut group in std::mem::take(&mut self.groups.groups) {
            self.reject_joins(std::mem::take(&mut group.joins), failure);
        }
    }

    /// Nobody waits for the reply to this join any more.
    pub(super) fn cancel_join(&mut self, request: RequestId) {
        for group in &mut self.groups.groups {
            if let Some(at) = group.joins.iter().position(|join| *join == request) {
                group.joins.remove(at);
                self.groups.joins -= 1;
                return;
            }
        }
    }

    fn want_again(&mut self, id: GroupId, code: u16, reason: String) {
        if let Some(group) = self.groups.get(id) {
            group.phase = Phase::Wanted;
            self.group_event(id, GroupState::Joining { code, reason });
        }
    }

    fn give_up(&mut self, id: GroupId, failure: &Failure, state: GroupState) {
        let Some(group) = self.groups.get(id) else { return };
        group.phase = Phase::Lost;
        group.failed = 0;
        group.position = None;
        let joins = std::mem::take(&mut group.joins);
        self.group_event(id, state);
        self.reject_joins(joins, failure);
    }

    fn reject_joins(&mut self, joins: Vec<RequestId>, failure: &Failure) {
        self.groups.joins -= joins.len();
        joins.into_iter().for_each(|request| self.reply(request, Err(failure.clone())));
    }

    fn group_event(&mut self, group: GroupId, state: GroupState) {
        self.effects.push_back(Effect::Event(Event::Group { group, state }));
    }
}

fn left() -> Failure {
    Failure::new(ErrorKind::Closed, "the group was left")
}
