//! What is done when a server is in reach again: memberships are restored, then the application is told.

use std::sync::Arc;

use tokio::sync::watch;

use super::Core;
use crate::layer::LayerEvent;
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::link::State;
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
        let (host, mut down) = (self.topology.host(place).clone(), None);
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                State::Up(_, 1) => {}
                State::Up(..) => {
                    self.counters.reconnects.add(1);
                    self.restore_at(place).await;
                    let after = down.take().map(|since: tokio::time::Instant| since.elapsed()).unwrap_or_default();
                    tracing::info!(%host, ?after, "Redis is in reach again, and group memberships are restored");
                    self.events.send(LayerEvent::Reconnected { host: host.clone(), after });
                }
                State::Down(Some(refusal)) if down.is_none() => {
                    down = Some(tokio::time::Instant::now());
                    self.events.send(LayerEvent::Disconnected { host: host.clone(), reason: refusal.reason });
                }
                State::Down(_) => {}
            }
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    async fn restore_at(&self, place: Place) {
        let mut backoff = Backoff::default();
        while let Err(e) = self.restore(Some(place)).await {
            tracing::debug!(error = %e, "group memberships could not be restored; trying again");
            backoff.wait().await;
        }
    }
}
