//! What is done when a server is in reach again: memberships are restored, then the application is told.

use std::sync::Arc;

use super::Core;
use crate::layer::redis::backoff::Backoff;
use crate::layer::redis::link::State;
use crate::layer::redis::outage::Outage;
use crate::layer::redis::topology::Place;

impl Core {
    /// Follows one server's connection.
    pub(super) async fn run_keeper(self: Arc<Self>, place: Place) {
        let (host, mut state) = (self.topology.link(place).host().clone(), self.topology.link(place).watch());
        let outage = Outage::new(&host, &self.events);
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
