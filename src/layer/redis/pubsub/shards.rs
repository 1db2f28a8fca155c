//! Listening to a cluster: a link to each of its masters, over which the topics are subscribed to whose slots it serves.
//!
//! What is published while a topic is on its way from one master to another may be missed; so it is told to the
//! application as an outage, whatever moved it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::RedisError;
use tokio::task::AbortHandle;

use super::topics::{self, Topics};
use super::{PubSub, tell_ends};
use crate::layer::redis::cluster::{Address, Cluster};
use crate::layer::redis::link::{Link, State};
use crate::layer::redis::outage::Outage;
use crate::layer::redis::topology::{Member, Place};
use crate::layer::redis::wire::slot::slot;

/// The masters that are listened to.
#[derive(Default)]
struct Ears(Mutex<HashMap<Address, Ear>>);

/// One of them. Dropping it ends it.
struct Ear {
    link: Link,
    task: AbortHandle,
}

impl PubSub {
    /// Keeps what is heard of a cluster as it is wanted.
    pub(super) async fn run_shards(self: Arc<Self>, place: Place) {
        let Member::Cluster(cluster) = self.topology.member(place) else { return };
        let (topics, ears) = (self.topics_of(place), Ears::default());
        let outage = Arc::new(Outage::new(cluster.host(), &self.events));
        let reset = |topic: &str| ears.reset(cluster, slot(topic));
        let follow = async {
            let (mut moves, mut done) = (cluster.moves(), topics.watch());
            moves.mark_changed();
            loop {
                tokio::select! {
                    // Neither fails: both senders are here.
                    _ = moves.changed() => self.follow(place, cluster, topics, &ears, &outage),
                    _ = done.changed() => {}
                }
                if topics.was_disturbed() {
                    outage.begins(&"topics moved to other nodes of the cluster".into());
                }
                if outage.lasts() && topics.is_complete() && ears.are_up() {
                    outage.ends(1);
                }
            }
        };
        tokio::join!(follow, self.run_canary(place, reset));
    }

    /// Listens to the masters of now.
    fn follow(
        self: &Arc<Self>,
        place: Place,
        cluster: &Cluster,
        topics: &Arc<Topics>,
        ears: &Ears,
        outage: &Arc<Outage>,
    ) {
        let masters: Vec<Address> = cluster.masters().into_iter().map(|(address, _)| address).collect();
        let mut ears = ears.lock();
        let gone: Vec<Address> = ears.keys().filter(|address| !masters.contains(address)).cloned().collect();
        for address in gone {
            if let Some(ear) = ears.remove(&address) {
                topics.leave(ear.link.host());
            }
        }
        for address in masters {
            ears.entry(address.clone()).or_insert_with(|| {
                let link = cluster.listener(&address, Self::ear(&Arc::downgrade(self), place));
                let task = Arc::clone(self).listen_to(place, address, link.clone(), Arc::clone(outage));
                Ear { link, task: self.tasks.runtime().spawn(task).abort_handle() }
            });
        }
        topics.reassign(|topic, source| {
            let owner = cluster.owner(slot(topic)).and_then(|owner| ears.get(&owner));
            owner.is_none_or(|owner| *owner.link.host() == source.node)
        });
    }

    async fn listen_to(self: Arc<Self>, place: Place, address: Address, link: Link, outage: Arc<Outage>) {
        let Member::Cluster(cluster) = self.topology.member(place) else { return };
        let owns = |topic: &str| cluster.owner(slot(topic)).as_ref() == Some(&address);
        let refused = |fault: &RedisError| {
            cluster.learn_from(&address, fault);
        };
        let restored = |made| {
            if made > 1 {
                self.counters.reconnects.add(1);
            }
        };
        let topics = self.topics_of(place);
        tokio::join!(topics.run(&link, topics::SHARDED, owns, refused, restored), tell_ends(link.watch(), &outage));
    }
}

impl Ears {
    fn are_up(&self) -> bool {
        let ears = self.lock();
        !ears.is_empty() && ears.values().all(|ear| matches!(*ear.link.watch().borrow(), State::Up(..)))
    }

    /// Has the master of a slot listened to anew.
    fn reset(&self, cluster: &Cluster, slot: u16) {
        if let Some(ear) = cluster.owner(slot).and_then(|owner| self.lock().get(&owner).map(|ear| ear.link.clone())) {
            ear.reset();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Ear>> {
        // Nothing under the lock panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
        self.link.end();
    }
}
