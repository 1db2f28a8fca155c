//! The header of a client's frame (RFC 6455, section 5.2): the rules that hold for a header by itself.
//!
//! What depends on the frames before it, or on what was negotiated, is the decoder's to decide.

use super::Violation;

/// The longest header: two bytes, a length of eight, a mask of four.
pub(super) const MAX_HEADER: usize = 14;

/// The longest payload of a control frame (section 5.5).
pub(super) const MAX_CONTROL: usize = 125;

const FIN: u8 = 0x80;

/// Set on the first frame of a compressed message (RFC 7692, section 6).
pub(super) const RSV1: u8 = 0x40;

const RSV2_AND_RSV3: u8 = 0x30;
const MASKED: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn of(nibble: u8) -> Result<Self, Violation> {
        Ok(match nibble {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return Err(Violation::protocol("a reserved opcode")),
        })
    }
}

#[derive(Debug)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) rsv1: bool,
    pub(super) mask: [u8; 4],
    pub(super) length: u64,
}

impl Header {
    /// Reads the header that `bytes` begin with, and how many bytes it takes. `None` while some are missing. The first
    /// two bytes are judged as soon as they are there.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::of(first & 0x0f)?;
        let (fin, short) = (first & FIN != 0, second & !MASKED);
        if first & RSV2_AND_RSV3 != 0 {
            return Err(Violation::protocol("a reserved bit is set"));
        }
        if second & MASKED == 0 {
            return Err(Violation::protocol("a client's frame is not masked"));
        }
        if opcode.is_control() && !fin {
            return Err(Violation::protocol("a control frame is fragmented"));
        }
        if opcode.is_control() && usize::from(short) > MAX_CONTROL {
            return Err(Violation::protocol("a control frame is longer than 125 bytes"));
        }
        let Some((length, rest)) = length(short, rest)? else { return Ok(None) };
        let Some((&mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let header = Self { opcode, fin, rsv1: first & RSV1 != 0, mask, length };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

/// The payload's length, in the shortest of its three forms, and what comes after it.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    let (length, shortest, rest) = match short {
        126 => {
            let Some((long, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*long)), 126, rest)
        }
        127 => {
            let Some((long, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*long), 1 << 16, rest)
        }
        short => (u64::from(short), 0, rest),
    };
    if length < shortest {
        return Err(Violation::protocol("a length is not in its shortest form"));
    }
    if length > i64::MAX.cast_unsigned() {
        return Err(Violation::protocol("the top bit of a length is set"));
    }
    Ok(Some((length, rest)))
}
