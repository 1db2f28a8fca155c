//! The incoming side of a connection: which frame may come when, and what frames complete.

use super::header::{Header, MAX_HEADER, Opcode};
use super::partial::{Frame, Partial};
use super::{Event, FrameKind, Violation, deflate, mask, text};

/// One connection's incoming side. Between messages it holds no memory beside itself.
///
/// It checks everything that RFC 6455 asks of a client's frames: masks (section 5.3), fragments (5.4), control frames
/// (5.5), reserved bits and opcodes and the shortest form of lengths (5.2), UTF-8 (8.1) and close frames (5.5.1).
#[derive(Debug)]
pub struct Decoder {
    /// The most bytes of a message.
    limit: usize,
    /// The header of which bytes are missing: the first `filled` are there.
    header: [u8; MAX_HEADER],
    filled: u8,
    /// permessage-deflate was negotiated.
    inflate: bool,
    /// A close frame came, or a rule was broken: the rest is thrown away.
    over: bool,
    partial: Option<Box<Partial>>,
}

impl Decoder {
    /// A decoder for a connection after its handshake that takes messages of up to `message_limit` bytes. A frame that
    /// declares more than the limit leaves is refused by its header, before any of it is stored. So is a message in more
    /// than 128 fragments with less than 32 bytes in each: without a bound, one message could go on for ever.
    pub const fn new(message_limit: usize) -> Self {
        Self { limit: message_limit, header: [0; MAX_HEADER], filled: 0, inflate: false, over: false, partial: None }
    }

    /// Takes compressed messages too, or no longer: whether permessage-deflate was [negotiated](super::negotiate) in the
    /// handshake. A message is inflated when all of it is there, up to the limit. Default: off.
    pub const fn with_inflate(mut self, on: bool) -> Self {
        self.inflate = on;
        self
    }

    /// Takes bytes from the front of `input`; returns how many, and what they completed. Without an event it has taken
    /// all of them. Call it with the rest until none is left: no event waits in the decoder.
    ///
    /// A message that is whole in `input` goes into memory of exactly its size at once. What comes in pieces is put
    /// together in a buffer that grows with them.
    ///
    /// After [`Event::Close`], whatever comes is taken and thrown away (RFC 6455, section 1.4).
    ///
    /// # Errors
    ///
    /// The [`Violation`] at the first byte that breaks a rule; from then on, whatever comes is thrown away. What came
    /// before the violation was returned by earlier calls.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Event>), Violation> {
        if self.over {
            return Ok((input.len(), None));
        }
        let mut rest = input;
        let result = self.advance(&mut rest);
        if matches!(result, Err(_) | Ok(Some(Event::Close(_)))) {
            self.over = true;
            self.partial = None;
        }
        Ok((input.len() - rest.len(), result?))
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        loop {
            if self.partial.as_ref().is_none_or(|partial| partial.frame.is_none()) {
                let Some(header) = self.header(input)? else { return Ok(None) };
                let frame = self.admit(&header)?;
                if let Some(event) = whole(&frame, input)? {
                    return Ok(Some(event));
                }
                self.partial.get_or_insert_default().begin(frame);
            }
            let partial = self.partial.as_mut().expect("a frame was begun");
            let Some(frame) = partial.take(input)? else { return Ok(None) };
            if let Some(event) = self.complete(&frame)? {
                return Ok(Some(event));
            }
        }
    }

    /// The next header, from `input` or from what was left of the input before.
    fn header(&mut self, input: &mut &[u8]) -> Result<Option<Header>, Violation> {
        let filled = usize::from(self.filled);
        if filled == 0
            && let Some((header, size)) = Header::parse(input)?
        {
            *input = &input[size..];
            return Ok(Some(header));
        }
        let there = (filled + input.len()).min(MAX_HEADER);
        self.header[filled..there].copy_from_slice(&input[..there - filled]);
        let parsed = Header::parse(&self.header[..there])?;
        let taken = parsed.as_ref().map_or(there, |(_, size)| *size) - filled;
        *input = &input[taken..];
        self.filled = if parsed.is_some() { 0 } else { u8::try_from(there).expect("at most 14") };
        Ok(parsed.map(|(header, _)| header))
    }

    /// Decides whether a frame may come now, and whether it is small enough.
    fn admit(&self, header: &Header) -> Result<Frame, Violation> {
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        if header.rsv1 && !(self.inflate && matches!(header.opcode, Opcode::Text | Opcode::Binary)) {
            return Err(Violation::protocol("a reserved bit is set"));
        }
        match header.opcode {
            Opcode::Continuation if message.is_none() => {
                return Err(Violation::protocol("a continuation of no message"));
            }
            Opcode::Text | Opcode::Binary if message.is_some() => {
                return Err(Violation::protocol("a new message inside a fragmented one"));
            }
            _ => {}
        }
        if message.is_some_and(|message| !header.opcode.is_control() && message.is_shredded()) {
            return Err(Violation::SHREDDED);
        }
        let compressed = message.map_or(header.rsv1, |message| message.compressed);
        let bound = if compressed { deflate::most_compressed(self.limit) } else { self.limit };
        let room = bound - message.map_or(0, |message| message.len());
        let left = usize::try_from(header.length).unwrap_or(usize::MAX);
        if !header.opcode.is_control() && left > room {
            return Err(Violation::TOO_LARGE);
        }
        Ok(Frame { opcode: header.opcode, fin: header.fin, compressed, mask: header.mask, left, bound })
    }

    /// What a frame completes that came in pieces. Nothing stays allocated unless a message is incomplete.
    fn complete(&mut self, frame: &Frame) -> Result<Option<Event>, Violation> {
        let Some(partial) = self.partial.as_deref_mut() else { return Ok(None) };
        if frame.opcode.is_control() {
            let payload = std::mem::take(&mut partial.control);
            if partial.message.is_none() {
                self.partial = None;
            }
            return control(frame.opcode, payload).map(Some);
        }
        if !frame.fin {
            return Ok(None);
        }
        let message = partial.message.take();
        self.partial = None;
        message.map(|message| Ok(Event::Message(message.kind, message.finish(self.limit)?))).transpose()
    }
}

/// The event of a frame that is whole in `input` and needs nothing that came before: most of them.
fn whole(frame: &Frame, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
    let kind = match frame.opcode {
        Opcode::Continuation => return Ok(None),
        Opcode::Text => Some(FrameKind::Text),
        Opcode::Binary => Some(FrameKind::Binary),
        _ => None,
    };
    let Some((masked, rest)) = input.split_at_checked(frame.left) else { return Ok(None) };
    if !frame.fin || frame.compressed {
        return Ok(None);
    }
    *input = rest;
    let mut payload = Vec::with_capacity(masked.len());
    mask::append(frame.mask, masked, &mut payload);
    let Some(kind) = kind else { return control(frame.opcode, payload).map(Some) };
    if kind == FrameKind::Text {
        text::check_whole(&payload, 0)?;
    }
    Ok(Some(Event::Message(kind, payload.into())))
}

/// The event of a control frame.
fn control(opcode: Opcode, payload: Vec<u8>) -> Result<Event, Violation> {
    Ok(match opcode {
        Opcode::Ping => Event::Ping(payload.into()),
        Opcode::Pong => Event::Pong(payload.into()),
        _ => Event::Close(close_code(&payload)?),
    })
}

/// The status code of a close frame's payload (RFC 6455, section 5.5.1), which must be one that may travel (section 7.4
/// and the registry of IANA).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(Violation::protocol("a close frame with half a status code")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::protocol("a close frame with a status code that may not travel"));
    }
    text::check_whole(reason, 0)?;
    Ok(Some(code))
}
