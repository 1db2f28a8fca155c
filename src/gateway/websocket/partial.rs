//! What a connection holds while a frame or a message is incomplete.
//!
//! Memory follows the bytes that came: a buffer that has to grow gets room for twice what is there, up to what the frame
//! declares or the limit allows, and a fragment without bytes adds nothing.

use bytes::Bytes;

use super::header::Opcode;
use super::{FrameKind, Violation, deflate, mask, text};

/// How many fragments a message may have, however small they are.
const FRAGMENTS: usize = 128;

/// With how many bytes it may have one more: whoever cuts a message up for a reason puts more into each.
const FRAGMENT_BYTES: usize = 32;

/// A frame whose header was accepted, and what is missing of its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) compressed: bool,
    /// For the next byte.
    pub(super) mask: [u8; 4],
    pub(super) left: usize,
    /// The most bytes of its message, as they come.
    pub(super) bound: usize,
}

/// The incomplete frame and the incomplete message: either, or both when the frame is one of the message's fragments or
/// a control frame between them.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) frame: Option<Frame>,
    pub(super) message: Option<Message>,
    /// The payload of a control frame.
    pub(super) control: Vec<u8>,
}

impl Partial {
    /// Begins a frame.
    pub(super) fn begin(&mut self, frame: Frame) {
        let kind = match frame.opcode {
            Opcode::Text => Some(FrameKind::Text),
            Opcode::Binary => Some(FrameKind::Binary),
            _ => None,
        };
        if let Some(kind) = kind {
            self.message =
                Some(Message { kind, compressed: frame.compressed, data: Vec::new(), checked: 0, fragments: 0 });
        }
        if let Some(message) = self.message.as_mut().filter(|_| !frame.opcode.is_control()) {
            message.fragments += 1;
        }
        self.frame = Some(frame);
    }

    /// Takes what there is of the frame's payload from the front of `input`. Returns the frame when it is complete.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        let Some(frame) = &mut self.frame else { return Ok(None) };
        let (masked, rest) = input.split_at(frame.left.min(input.len()));
        *input = rest;
        if frame.opcode.is_control() {
            mask::append(frame.mask, masked, &mut self.control);
        } else if let Some(message) = &mut self.message {
            message.append(frame, masked)?;
        }
        frame.mask = mask::advanced(frame.mask, masked.len());
        frame.left -= masked.len();
        Ok(if frame.left == 0 { self.frame.take() } else { None })
    }
}

/// What came of a message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: FrameKind,
    pub(super) compressed: bool,
    data: Vec<u8>,
    /// How many bytes of text are known to be whole characters; of a compressed one, none.
    checked: usize,
    /// How many frames it came in so far.
    fragments: usize,
}

impl Message {
    /// Whether it came in so many pieces for what it holds that no more are taken.
    pub(super) fn is_shredded(&self) -> bool {
        self.fragments >= FRAGMENTS + self.data.len() / FRAGMENT_BYTES
    }

    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// Appends a piece of a frame.
    fn append(&mut self, frame: &Frame, masked: &[u8]) -> Result<(), Violation> {
        let length = self.data.len();
        let needed = length + masked.len();
        if needed > self.data.capacity() {
            let most = if frame.fin { length + frame.left } else { frame.bound };
            let wanted = (2 * needed).min(most);
            self.data.reserve_exact(wanted - length);
        }
        mask::append(frame.mask, masked, &mut self.data);
        if self.kind == FrameKind::Text && !self.compressed {
            self.checked = text::check(&self.data, self.checked)?;
        }
        Ok(())
    }

    /// The message, in memory of exactly its size: it may be kept for long, and counts as what it is long.
    pub(super) fn finish(self, limit: usize) -> Result<Bytes, Violation> {
        let data = if self.compressed {
            deflate::inflate(&self.data, limit)?
        } else {
            Bytes::from(self.data.into_boxed_slice())
        };
        if self.kind == FrameKind::Text {
            text::check_whole(&data, self.checked)?;
        }
        Ok(data)
    }
}
