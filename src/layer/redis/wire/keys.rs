//! The names of keys and Redis channels.

use crate::GroupName;

/// The names under one prefix.
#[derive(Clone, Debug)]
pub(in crate::layer::redis) struct Keys {
    prefix: String,
}

impl Keys {
    pub(in crate::layer::redis) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The key of a channel's messages, by the [`non_local`](crate::ChannelName::non_local) part of its name: all
    /// channels of a process share one. It never is the key of a group, for names hold no colon.
    pub(in crate::layer::redis) fn messages(&self, non_local: &str) -> String {
        [&self.prefix, non_local].concat()
    }

    /// The key of a group's members.
    pub(in crate::layer::redis) fn group(&self, group: &GroupName) -> String {
        [&self.prefix, ":group:", group.as_str()].concat()
    }

    /// The Redis channel of a group. That of a channel is its bare name.
    pub(in crate::layer::redis) fn group_topic(&self, group: &GroupName) -> String {
        [&self.prefix, "__group__", group.as_str()].concat()
    }

    /// The name of the group that [`group_topic`](Self::group_topic) made the Redis channel of.
    pub(in crate::layer::redis) fn group_of_topic<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(self.prefix.as_str())?.strip_prefix("__group__")
    }

    /// The glob that matches every key of the prefix, and of each prefix that begins with it, as Django's `flush` does.
    pub(in crate::layer::redis) fn glob(&self) -> String {
        let mut glob = String::with_capacity(self.prefix.len() + 1);
        for c in self.prefix.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\') {
                glob.push('\\');
            }
            glob.push(c);
        }
        glob.push('*');
        glob
    }
}
