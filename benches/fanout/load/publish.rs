//! The publisher's side: what is sent, what of it has not arrived yet, and how long deliveries took.

use super::{Load, PATIENCE, Patience, WAIT};
use crate::mark::Mark;

impl Load {
    /// Sends a message to all members, which says that it was sent at that time.
    pub(crate) fn publish(&mut self, time: u64) -> Result<(), String> {
        Mark { time, number: self.published }.write_into(&mut self.protocol.publish);
        self.published += 1;
        let publisher = &mut self.sockets[self.members];
        publisher.write(&self.protocol.publish).map_err(|e| format!("the publisher: {e}"))
    }

    pub(crate) fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// How many messages have not reached everybody yet, counting a partly delivered one whole.
    pub(crate) fn outstanding(&self) -> u64 {
        (self.published * self.members as u64 - self.deliveries).div_ceil(self.members as u64)
    }

    /// Turns until at most so many messages are outstanding.
    pub(crate) fn reach(&mut self, outstanding: u64) -> Result<(), String> {
        let mut patience = Patience::of(PATIENCE);
        while self.outstanding() > outstanding {
            self.turn(WAIT)?;
            let missing = self.published * self.members as u64 - self.deliveries;
            patience
                .spent(self.deliveries)
                .map_err(|()| format!("{missing} deliveries were missing, and no more came"))?;
        }
        Ok(())
    }

    /// From now on keeps how long deliveries take.
    pub(crate) fn watch(&mut self) {
        self.latencies = Some(Vec::new());
    }

    /// How long they took, in nanoseconds, in order.
    pub(crate) fn watched(&mut self) -> Vec<u64> {
        let mut latencies = self.latencies.take().unwrap_or_default();
        latencies.sort_unstable();
        latencies
    }
}
