//! What is done when a server is in reach again: memberships are restored, then the application is told.

use std::sync::Arc;

use tokio::sync::watch;

use super::Core;
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::link::State;
use crate::layer::redis::outage::Outage;
use crate::layer::redis::topology::{Member, Place};

impl Core {
    /// Follows the connection to one host. That of a cluster counts as made anew when one of its masters may have lost
    /// something.
    pub(super) async fn run_keeper(self: Arc<Self>, place: Place) {
        match self.topology.member(place) {
            Member::Alone { link, .. } => self.follow(place, link.watch()).await,
            Member::Cluster(cluster) => self.follow(place, cluster.condition()).await,
        }
    }

    async fn follow<C: Clone>(&self, place: Place, mut state: watch::Receiver<State<C>>) {
        let outage = Outage::new(self.topology.host(place), &self.events);
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                State::Up(_, made) => {
                    if made > 1 {
                        self.counters.reconnects.add(1);
                        self.restore_at(place).await;
                    }
                    outage.ends(made);
                }
                State::Down(Some(refusal)) => outage.begins(&refusal.reason),
                State::Down(None) => {}
            }
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    async fn restore_at(&self, place: Place) {
        let mut backoff = Backoff::default();
        while let Err(e) = self.restore(place).await {
            tracing::debug!(error = %e, "group memberships could not be restored; trying again");
            backoff.wait().await;
        }
    }
}
