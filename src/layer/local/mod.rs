//! The channels of this process: what the memory layer consists of, and where the layers on a server put what arrives.
//!
//! A [`Registry`] has the verbs (`registry.rs` those of channels, `groups.rs` those of groups), over the parts: a
//! channel, a group, and the table that keeps either by name.

mod channel;
mod group;
mod groups;
mod index;
mod names;
mod registry;
mod settings;
mod stats;
mod table;

pub(super) use registry::Registry;
pub(super) use settings::{Settings, setters};
pub use stats::LocalStats;
