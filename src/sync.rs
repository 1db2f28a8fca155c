//! What the wake protocols (`queue.rs`, `gateway/shard/inbox.rs`) take of the standard library's synchronisation. They
//! name it through here, so that `tests/loom` can compile the same files with loom's.

pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize};
}
