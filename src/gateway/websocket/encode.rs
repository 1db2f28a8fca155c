//! The outgoing side: whole frames, unmasked as a server's are, each in one allocation.

use bytes::Bytes;

use super::FrameKind;
use super::header::{MAX_CONTROL, RSV1};

/// FIN, with the opcodes of RFC 6455, section 5.2.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// The longest reason of a close frame: what the status code leaves of a control frame.
const MAX_REASON: usize = MAX_CONTROL - 2;

/// A message as one frame.
pub fn frame(kind: FrameKind, payload: &[u8]) -> Bytes {
    let mut frame = begin(kind, payload.len());
    frame.extend_from_slice(payload);
    frame.into()
}

/// The header of a message's one frame, in a buffer that has room for exactly the payload: `length` bytes, which the
/// caller appends, from as many parts as it likes. The buffer is the frame then, and turns into [`Bytes`] without
/// another allocation.
pub fn begin(kind: FrameKind, length: usize) -> Vec<u8> {
    header(first_byte(kind), length)
}

/// A ping. Of a payload above 125 bytes, which no control frame may have (RFC 6455, section 5.5), the first 125 are
/// sent.
pub fn ping(payload: &[u8]) -> Bytes {
    control(PING, payload)
}

/// A pong. An answer to a ping carries the ping's payload; one above 125 bytes is cut as a [`ping`]'s is.
pub fn pong(payload: &[u8]) -> Bytes {
    control(PONG, payload)
}

/// A close frame. Of a reason above 123 bytes the characters that fit are sent. `code` must be one that may travel (RFC
/// 6455, section 7.4): 1005, 1006 and 1015 may not.
pub fn close(code: u16, reason: &str) -> Bytes {
    let end = (0..=reason.len().min(MAX_REASON)).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
    let mut frame = header(CLOSE, 2 + end);
    frame.extend_from_slice(&code.to_be_bytes());
    frame.extend_from_slice(&reason.as_bytes()[..end]);
    frame.into()
}

/// A close frame without a status code: the answer to one without.
pub fn close_without_code() -> Bytes {
    Bytes::from_static(&[CLOSE, 0])
}

/// A compressed message as one frame.
pub(super) fn deflated(kind: FrameKind, payload: &[u8]) -> Bytes {
    let mut frame = header(first_byte(kind) | RSV1, payload.len());
    frame.extend_from_slice(payload);
    frame.into()
}

const fn first_byte(kind: FrameKind) -> u8 {
    match kind {
        FrameKind::Text => TEXT,
        FrameKind::Binary => BINARY,
    }
}

fn control(first: u8, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(MAX_CONTROL)];
    let mut frame = header(first, payload.len());
    frame.extend_from_slice(payload);
    frame.into()
}

/// A header with the length in its shortest form, and room for exactly the payload: a buffer with more room would cost
/// another allocation when it turns into [`Bytes`].
fn header(first: u8, length: usize) -> Vec<u8> {
    let long = u64::try_from(length).expect("no payload is longer than memory").to_be_bytes();
    let (short, long) = match length {
        0..=125 => (long[7], &long[8..]),
        126..=0xffff => (126, &long[6..]),
        _ => (127, &long[..]),
    };
    let mut header = Vec::with_capacity(2 + long.len() + length);
    header.extend_from_slice(&[first, short]);
    header.extend_from_slice(long);
    header
}
