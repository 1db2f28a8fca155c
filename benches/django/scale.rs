//! What a verb of the memory layer costs when there is much else: members in the group that somebody joins, groups beside
//! the one that is sent to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use channel_layers::GroupName;
use channel_layers::layer::{ChannelLayer, Layer, Mailbox, MailboxOptions};

use crate::rust::chat;

/// A layer, and what is in it for each measurement, which is made once and kept.
pub(crate) struct Scale {
    layer: Layer,
    crowds: HashMap<usize, (GroupName, Vec<Mailbox>)>,
    /// Layers with so many groups of one member, since groups of other measurements would count.
    worlds: HashMap<usize, (Layer, Vec<Mailbox>)>,
}

impl Scale {
    pub(crate) fn new() -> Self {
        Self { layer: Layer::default(), crowds: HashMap::new(), worlds: HashMap::new() }
    }

    /// How often in a second somebody joins a group of so many and leaves it.
    pub(crate) async fn join(&mut self, time: Duration, members: usize) -> f64 {
        let (group, _) = match self.crowds.entry(members) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let group = GroupName::new(format!("crowd.{members}")).expect("a name");
                let crowd = crowd(&self.layer, (0..members).map(|_| group.clone())).await;
                entry.insert((group, crowd))
            }
        };
        let guest = self.layer.mailbox("guest", MailboxOptions::default()).await.expect("a mailbox");
        let (begun, mut done) = (Instant::now(), 0.0);
        while begun.elapsed() < time {
            self.layer.group_add(group, guest.channel()).await.expect("a member");
            self.layer.group_discard(group, guest.channel()).await.expect("no member");
            done += 1.0;
        }
        done / begun.elapsed().as_secs_f64()
    }

    /// How many messages a second go to a group of one and are received, while there are so many groups.
    pub(crate) async fn among(&mut self, time: Duration, groups: usize) -> f64 {
        let (layer, mailboxes) = match self.worlds.entry(groups) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(world(groups).await),
        };
        let (group, message) = (group(0), chat());
        let (begun, mut done) = (Instant::now(), 0.0);
        while begun.elapsed() < time {
            layer.group_send(&group, message.clone()).await.expect("a send");
            mailboxes[0].recv().await.expect("the message");
            done += 1.0;
        }
        done / begun.elapsed().as_secs_f64()
    }
}

fn group(n: usize) -> GroupName {
    GroupName::new(format!("world.{n}")).expect("a name")
}

async fn world(groups: usize) -> (Layer, Vec<Mailbox>) {
    let layer = Layer::default();
    let mailboxes = crowd(&layer, (0..groups).map(group)).await;
    (layer, mailboxes)
}

/// A mailbox in each group.
async fn crowd(layer: &Layer, groups: impl Iterator<Item = GroupName>) -> Vec<Mailbox> {
    let mut mailboxes = Vec::new();
    for group in groups {
        let mailbox = layer.mailbox("bench", MailboxOptions::default()).await.expect("a mailbox");
        layer.group_add(&group, mailbox.channel()).await.expect("a member");
        mailboxes.push(mailbox);
    }
    mailboxes
}
