//! The task that keeps the map of a cluster and the links to its masters what they should be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::map::{Address, Map};
use super::{Inner, reason};
use crate::layer::redis::connect::{self, Refusal};
use crate::layer::redis::link::{Link, State};

/// How often the nodes are asked who serves what, where all is well and where it is not.
const WELL: Duration = Duration::from_secs(5);
const UNWELL: Duration = Duration::from_millis(250);

/// How soon after a look the next one comes, whatever the reason.
const GAP: Duration = Duration::from_millis(20);

/// How many nodes are asked. Not all of them know of a change at once.
const ASKED: usize = 3;

/// How long a node without slots is kept a link to, after a slot on its way there led there.
const GUEST: Duration = Duration::from_secs(30);

/// What was seen of the cluster so far.
struct Seen {
    map: Map,
    /// The how many-th connection each master has.
    connections: HashMap<Address, u64>,
    /// Whether something may have been lost since the condition was last told.
    lost: bool,
    number: u64,
}

/// What a node says, and how much it is to be believed: whether the cluster is well in its eyes, and how far it has
/// followed its changes.
type Opinion = ((bool, u64), Map);

impl Inner {
    pub(super) async fn watch(self: Arc<Self>) {
        let mut seen = Seen { map: Map::empty(), connections: HashMap::new(), lost: false, number: 0 };
        loop {
            let known = match self.look().await {
                Ok(map) => {
                    seen.lost |= map.has_replaced_one_of(&seen.map);
                    seen.map = map.clone();
                    self.adopt(map);
                    true
                }
                Err(refusal) => {
                    self.note(refusal);
                    false
                }
            };
            let well = self.judge(&mut seen) && known;
            sleep(GAP).await;
            tokio::select! {
                () = self.stale.notified() => {}
                () = sleep(if well { WELL } else { UNWELL }) => {}
            }
        }
    }

    /// Asks some of the nodes, or the seeds where none of those answers.
    async fn look(&self) -> Result<Map, Refusal> {
        let mut links: Vec<(Address, Link)> =
            self.view.borrow().nodes.iter().map(|(address, node)| (address.clone(), node.link.clone())).collect();
        links.retain(|(_, link)| link.now().is_some());
        fastrand::shuffle(&mut links);
        let opinions = links.iter().take(ASKED).map(|(address, link)| async {
            let mut opened = link.now()?;
            let (slots, info) = connect::ask_node(&mut opened.connection).await.ok()?;
            opinion(&slots, &info, &address.host)
        });
        let opinions = join_all(opinions).await.into_iter().flatten();
        if let Some((_, map)) = opinions.max_by_key(|(weight, _)| *weight) {
            return Ok(map);
        }
        let mut refusal = Refusal::passing("it has no seeds");
        for seed in &self.entrance.seeds {
            match connect::ask_seed(seed).await {
                Ok((slots, info)) => match opinion(&slots, &info, &host_of(seed)) {
                    Some((_, map)) => return Ok(map),
                    None => refusal = Refusal::passing(format!("{} knows of no slots", seed.addr())),
                },
                Err(refused) => refusal = refused,
            }
        }
        Err(refusal)
    }

    fn adopt(&self, map: Map) {
        self.view.send_if_modified(|view| {
            let now = Instant::now();
            view.nodes.retain(|address, node| {
                let guest = node.asked.is_some_and(|asked| now.duration_since(asked) < GUEST);
                guest || map.masters().any(|master| master == address)
            });
            for address in map.masters() {
                view.nodes.entry(address.clone()).or_insert_with(|| self.node(address));
            }
            view.refusal = None;
            let news = view.map != map;
            view.map = map;
            news
        });
    }

    /// Notes that nobody tells who serves what; logs each reason once.
    fn note(&self, refusal: Refusal) {
        self.view.send_if_modified(|view| {
            let news = view.refusal.as_ref().is_none_or(|known| known.reason != refusal.reason);
            if news {
                let host = &self.entrance.host;
                tracing::warn!(%host, reason = %refusal.reason, "no node of the cluster tells who serves what; asking again");
                view.refusal = Some(refusal);
            }
            news
        });
    }

    /// Tells how the cluster is; returns whether it is well.
    fn judge(&self, seen: &mut Seen) -> bool {
        let (mut down, mut up, mut connections) = (None, true, HashMap::new());
        let view = self.view.borrow();
        for (address, link) in view.masters() {
            let before = seen.connections.get(address);
            match &*link.watch().borrow() {
                State::Up(_, number) => {
                    seen.lost |= before.is_some_and(|before| before < number);
                    connections.insert(address.clone(), *number);
                }
                State::Down(refusal) => {
                    up = false;
                    down = down.or_else(|| refusal.clone());
                    connections.extend(before.map(|before| (address.clone(), *before)));
                }
            }
        }
        if connections.is_empty() {
            up = false;
            down = down.or_else(|| view.refusal.clone());
        }
        drop(view);
        seen.connections = connections;
        match down {
            Some(refusal) => self.tell_down(seen, refusal),
            None if up && (seen.lost || seen.number == 0) => {
                seen.number += 1;
                seen.lost = false;
                self.condition.send_replace(State::Up((), seen.number));
            }
            None => {}
        }
        up
    }

    fn tell_down(&self, seen: &mut Seen, refusal: Refusal) {
        seen.lost |= seen.number > 0;
        self.condition.send_if_modified(|state| {
            let news = !matches!(state, State::Down(Some(_)));
            if news {
                tracing::warn!(host = %self.entrance.host, reason = %reason(Some(&refusal)), "a master of the cluster is out of reach");
                *state = State::Down(Some(refusal));
            }
            news
        });
    }
}

fn opinion(slots: &redis::Value, info: &str, asked: &str) -> Option<Opinion> {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let epoch = field("cluster_current_epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or_default();
    Some(((field("cluster_state") != Some("fail"), epoch), Map::read(slots, asked)?))
}

pub(super) fn host_of(seed: &redis::ConnectionInfo) -> String {
    match seed.addr() {
        redis::ConnectionAddr::Tcp(host, _) | redis::ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}
