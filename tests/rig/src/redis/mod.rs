//! Redis servers: alone, as a cluster, under sentinels.

pub(crate) mod cluster;
pub(crate) mod disguised;
pub(crate) mod sentinel;
pub(crate) mod server;
