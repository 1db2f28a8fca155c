//! Frames: what the two ends say to each other, one per WebSocket message, each a map with a string `op`.
//!
//! Reading is lenient the way the protocol asks for: unknown fields are passed over, an unknown `op` is a request
//! that fails. Names stay text in what a client sent, so that a bad one fails that request and not the connection.

mod client;
mod server;

use std::fmt;

use bytes::Bytes;

use super::raw::{MapWriter, Raw, Scalar};
use super::{Encoding, ErrorCode, MAX_DEPTH};

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

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Malformed(reason) | FrameError::Request { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for FrameError {}

/// The fields of a frame that is being read: those that any frame may have, kept as bytes until asked for.
#[derive(Debug)]
struct Fields<'a> {
    found: Vec<(&'static str, Raw<'a>)>,
}

impl<'a> Fields<'a> {
    /// Reads the frame in `bytes`, keeping the fields named in `known`. The last of two equal keys counts.
    fn read(encoding: Encoding, bytes: &'a Bytes, known: &[&'static str]) -> Result<(String, Self), FrameError> {
        // No frame of ours has more fields, so this is the only allocation.
        let mut fields = Fields { found: Vec::with_capacity(8) };
        let frame = Raw::whole(encoding, bytes);
        let read = frame.entries(MAX_DEPTH, &mut |key, raw| {
            if let Some(&name) = known.iter().find(|&&name| name == key) {
                fields.found.retain(|(found, _)| *found != name);
                fields.found.push((name, raw));
            }
        });
        read.map_err(|(what, at)| FrameError::Malformed(format!("not a frame: {what} at byte {at}")))?;
        match fields.get("op").map(|raw| raw.str().map(std::borrow::Cow::into_owned)) {
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
        self.get("id").and_then(Raw::uint).filter(|&id| id > 0)
    }

    fn fail(&self, code: ErrorCode, reason: String) -> FrameError {
        FrameError::Request { id: self.id(), code, reason }
    }

    /// A field that must be there, as `read` takes it; `what` says what it should have been.
    fn need<T>(&self, name: &str, what: &str, read: impl FnOnce(&Raw<'a>) -> Option<T>) -> Result<T, FrameError> {
        self.want(name, what, read)?.ok_or_else(|| self.wrong(name, " is missing: it must be ", what))
    }

    /// A field that may be absent, but must be right where it is there.
    fn want<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&Raw<'a>) -> Option<T>,
    ) -> Result<Option<T>, FrameError> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        let value = read(raw);
        if value.is_none() { Err(self.wrong(name, " must be ", what)) } else { Ok(value) }
    }

    /// Apart from its callers, which exist once for each type of field.
    #[cold]
    fn wrong(&self, name: &str, how: &str, what: &str) -> FrameError {
        self.fail(ErrorCode::BAD_REQUEST, ["\"", name, "\"", how, what].concat())
    }

    fn text(&self, name: &str) -> Result<String, FrameError> {
        self.need(name, "text", text)
    }
}

const POSITIVE: &str = "a positive integer";

fn text(raw: &Raw<'_>) -> Option<String> {
    raw.str().map(std::borrow::Cow::into_owned)
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
