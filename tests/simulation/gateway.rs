//! The gateway's side: one process with a session per link, and a layer that is a table of groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use channel_layers::gateway::GatewayConfig;
use channel_layers::gateway::session::{Connected, Effect, FrameKind, Input, Operation, Outcome, Session};
use channel_layers::protocol::{Encoding, ErrorCode, GroupCode, ServerFrame, Target};
use channel_layers::{GroupName, Message};

/// A gateway process.
pub(crate) struct Gateway {
    /// Counts restarts; links of an earlier process are dead.
    pub(crate) process: u32,
    pub(crate) running: bool,
    config: Arc<GatewayConfig>,
    sessions: BTreeMap<usize, Session>,
    groups: BTreeMap<GroupName, BTreeSet<usize>>,
    epoch: Instant,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        let config = Arc::new(GatewayConfig::default());
        let (sessions, groups) = (BTreeMap::new(), BTreeMap::new());
        Self { process: 0, running: true, config, sessions, groups, epoch: Instant::now() }
    }

    pub(crate) fn open(&mut self, link: usize, encoding: Encoding, now: Duration) {
        self.sessions.insert(link, Session::new(self.config.clone(), encoding, self.epoch + now));
    }

    pub(crate) fn handle(&mut self, link: usize, input: Input, now: Duration) -> Effect {
        self.sessions.get_mut(&link).map_or(Effect::None, |session| session.handle(input, self.epoch + now))
    }

    pub(crate) fn frame(&mut self, link: usize, bytes: Bytes, now: Duration) -> Effect {
        let Some(session) = self.sessions.get(&link) else { return Effect::None };
        let kind = FrameKind::of(session.encoding());
        self.handle(link, Input::Frame(kind, bytes), now)
    }

    pub(crate) fn wants_frames(&self, link: usize) -> bool {
        self.sessions.get(&link).is_some_and(Session::wants_frames)
    }

    pub(crate) fn deadline(&self, link: usize) -> Option<Duration> {
        let deadline = self.sessions.get(&link)?.deadline()?;
        Some(deadline.saturating_duration_since(self.epoch))
    }

    /// Forgets a link, as when its socket is gone.
    pub(crate) fn forget(&mut self, link: usize) {
        self.sessions.remove(&link);
        self.groups.values_mut().for_each(|members| {
            members.remove(&link);
        });
    }

    /// Ends the process at once; returns the links that it had.
    pub(crate) fn kill(&mut self) -> Vec<usize> {
        self.process += 1;
        self.running = false;
        self.groups.clear();
        std::mem::take(&mut self.sessions).into_keys().collect()
    }

    pub(crate) fn links(&self) -> Vec<usize> {
        self.sessions.keys().copied().collect()
    }

    /// Removes a member behind its back, as when its room lost messages.
    pub(crate) fn expel(&mut self, link: usize, group: &GroupName, now: Duration) -> Option<Effect> {
        let removed = self.groups.get_mut(group)?.remove(&link);
        removed.then(|| self.handle(link, Input::GroupLost(group.clone(), GroupCode::INSUFFICIENT_STATE), now))
    }

    /// Carries out an operation. Messages to deliver come back as links and frames.
    pub(crate) fn carry_out(
        &mut self,
        link: usize,
        operation: Operation,
        fails: bool,
    ) -> (Outcome, Vec<(usize, Bytes)>) {
        let busy = || Outcome::Failed(ErrorCode::NOT_AVAILABLE, "try again".into());
        match operation {
            Operation::Connect { .. } => {
                let channel = format!("gateway.p{}!{link}", self.process).parse().expect("a valid name");
                let client = Connected { channel, user: None, groups: Vec::new(), expires: None };
                (Outcome::Connected(Box::new(client)), Vec::new())
            }
            Operation::Join(_) | Operation::GroupSend(..) if fails => (busy(), Vec::new()),
            Operation::Enter(group) | Operation::Join(group) => {
                self.groups.entry(group).or_default().insert(link);
                (Outcome::Done, Vec::new())
            }
            Operation::Leave(group) => {
                if let Some(members) = self.groups.get_mut(&group) {
                    members.remove(&link);
                }
                (Outcome::Done, Vec::new())
            }
            Operation::GroupSend(group, message) => (Outcome::Done, self.fan_out(&group, &message)),
            Operation::Send(..) | Operation::Refresh { .. } => unreachable!("no client of the simulation asks for it"),
        }
    }

    fn fan_out(&self, group: &GroupName, message: &Message) -> Vec<(usize, Bytes)> {
        let members = self.groups.get(group).into_iter().flatten();
        let frame =
            ServerFrame::Message { target: Target::Group(group.clone()), message: message.clone(), offset: None };
        members.map(|&link| (link, frame.encode(self.sessions[&link].encoding()))).collect()
    }
}
