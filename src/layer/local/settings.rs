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

/// The methods of a configuration that set the fields of the same names as those of [`Settings`].
macro_rules! setters {
    () => {
        /// Sets [`capacity`](Self::capacity).
        #[must_use]
        pub fn with_capacity(mut self, messages: usize) -> Self {
            self.capacity = messages;
            self
        }

        /// Appends an entry to [`channel_capacity`](Self::channel_capacity); text is a glob.
        #[must_use]
        pub fn with_channel_capacity(mut self, pattern: impl Into<Pattern>, messages: usize) -> Self {
            self.channel_capacity.push((pattern.into(), messages));
            self
        }

        /// Sets [`channel_bytes`](Self::channel_bytes).
        #[must_use]
        pub fn with_channel_bytes(mut self, bytes: usize) -> Self {
            self.channel_bytes = bytes;
            self
        }

        /// Sets [`expiry`](Self::expiry).
        #[must_use]
        pub fn with_expiry(mut self, expiry: Duration) -> Self {
            self.expiry = expiry;
            self
        }

        /// Sets [`group_expiry`](Self::group_expiry).
        #[must_use]
        pub fn with_group_expiry(mut self, expiry: Duration) -> Self {
            self.group_expiry = expiry;
            self
        }

        /// Sets [`max_message_size`](Self::max_message_size).
        #[must_use]
        pub fn with_max_message_size(mut self, bytes: usize) -> Self {
            self.max_message_size = bytes;
            self
        }

        /// Sets [`max_unowned`](Self::max_unowned).
        #[must_use]
        pub fn with_max_unowned(mut self, names: usize) -> Self {
            self.max_unowned = names;
            self
        }
    };
}
pub(in crate::layer) use setters;
