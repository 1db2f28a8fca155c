//! permessage-deflate (RFC 7692) without context takeover: each message is compressed by itself.
//!
//! That is what lets one compressed frame serve every socket, and lets no connection own a window: a [`Deflater`] is
//! shared by connections, and inflating borrows its state from the thread, for a message that is there whole. A message
//! is put together compressed, so a client that dawdles holds the bytes that it sent, and not the 50 KB of an inflater.

use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{FrameKind, Violation, encode};

/// Below this, what is saved is not worth the work, on either end.
const SMALLEST: usize = 256;

/// What a sender leaves away at the end of a message, and a receiver puts there (RFC 7692, sections 7.2.1 and 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The tail, and an empty last block: a message that does not end where a block ends cannot end there either, and is
/// told from a whole one.
const END: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

/// A message of chat needs it to get smaller by a quarter; the levels above take longer for no more (measured on 300 B to
/// 60 KB of JSON).
const LEVEL: Compression = Compression::new(4);

/// The most that a [`Deflater`] keeps of its buffer between messages.
const KEPT: usize = 64 * 1024;

/// Compressed bytes that are looked at at a time, and that may yield nothing. Beyond them, each byte must yield half a one:
/// blocks that hold nothing cost as much work as full ones, and no compressor makes more than a few.
const STEP: usize = 1024;

/// Bytes inflated at a time. Most messages fit, and are copied from here into memory of their size.
const CHUNK: usize = 16 * 1024;

/// Compresses messages, each into a whole frame. Holds about 300 KB, so it is one for many connections.
pub struct Deflater {
    compress: Compress,
    buffer: Vec<u8>,
}

impl Deflater {
    /// A compressor for any number of connections.
    pub fn new() -> Self {
        Self { compress: Compress::new(LEVEL, false), buffer: Vec::new() }
    }

    /// The message as one compressed frame, for every socket that negotiated the extension. `None` for a message below
    /// 256 bytes or one that gets no smaller, which is to be sent as a plain [`frame`](super::frame).
    pub fn frame(&mut self, kind: FrameKind, payload: &[u8]) -> Option<Bytes> {
        if payload.len() < SMALLEST {
            return None;
        }
        self.compress.reset();
        self.buffer.clear();
        self.buffer.reserve(payload.len());
        // What does not fit into the payload's size is not smaller, so one call is all.
        let status = self.compress.compress_vec(payload, &mut self.buffer, FlushCompress::Sync);
        let whole = status.is_ok() && self.buffer.len() < payload.len();
        let frame = self.buffer.strip_suffix(&TAIL).filter(|_| whole).map(|deflated| encode::deflated(kind, deflated));
        self.buffer.shrink_to(KEPT);
        frame
    }
}

impl Default for Deflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}

/// The most bytes that a message of up to `limit` may have compressed: what does not compress grows by a few bytes for
/// each block of at least 8 KB.
pub(super) const fn most_compressed(limit: usize) -> usize {
    limit.saturating_add(limit / 1024).saturating_add(64)
}

/// Inflates a message. No more than `limit` bytes are allocated for it.
pub(super) fn inflate(compressed: &[u8], limit: usize) -> Result<Bytes, Violation> {
    thread_local! {
        static INFLATER: RefCell<Option<Inflater>> = const { RefCell::new(None) };
    }
    INFLATER.with_borrow_mut(|inflater| inflater.get_or_insert_with(Inflater::new).message(compressed, limit))
}

/// A thread's inflater.
struct Inflater {
    inflate: Decompress,
    chunk: Vec<u8>,
}

const NOT_DEFLATE: Violation = Violation::payload("compressed data that does not inflate");

impl Inflater {
    fn new() -> Self {
        Self { inflate: Decompress::new(false), chunk: vec![0; CHUNK] }
    }

    fn message(&mut self, compressed: &[u8], limit: usize) -> Result<Bytes, Violation> {
        let mut message = Vec::new();
        // A block that says it is the last one may come before the end (RFC 7692, section 7.2.3.4).
        let (mut input, mut end, mut ended, mut spent) = (compressed, &END[..], true, 0);
        loop {
            if input.is_empty() {
                input = std::mem::take(&mut end);
            }
            if ended && input.is_empty() {
                return Ok(Bytes::from(message.into_boxed_slice()));
            }
            if ended {
                self.inflate.reset(false);
            }
            let (taken, made, status) = self.step(&input[..input.len().min(STEP)])?;
            if taken == 0 && made == 0 && status != Status::StreamEnd {
                return Err(NOT_DEFLATE);
            }
            append(&mut message, &self.chunk[..made], limit)?;
            spent += taken;
            if spent > STEP + 2 * message.len() {
                return Err(NOT_DEFLATE);
            }
            input = &input[taken..];
            ended = status == Status::StreamEnd;
        }
    }

    /// Inflates into the chunk: how many bytes were taken, how many made.
    fn step(&mut self, input: &[u8]) -> Result<(usize, usize, Status), Violation> {
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, &mut self.chunk, FlushDecompress::None);
        let status = status.map_err(|_| NOT_DEFLATE)?;
        let count = |total: u64, before: u64| usize::try_from(total - before).expect("no more than a slice holds");
        Ok((count(self.inflate.total_in(), read), count(self.inflate.total_out(), written), status))
    }
}

/// Appends what was inflated, unless the message gets too large by it.
fn append(message: &mut Vec<u8>, inflated: &[u8], limit: usize) -> Result<(), Violation> {
    let needed = message.len() + inflated.len();
    if needed > limit {
        return Err(Violation::TOO_LARGE);
    }
    if needed > message.capacity() {
        let wanted = (2 * needed).min(limit);
        message.reserve_exact(wanted - message.len());
    }
    message.extend_from_slice(inflated);
    Ok(())
}
