//! What `src/sync.rs` is in the crate, for the files of the crate that are compiled into this program.

pub(crate) use std::sync::{Mutex, MutexGuard};
