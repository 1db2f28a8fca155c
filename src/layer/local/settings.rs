//! How the channels of this process are bounded, and how long what they hold lasts.

use std::time::Duration;

use crate::ChannelName;
use crate::layer::Pattern;

/// The settings that every layer's configuration ends in, as its fields of the same names document them.
#[derive(Clone, Debug)]
pub(in crate::layer) struct Settings {
    pub(in crate::layer) capacity: usize,
    pub(in crate::layer) channel_capacity: Vec<(Pattern, usize)>,
    pub(in crate::layer) channel_bytes: usize,
    pub(in crate::layer) expiry: Duration,
    pub(in crate::layer) group_expiry: Duration,
    pub(in crate::layer) max_message_size: usize,
    pub(in crate::layer) max_unowned: usize,
}

impl Settings {
    /// The capacity of a channel.
    pub(in crate::layer) fn capacity_of(&self, channel: &ChannelName) -> usize {
        let entry = self.channel_capacity.iter().find(|(pattern, _)| pattern.matches(channel));
        entry.map_or(self.capacity, |(_, capacity)| *capacity)
    }
}
