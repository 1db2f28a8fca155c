//! A Redis Cluster: which node serves which slot, and a [`Link`] to each of its masters.
//!
//! - `map.rs`: the slots and their masters.
//! - `watch.rs`: the task that keeps the map and the links what they should be.
//! - `send.rs`: commands, each to the master of its slot, wherever that goes.
//!
//! What must stay true: every master that the map names has a link. A map may be out of date at any time, and what it
//! leads to says so: a node never executes a command for a slot that it does not serve.

mod map;
mod send;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{ConnectionInfo, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch as channel};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::connect::{Needs, Refusal, Server};
use super::fault;
use super::host::{Access, Target};
use super::link::{Link, Listener, State};
use crate::Result;
pub(super) use map::Address;
use map::Map;

/// A cluster. Dropping it ends its links.
pub(super) struct Cluster {
    inner: Arc<Inner>,
    watching: AbortHandle,
}

/// How to get into a cluster, and what it is asked of.
pub(super) struct Entrance {
    pub(super) host: Arc<str>,
    pub(super) seeds: Vec<ConnectionInfo>,
    /// How to get into the addresses that a node tells.
    pub(super) node: Access,
    pub(super) needs: Needs,
    /// How long a verb waits for a node.
    pub(super) patience: Duration,
}

struct Inner {
    entrance: Entrance,
    runtime: Handle,
    view: channel::Sender<View>,
    /// Down while a master is; moves on when a master may have lost something.
    condition: channel::Sender<State<()>>,
    /// There is reason to think that the map is out of date.
    stale: Arc<Notify>,
}

/// The cluster as it is known.
pub(super) struct View {
    map: Map,
    nodes: HashMap<Address, Node>,
    /// Why no node told who serves what, if none did.
    refusal: Option<Refusal>,
}

struct Node {
    link: Link,
    /// When a slot that is on its way there last led there.
    asked: Option<Instant>,
}

/// Where a slot is, for a connection of one's own.
pub(super) struct Seat {
    pub(super) link: Link,
    pub(super) server: Server,
    address: Address,
}

impl Cluster {
    /// Begins to find out who serves what, and to connect to all of them.
    pub(super) fn new(entrance: Entrance, runtime: &Handle) -> Self {
        let view = View { map: Map::empty(), nodes: HashMap::new(), refusal: None };
        let inner = Arc::new(Inner {
            entrance,
            runtime: runtime.clone(),
            view: channel::Sender::new(view),
            condition: channel::Sender::new(State::Down(None)),
            stale: Arc::new(Notify::new()),
        });
        let watching = runtime.spawn(Arc::clone(&inner).watch()).abort_handle();
        Self { inner, watching }
    }

    pub(super) fn host(&self) -> &Arc<str> {
        &self.inner.entrance.host
    }

    /// Follows whether all masters are in reach. The number moves on whenever one may have lost something: its connection
    /// was made anew, or a replica has taken its place.
    pub(super) fn condition(&self) -> channel::Receiver<State<()>> {
        self.inner.condition.subscribe()
    }

    /// Waits until every master was reached once, or one refused in a way that waiting does not mend.
    pub(super) async fn settled(&self) -> Result<()> {
        let deadline = Instant::now() + self.inner.entrance.patience;
        let mut view = self.inner.view.subscribe();
        loop {
            let (links, refusal) = {
                let view = view.borrow_and_update();
                (view.masters().map(|(_, link)| link.clone()).collect::<Vec<_>>(), view.refusal.clone())
            };
            let unreachable = || fault::unreachable(self.host(), &reason(refusal.as_ref()));
            if refusal.as_ref().is_some_and(|refusal| refusal.lasting) {
                return Err(unreachable());
            }
            tokio::select! {
                settled = try_join_all(links.iter().map(Link::settled)), if !links.is_empty() => return settled.map(drop),
                _ = view.changed() => {}
                () = sleep_until(deadline) => return Err(unreachable()),
            }
        }
    }

    /// The links to all masters.
    pub(super) fn masters(&self) -> Vec<(Address, Link)> {
        self.inner.view.borrow().masters().map(|(address, link)| (address.clone(), link.clone())).collect()
    }

