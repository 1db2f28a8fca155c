//! Sending commands to the masters of their slots, and following them where they are sent on to.
//!
//! What must stay true: a command is sent again only after a node has refused to look at it. One that was on its way
//! when its connection was lost may have been executed, and fails.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, ErrorKind as Kind, Pipeline, RedisError, ServerErrorKind, Value};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Address, Cluster, Inner, reason};
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::fault;
use crate::layer::redis::link::Link;
use crate::{Error, Result};

/// A command, and the slot of its keys. Nothing is known of its answer yet.
type Routed<'a> = (u16, &'a Cmd);

/// What became of a command.
enum Outcome {
    Answered(Value),
    /// Nobody looked at it, and why.
    Refused(Error),
    /// This node is to be asked, this once.
    Asked(Address),
    Failed(Error),
}

impl Cluster {
    /// Sends commands, all of a node in one go, and waits for their answers. Those of one key are executed in order;
    /// some may have been when one fails.
    pub(in crate::layer::redis) async fn run(&self, commands: &[Routed<'_>]) -> Result<Vec<Value>> {
        let deadline = Instant::now() + self.inner.entrance.patience;
        let mut answers = vec![Value::Nil; commands.len()];
        let mut left: Vec<usize> = (0..commands.len()).collect();
        let mut backoff = None;
        loop {
            let mut outcomes = self.inner.send_on_their_way(commands, &left, deadline).await;
            let asked = self.inner.send_where_asked(commands, &mut outcomes, deadline).await;
            outcomes.extend(asked);
            let mut refusal = None;
            left.clear();
            for (at, outcome) in outcomes {
                match outcome {
                    Outcome::Answered(answer) => answers[at] = answer,
                    Outcome::Failed(e) => return Err(e),
                    Outcome::Refused(e) => {
                        refusal = Some(e);
                        left.push(at);
                    }
                    Outcome::Asked(to) => {
                        refusal = Some(fault::unreachable(self.host(), &format!("a slot is on its way to {to}")));
                        left.push(at);
                    }
                }
            }
            left.sort_unstable();
            match refusal {
                None if left.is_empty() => return Ok(answers),
                Some(refusal) if Instant::now() >= deadline => return Err(refusal),
                _ => {}
            }
            // The first redirection is followed at once.
            match &mut backoff {
                None => backoff = Some(Backoff::default()),
                Some(backoff) => drop(timeout_at(deadline, backoff.wait()).await),
            }
        }
    }
}

impl Inner {
    /// Sends each command to the master of its slot.
    async fn send_on_their_way(
        &self,
        commands: &[Routed<'_>],
        left: &[usize],
        deadline: Instant,
    ) -> Vec<(usize, Outcome)> {
        let mut parcels: BTreeMap<Option<Address>, Vec<usize>> = BTreeMap::new();
        {
            let view = self.view.borrow();
            for at in left {
                parcels.entry(view.map.owner(commands[*at].0).cloned()).or_default().push(*at);
            }
        }
        let sent = parcels.into_iter().map(|(address, parcel)| self.send(commands, address, parcel, false, deadline));
        join_all(sent).await.into_iter().flatten().collect()
    }

    /// Sends on what has to be asked of another node, and takes it out of the outcomes.
    async fn send_where_asked(
        &self,
        commands: &[Routed<'_>],
        outcomes: &mut Vec<(usize, Outcome)>,
        deadline: Instant,
    ) -> Vec<(usize, Outcome)> {
        let mut parcels: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
        outcomes.retain(|(at, outcome)| match outcome {
            Outcome::Asked(address) => {
                parcels.entry(address.clone()).or_default().push(*at);
                false
            }
            _ => true,
        });
        let sent = parcels.into_iter().map(|(address, mut parcel)| {
            parcel.sort_unstable();
            self.send(commands, Some(address), parcel, true, deadline)
        });
        join_all(sent).await.into_iter().flatten().collect()
    }

    /// Sends commands to one node.
    async fn send(
        &self,
        commands: &[Routed<'_>],
        address: Option<Address>,
        parcel: Vec<usize>,
        asking: bool,
        deadline: Instant,
    ) -> Vec<(usize, Outcome)> {
        let (address, link, mut connection) = match self.reach(address, asking, deadline).await {
            Ok(reached) => reached,
            Err(because) => {
                let refused = || Error::new(because.kind(), because.to_string());
                return parcel.into_iter().map(|at| (at, Outcome::Refused(refused()))).collect();
            }
        };
        match deliver(&mut connection, parcel.iter().map(|at| commands[*at].1), asking).await {
            Ok(answers) => {
                let outcome = |answer: Value| match answer.extract_error() {
                    Ok(answer) => Outcome::Answered(answer),
                    Err(fault) => self.judge_fault(&address, &link, fault),
                };
                parcel.into_iter().zip(answers.into_iter().map(outcome)).collect()
            }
            Err(fault) => {
                link.suspect();
                self.stale.notify_one();
                // One error is for all of them, and the first one tells it.
                parcel
                    .into_iter()
                    .take(1)
                    .map(|at| (at, Outcome::Failed(fault::error(link.host(), fault.clone()))))
                    .collect()
            }
        }
    }

    /// Waits for a connection to a node. An error says that there is none, or that the map has changed meanwhile.
    async fn reach(
        &self,
        address: Option<Address>,
        asking: bool,
        deadline: Instant,
    ) -> Result<(Address, Link, MultiplexedConnection)> {
        let mut view = self.view.subscribe();
        let known = address.and_then(|address| Some((self.link_to(&address, asking)?, address)));
        let Some((link, address)) = known else {
            self.stale.notify_one();
            let _ = timeout_at(deadline, view.changed()).await;
            return Err(fault::unreachable(&self.entrance.host, &reason(view.borrow().refusal.as_ref())));
        };
        if let Some(opened) = link.now() {
            return Ok((address, link, opened.connection));
        }
        self.stale.notify_one();
        tokio::select! {
            opened = link.up() => Ok((address, link.clone(), opened.connection)),
            _ = view.changed() => Err(link.unreachable()),
            () = sleep_until(deadline) => Err(link.unreachable()),
        }
    }

    /// The link to a node; one that a slot is on its way to may be new here.
    fn link_to(&self, address: &Address, asking: bool) -> Option<Link> {
        if !asking {
            return self.view.borrow().nodes.get(address).map(|node| node.link.clone());
        }
        let mut link = None;
        self.view.send_if_modified(|view| {
            let node = view.nodes.entry(address.clone()).or_insert_with(|| self.node(address));
            node.asked = Some(Instant::now());
            link = Some(node.link.clone());
            false
        });
        link
    }

    /// What an error that a node answered with means for the command.
    fn judge_fault(&self, address: &Address, link: &Link, fault: RedisError) -> Outcome {
        let asked = || fault.redirect_node().and_then(|(to, _)| Address::read(to, &address.host));
        let refused = |fault: &RedisError| Outcome::Refused(fault::unreachable(link.host(), &fault.to_string()));
        match fault.kind() {
            Kind::Server(ServerErrorKind::Moved) => {
                self.moved(address, &fault);
                refused(&fault)
            }
            Kind::Server(ServerErrorKind::Ask) => asked().map_or_else(|| refused(&fault), Outcome::Asked),
            Kind::Server(ServerErrorKind::ClusterDown) => {
                self.stale.notify_one();
                refused(&fault)
            }
            _ if fault::is_demoted(&fault) => {
                link.suspect();
                self.stale.notify_one();
                refused(&fault)
            }
            _ => Outcome::Failed(fault::error(link.host(), fault)),
        }
    }
}

/// Sends commands in one go; the answers may be errors.
async fn deliver<'a>(
    connection: &mut MultiplexedConnection,
    mut commands: impl ExactSizeIterator<Item = &'a Cmd>,
    asking: bool,
) -> Result<Vec<Value>, RedisError> {
    if commands.len() == 1 && !asking {
        let Some(command) = commands.next() else { return Ok(Vec::new()) };
        return Ok(vec![connection.send_packed_command(command).await?]);
    }
    let mut pipeline = Pipeline::with_capacity(commands.len() * 2);
    for command in commands {
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(command.clone());
    }
    let answers = connection.req_packed_commands(&pipeline, 0, pipeline.len()).await?;
    let step = if asking { 2 } else { 1 };
    Ok(answers.into_iter().skip(step - 1).step_by(step).collect())
}
