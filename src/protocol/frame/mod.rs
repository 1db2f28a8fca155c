//! Frames: what the two ends say to each other, one per WebSocket message, each a map with a string `op`.
//!
//! Reading is lenient the way the protocol asks for: unknown fields are passed over, an unknown `op` is a request
//! that fails. Names stay text in what a client sent, so that a bad one fails that request and not the connection.

mod client;
mod server;

use std::cell::Cell;
use std::fmt;

use bytes::Bytes;

use super::raw::{MapWriter, Raw, Scalar};
use super::{Encoding, ErrorCode, MAX_DEPTH, digits};

pub use client::{ClientFrame, Recover};
pub use server::{Joined, ServerFrame, Target, Welcome};

/// Why bytes are not a frame that can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Not a map with a string `op`; the connection ends with [`CloseCode::BAD_FRAME`](super::CloseCode::BAD_FRAME).
    Malformed(String),
    /// A frame that cannot be served; the connection stays and the request fails.
    Request {
        /// The request's `id`, where it had a valid one.
        id: Option<u64>,
        /// [`ErrorCode::UNKNOWN_OP`] or [`ErrorCode::BAD_REQUEST`].
        code: ErrorCode,
        /// What is wrong, for people.
        reason: String,
    },
}

impl FrameError {
    /// What is wrong, for people.
    pub(crate) fn into_reason(self) -> String {
        match self {
            FrameError::Malformed(reason) | FrameError::Request { reason, .. } => reason,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Malformed(reason) | FrameError::Request { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for FrameError {}

/// The fields of a frame that is being read: those that any frame may have, kept as bytes until asked for.
///
/// A field that is missing or wrong makes its reader give nothing and is remembered here, so that readers pass on no
/// errors: what does not fit in a register is a tenth of the browser module.
#[derive(Debug)]
struct Fields<'a> {
    found: Vec<(&'static str, Raw<'a>)>,
    wrong: Cell<Option<Wrong>>,
}

/// Which field is wrong, and what it must be.
type Wrong = (&'static str, &'static str);

/// How a field is read. A pointer, so that a browser loads `need` and `want` once for each type and not for each reader.
type Read<'a, T> = fn(&Raw<'a>) -> Option<T>;

impl<'a> Fields<'a> {
    /// Reads the frame in `bytes`, keeping the fields named in `known`. The last of two equal keys counts.
    fn read(encoding: Encoding, bytes: &'a Bytes, known: &[&'static str]) -> Result<(String, Self), FrameError> {
        // Enough for all but a welcome, so this is the only allocation.
        let mut found: Vec<(&str, Raw<'_>)> = Vec::with_capacity(8);
        let read = Raw::whole(encoding, bytes).entries(MAX_DEPTH, &mut |key, raw| {
            if let Some(&name) = known.iter().find(|&&name| name == key) {
                match found.iter_mut().find(|(found, _)| *found == name) {
                    Some((_, earlier)) => *earlier = raw,
                    None => found.push((name, raw)),
                }
            }
        });
        if let Err((what, at)) = read {
            return Err(FrameError::Malformed(["not a frame: ", what, " at byte ", &digits(at)].concat()));
        }
        let fields = Fields { found, wrong: Cell::new(None) };
        match fields.get("op").map(text) {
            Some(Some(op)) => Ok((op, fields)),
            Some(None) => Err(FrameError::Malformed("not a frame: \"op\" is not text".into())),
            None => Err(FrameError::Malformed("not a frame: there is no \"op\"".into())),
        }
    }

    /// The field, unless it is absent or null.
    fn get(&self, name: &str) -> Option<&Raw<'a>> {
        self.found.iter().find(|(found, _)| *found == name).map(|(_, raw)| raw).filter(|raw| !raw.is_null())
    }

    /// The request's id, where it is a valid one.
    fn id(&self) -> Option<u64> {
        self.get("id").and_then(positive)
    }

    fn fail(&self, code: ErrorCode, reason: String) -> FrameError {
        FrameError::Request { id: self.id(), code, reason }
    }

    /// A field that must be there, as `read` takes it; `what` says what it must be.
    #[inline(never)]
    fn need<T>(&self, name: &'static str, what: &'static str, read: Read<'a, T>) -> Option<T> {
        let value = self.get(name).and_then(read);
        if value.is_none() {
            self.wrong.set(Some((name, what)));
        }
        value
    }

    /// A field that may be absent, but must be right where it is there.
    #[inline(never)]
    fn want<T>(&self, name: &'static str, what: &'static str, read: Read<'a, T>) -> Option<Option<T>> {
        if self.get(name).is_none() { Some(None) } else { self.need(name, what, read).map(Some) }
    }

    fn text(&self, name: &'static str) -> Option<String> {
        self.need(name, TEXT, text)
    }

    fn want_text(&self, name: &'static str) -> Option<Option<String>> {
        self.want(name, TEXT, text)
    }

    /// The frame that was read, or what is wrong with it where a field was.
    fn finish<T>(&self, frame: Option<T>) -> Result<T, FrameError> {
        frame.ok_or_else(|| self.error())
    }

    fn error(&self) -> FrameError {
        let (name, what) = self.wrong.get().unwrap_or_default();
        let how = if self.get(name).is_none() { "\" is missing: it must be " } else { "\" must be " };
        self.fail(ErrorCode::BAD_REQUEST, ["\"", name, how, what].concat())
    }
}

const POSITIVE: &str = "a positive integer";
const TEXT: &str = "text";

fn text(raw: &Raw<'_>) -> Option<String> {
    raw.str().map(std::borrow::Cow::into_owned)
}

/// The beginning of what a client wrote, to be named in an error: as long as a name may be, so that no small frame asks for
/// a large answer.
pub(crate) fn excerpt(text: &str) -> &str {
    const LONGEST: usize = 99;
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

fn positive(raw: &Raw<'_>) -> Option<u64> {
    raw.uint().filter(|&id| id > 0)
}

/// A writer of a frame with this `op`, and its `id` where it has one.
fn writer(encoding: Encoding, op: &str, id: Option<u64>) -> MapWriter {
    let mut writer = MapWriter::new(encoding);
    writer.put("op", Scalar::Str(op));
    if let Some(id) = id {
        writer.put("id", Scalar::Uint(id));
    }
    writer
}
