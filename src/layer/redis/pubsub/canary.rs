//! The layer's own messages: over each host one published to itself, every few seconds. A host over which none comes
//! back is listened on anew.

use super::PubSub;
use crate::layer::MailboxOptions;
use crate::layer::mailbox::Mailbox;
use crate::layer::redis::topology::Place;
use crate::{Message, Result};

/// What the names of the canaries' channels begin with.
const NAME: &str = "canary";

impl PubSub {
    /// Sends canaries over a place, and has it listened on anew where they do not come.
    pub(super) async fn run_canary(&self, place: Place, reset: impl Fn(&str)) {
        // Only a layer that was closed opens none.
        let Ok(channel) = self.local.open(NAME, None, &MailboxOptions::default()) else { return };
        let topic = channel.inbox.name.clone();
        let subscription = self.topics_of(place).want(topic.as_str());
        let mut mailbox = Mailbox::new(channel, || ());
        loop {
            let sing = |message| async {
                self.confirmed(place, &subscription).await?;
                self.sing(place, topic.as_str(), message).await
            };
            self.pulses.until_deaf(place, &mut mailbox, sing).await;
            tracing::warn!(host = %self.topology.host(place), "the layer does not hear itself; connecting again");
            reset(topic.as_str());
        }
    }

    async fn sing(&self, place: Place, topic: &str, message: Message) -> Result<()> {
        let payload = self.codec.encode(&message, None, super::now())?;
        self.topology.query(self.topology.beside(place, topic), &self.publication(place, topic, payload)).await
    }
}
