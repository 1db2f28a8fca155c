//! WebSocket frames (RFC 6455) as the load client needs them: writing masked ones, and finding the whole ones in what was
//! read from a server, which masks nothing and fragments nothing.

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    const fn opcode(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn of(opcode: u8) -> Result<Self, String> {
        let all = [Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];
        all.into_iter().find(|kind| kind.opcode() == opcode).ok_or(format!("a frame of unknown opcode {opcode} came"))
    }
}

/// A frame of less than 64 KB under a mask of zeros, which RFC 6455 allows, so that its payload can be written in place.
pub(crate) fn masked(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind.opcode()];
    match u8::try_from(payload.len()) {
        Ok(length @ ..126) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(payload.len()).expect("a short frame").to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A frame in what was read.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
    /// With its head.
    pub(crate) size: usize,
}

/// The frame at the beginning of `bytes`, once all of it is there.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<Frame<'_>>, String> {
    let &[opcode, length, ..] = bytes else { return Ok(None) };
    let (head, length) = match (length, bytes.get(2..4)) {
        (..126, _) => (2, usize::from(length)),
        (126, Some(&[high, low])) => (4, usize::from(u16::from_be_bytes([high, low]))),
        (126, _) => return Ok(None),
        _ => return Err("a frame of more than 64 KB came".into()),
    };
    let Some(payload) = bytes.get(head..head + length) else { return Ok(None) };
    Ok(Some(Frame { kind: Kind::of(opcode & 15)?, payload, size: head + length }))
}
