//! What `src/sync.rs` is in the crate: here the same names are loom's, which switches threads at each of them.

pub(crate) use loom::sync::{Mutex, MutexGuard};

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize};
}