    /// Where a slot is right now.
    pub(super) fn seat(&self, slot: u16) -> Result<Seat, Refusal> {
        let view = self.inner.view.borrow();
        let seat = view.map.owner(slot).and_then(|address| Some((address, view.nodes.get(address)?)));
        let Some((address, node)) = seat else {
            self.inner.stale.notify_one();
            return Err(view.refusal.clone().unwrap_or_else(|| Refusal::passing("no node serves the slot")));
        };
        Ok(Seat { link: node.link.clone(), server: self.inner.server(address), address: address.clone() })
    }

    /// Waits until a slot is somewhere else.
    pub(super) async fn left(&self, slot: u16, seat: &Seat) {
        let mut view = self.inner.view.subscribe();
        let left = view.wait_for(|view| view.map.owner(slot).is_some_and(|owner| *owner != seat.address));
        if left.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes note of an error that the node of a slot answered with. Returns whether it said that the slot is somewhere
    /// else.
    pub(super) fn learn(&self, seat: &Seat, fault: &RedisError) -> bool {
        if fault.is_io_error() || fault::is_demoted(fault) {
            seat.link.suspect();
        }
        self.learn_from(&seat.address, fault)
    }

    /// Takes note of an error that a node answered with. Returns whether it said that a slot is somewhere else.
    pub(super) fn learn_from(&self, address: &Address, fault: &RedisError) -> bool {
        self.inner.stale.notify_one();
        self.inner.moved(address, fault)
    }

    /// Moves on when slots move.
    pub(super) fn moves(&self) -> channel::Receiver<View> {
        self.inner.view.subscribe()
    }

    /// Who serves a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<Address> {
        self.inner.view.borrow().map.owner(slot).cloned()
    }

    /// A second link to a node, for what the server sends without being asked.
    pub(super) fn listener(&self, address: &Address, push: Listener) -> Link {
        self.inner.link(address, Some(push))
    }

    /// Ends every connection.
    pub(super) fn end(&self) {
        self.watching.abort();
        self.inner.view.borrow().nodes.values().for_each(|node| node.link.end());
    }
}

/// The masters, by the answer of the node at `asked` to `CLUSTER SLOTS`.
pub(super) fn masters(slots: &Value, asked: &ConnectionInfo) -> Vec<Address> {
    Map::read(slots, &watch::host_of(asked)).map_or_else(Vec::new, |map| map.masters().cloned().collect())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({})", self.host())
    }
}

impl Inner {
    fn server(&self, address: &Address) -> Server {
        let Entrance { node, needs, .. } = &self.entrance;
        Server { info: node.at(&address.host, address.port), needs: *needs, clustered: true }
    }

    fn link(&self, address: &Address, push: Option<Listener>) -> Link {
        let name = format!("{address} of {}", self.entrance.host);
        Link::new(&name, Target::Node(self.server(address)), self.entrance.patience, push, &self.runtime)
    }

    /// A node that was named for the first time. What becomes of its connection is a reason to look at the map.
    fn node(&self, address: &Address) -> Node {
        let link = self.link(address, None);
        let (mut state, stale) = (link.watch(), Arc::clone(&self.stale));
        self.runtime.spawn(async move {
            while state.changed().await.is_ok() {
                stale.notify_one();
            }
        });
        Node { link, asked: None }
    }

    /// Follows a redirection of a whole slot; false where the error is none.
    fn moved(&self, from: &Address, fault: &RedisError) -> bool {
        if fault.code() != Some("MOVED") {
            return false;
        }
        self.stale.notify_one();
        let Some((to, slot)) = fault.redirect_node() else { return false };
        let Some(to) = Address::read(to, &from.host) else { return false };
        self.view.send_if_modified(|view| {
            let news = view.map.hand_over(slot, &to);
            if news {
                view.nodes.entry(to.clone()).or_insert_with(|| self.node(&to));
            }
            news
        });
        true
    }
}

impl View {
    fn masters(&self) -> impl Iterator<Item = (&Address, &Link)> {
        self.map.masters().filter_map(|address| Some((address, &self.nodes.get(address)?.link)))
    }
}

fn reason(refusal: Option<&Refusal>) -> Arc<str> {
    refusal.map_or_else(|| "its nodes did not answer yet".into(), |refusal| Arc::clone(&refusal.reason))
}
