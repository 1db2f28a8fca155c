//! How many members groups have, in all gateways together: asked of each, and counted up.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Control, Told};
use crate::Message;
use crate::gateway::shared::Shared;
use crate::layer::ChannelLayer;
use crate::protocol::{ChannelName, GroupName};

/// How long the others may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most groups that one gateway tells of, the first ones by name. A message of that many is about 100 KB.
const MOST: usize = 1000;

/// A group and its members in all gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GroupCount {
    /// The group.
    pub group: GroupName,
    /// How many connections are in it.
    pub members: u64,
}

/// What a survey has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Survey {
    /// The groups that have members, in the order of their names. Each gateway tells of its first 1,000.
    pub groups: Vec<GroupCount>,
    /// How many gateways did not answer within a second, so that their members are not counted.
    pub missing: usize,
}

type Answer = Vec<(GroupName, u64)>;

/// Surveys that wait for answers.
#[derive(Debug, Default)]
pub(super) struct Surveys(Mutex<HashMap<u64, mpsc::Sender<Answer>>>);

/// A survey that is waited for.
struct Open<'a> {
    surveys: &'a Surveys,
    id: u64,
}

impl Surveys {
    pub(super) fn answer(&self, id: u64, groups: Answer) {
        if let Some(waiting) = self.lock().get(&id) {
            // Nobody hears it who no longer waits, and more than were asked do not answer.
            let _ = waiting.try_send(groups);
        }
    }

    fn open(&self, asked: usize) -> (Open<'_>, mpsc::Receiver<Answer>) {
        let (sender, answers) = mpsc::channel(asked);
        let id = fastrand::u64(1..i64::MAX.unsigned_abs());
        self.lock().insert(id, sender);
        (Open { surveys: self, id }, answers)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.surveys.lock().remove(&self.id);
    }
}

impl<L: ChannelLayer> Shared<L> {
    /// Groups whose names begin with `prefix`, with their members in all gateways.
    pub(crate) async fn survey(self: &Arc<Self>, prefix: &str) -> Survey {
        Control::start(self);
        let mut sums: BTreeMap<GroupName, u64> = BTreeMap::new();
        let mut add = |groups: Answer| groups.into_iter().for_each(|(group, n)| *sums.entry(group).or_default() += n);
        add(self.hub.counts(prefix, MOST));
        let mut missing = self.other_nodes().len();
        if let (Some(reply), 1..) = (self.control.channel.get(), missing) {
            let (open, mut answers) = self.control.surveys.open(missing);
            let (from, prefix) = (self.control.name.clone(), prefix.to_owned());
            self.tell(&Told::Ask { from, reply: reply.clone(), id: open.id, prefix }).await;
            let gather = async {
                while missing > 0
                    && let Some(groups) = answers.recv().await
                {
                    add(groups);
                    missing -= 1;
                }
            };
            // What has not answered by then is counted as missing.
            let _ = timeout(PATIENCE, gather).await;
        }
        Survey { groups: sums.into_iter().map(|(group, members)| GroupCount { group, members }).collect(), missing }
    }

    pub(super) async fn answer(&self, reply: &ChannelName, id: u64, prefix: &str) {
        let answer = Told::Answer { id, groups: self.hub.counts(prefix, MOST) };
        let sent = match Message::encode(&answer) {
            Ok(message) => self.layer.send(reply, message).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a gateway's question was not answered");
        }
    }
}
