//! JSON (RFC 8259): a strict reader of events and a writer of them.
//!
//! A byte string stands in JSON as `{"$bytes": "<base64>"}`; the reader turns exactly that shape into one event. An
//! escaped half of a surrogate pair, as JavaScript can write it, reads as U+FFFD.

mod reader;
mod writer;

pub(super) use reader::{entries, items, read, string, value};
pub(super) use writer::Writer;

/// Why bytes are not what was expected: what, and at which byte.
pub(super) type Fault = (&'static str, usize);

/// The key that marks a byte string.
const BYTES_KEY: &str = "$bytes";
