//! MessagePack: a reader of events and a writer of them, within what Django's channel layers read and write.
//!
//! Written: the smallest form of each integer, floats as float 64, text as `str`, bytes as `bin`. Read: every form of
//! those. Refused: map keys that are not text, extension types, the unused byte `0xc1`, text that is not UTF-8,
//! truncated and trailing bytes.

use std::ops::Range;

use super::MAX_DEPTH;
use super::event::{Check, Counts, Visitor};
use super::json::{self, Fault};
use super::value::{Builder, Value};

/// Reads one value that fills `bytes`.
pub(super) fn read<V: Visitor>(bytes: &[u8], visitor: &mut V) -> Result<(), Fault> {
    let mut reader = Reader { bytes, at: 0 };
    reader.value(visitor, MAX_DEPTH)?;
    reader.end()
}

/// Calls `entry` with each key of the map that fills `bytes` and the place of its value, having checked that it nests at
/// most `depth` levels.
pub(super) fn entries(bytes: &[u8], depth: usize, entry: &mut dyn FnMut(&str, Range<usize>)) -> Result<(), Fault> {
    let mut reader = Reader { bytes, at: 0 };
    let len = reader.open_map()?;
    for _ in 0..len {
        let key = reader.key()?;
        let start = reader.at;
        reader.value(&mut Check, depth)?;
        entry(key, start..reader.at);
    }
    reader.end()
}

/// How many entries the map has that `bytes` begin with, and how long its header is; zeros where they begin with none.
pub(super) fn map_header(bytes: &[u8]) -> (usize, usize) {
    let mut reader = Reader { bytes, at: 0 };
    reader.open_map().map_or((0, 0), |len| (len, reader.at))
}

/// Writes another number of entries, no larger than the one that stands there, in the header that `bytes` begin with.
/// Its length stays, so it may not be the shortest one: every reader takes that.
pub(super) fn lower_map_len(bytes: &mut [u8], len: usize) {
    if let [marker @ 0x80..=0x8f, ..] = bytes {
        *marker = 0x80 | u8::try_from(len).expect("it is no larger than the one that stands there");
    } else {
        let (_, header) = map_header(bytes);
        bytes[1..header].copy_from_slice(&len.to_be_bytes()[size_of::<usize>() + 1 - header..]);
    }
}

/// Calls `item` with the place of each value of the list that fills `bytes`, which was checked before.
pub(super) fn items(bytes: &[u8], item: &mut dyn FnMut(Range<usize>)) -> Result<(), Fault> {
    let mut reader = Reader { bytes, at: 0 };
    let len = reader.open_list()?;
    for _ in 0..len {
        let start = reader.at;
        reader.value(&mut Check, MAX_DEPTH)?;
        item(start..reader.at);
    }
    Ok(())
}

/// The places of the texts in the text or the list of texts that fills `bytes`, which was checked before; nothing where
/// it is something else.
pub(crate) fn texts(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut reader = Reader { bytes, at: 0 };
    let len = reader.open_list().unwrap_or_else(|_| {
        reader.at = 0;
        1
    });
    let mut places = Vec::with_capacity(len.min(bytes.len()));
    for _ in 0..len {
        let text = reader.key().ok()?;
        places.push(reader.at - text.len()..reader.at);
    }
    Some(places)
}

/// The text of the string that fills `bytes`.
pub(super) fn string(bytes: &[u8]) -> Option<&str> {
    Reader { bytes, at: 0 }.key().ok()
}

/// The value that fills `bytes`, as a tree.
pub(super) fn value(bytes: &[u8]) -> Option<Value> {
    let mut builder = Builder::default();
    let mut reader = Reader { bytes, at: 0 };
    reader.value(&mut builder, MAX_DEPTH).and_then(|()| reader.end()).ok()?;
    Some(builder.into_value())
}

/// Rewrites the JSON map that fills `text`, which was checked before.
pub(super) fn from_json(text: &str) -> Vec<u8> {
    let mut counts = Counts::default();
    json::read(text, &mut counts).expect("a message's bytes were checked when it was made");
    let mut writer = Writer::new(counts.into_vec());
    json::read(text, &mut writer).expect("a message's bytes were checked when it was made");
    writer.into_bytes()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn end(&self) -> Result<(), Fault> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(("expected the end", self.at)) }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        // `get` from the rest, so that a length near the end of the address space cannot wrap.
        let taken = self.bytes[self.at..].get(..len).ok_or(("cut short", self.bytes.len()))?;
        self.at += len;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    /// A big-endian number of 1, 2, 4 or 8 bytes.
    fn number(&mut self, width: usize) -> Result<u64, Fault> {
        Ok(self.take(width)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, width: usize) -> Result<usize, Fault> {
        let at = self.at;
        usize::try_from(self.number(width)?).map_err(|_| ("too long", at))
    }

    fn text(&mut self, len: usize) -> Result<&'a str, Fault> {
        let at = self.at;
        std::str::from_utf8(self.take(len)?).map_err(|_| ("text that is not UTF-8", at))
    }

    /// Steps past the header of the map that must start here; says how many entries it has.
    fn open_map(&mut self) -> Result<usize, Fault> {
        let at = self.at;
        match self.byte()? {
            marker @ 0x80..=0x8f => Ok(usize::from(marker & 0xf)),
            0xde => self.length(2),
            0xdf => self.length(4),
            _ => Err(("expected a map", at)),
        }
    }

    /// Steps past the header of the list that must start here; says how many values it has.
    fn open_list(&mut self) -> Result<usize, Fault> {
        let at = self.at;
        match self.byte()? {
            marker @ 0x90..=0x9f => Ok(usize::from(marker & 0xf)),
            0xdc => self.length(2),
            0xdd => self.length(4),
            _ => Err(("expected a list", at)),
        }
    }

    fn key(&mut self) -> Result<&'a str, Fault> {
        let at = self.at;
        let len = match self.byte()? {
            marker @ 0xa0..=0xbf => usize::from(marker & 0x1f),
            0xd9 => self.length(1)?,
            0xda => self.length(2)?,
            0xdb => self.length(4)?,
            _ => return Err(("expected a string as key", at)),
        };
        self.text(len)
    }

    fn value<V: Visitor>(&mut self, visitor: &mut V, depth: usize) -> Result<(), Fault> {
        let at = self.at;
        match self.byte()? {
            marker @ 0x00..=0x7f => visitor.int(i64::from(marker)),
            marker @ 0x80..=0x8f => return self.map(visitor, usize::from(marker & 0xf), depth),
            marker @ 0x90..=0x9f => return self.list(visitor, usize::from(marker & 0xf), depth),
            marker @ 0xa0..=0xbf => visitor.str(self.text(usize::from(marker & 0x1f))?),
            0xc0 => visitor.null(),
            0xc2 => visitor.bool(false),
            0xc3 => visitor.bool(true),
            marker @ 0xc4..=0xc6 => {
                let len = self.length(1 << (marker - 0xc4))?;
                visitor.bytes(self.take(len)?);
            }
            0xca => {
                // Width 4 was read, so the number fits.
                #[allow(clippy::cast_possible_truncation)]
                let bits = self.number(4)? as u32;
                visitor.float(f64::from(f32::from_bits(bits)));
            }
            0xcb => visitor.float(f64::from_bits(self.number(8)?)),
            marker @ 0xcc..=0xcf => match self.number(1 << (marker - 0xcc))? {
                number if i64::try_from(number).is_ok() => visitor.int(number.cast_signed()),
                number => visitor.uint(number),
            },
            marker @ 0xd0..=0xd3 => {
                let width = 1 << (marker - 0xd0);
                let unused = 64 - 8 * width;
                visitor.int((self.number(width)? << unused).cast_signed() >> unused);
            }
            marker @ 0xd9..=0xdb => {
                let len = self.length(1 << (marker - 0xd9))?;
                visitor.str(self.text(len)?);
            }
            marker @ 0xdc..=0xdd => {
                let len = self.length(2 << (marker - 0xdc))?;
                return self.list(visitor, len, depth);
            }
            marker @ 0xde..=0xdf => {
                let len = self.length(2 << (marker - 0xde))?;
                return self.map(visitor, len, depth);
            }
            marker @ 0xe0..=0xff => visitor.int(i64::from(marker.cast_signed())),
            0xc1 => return Err(("the unused byte 0xc1", at)),
            _ => return Err(("an extension type", at)),
        }
        Ok(())
    }

    // A header may claim 2^32 children: nothing is reserved for them, and each takes at least a byte of input.
    fn list<V: Visitor>(&mut self, visitor: &mut V, len: usize, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(("nested too deep", self.at))?;
        visitor.begin_list();
        for _ in 0..len {
            self.value(visitor, depth)?;
        }
        visitor.end_list();
        Ok(())
    }

    fn map<V: Visitor>(&mut self, visitor: &mut V, len: usize, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(("nested too deep", self.at))?;
        visitor.begin_map();
        for _ in 0..len {
            visitor.key(self.key()?);
            self.value(visitor, depth)?;
        }
        visitor.end_map();
        Ok(())
    }
}

/// Writes events as MessagePack. Needs to know how many children each list and map has, in the order in which they
/// open ([`Counts`]).
pub(super) struct Writer {
    out: Vec<u8>,
    counts: std::vec::IntoIter<u32>,
}

impl Writer {
    pub(super) fn new(counts: Vec<u32>) -> Self {
        Self { out: Vec::new(), counts: counts.into_iter() }
    }

    /// A writer behind what is written already, of parts that know their counts.
    pub(super) fn onto(out: Vec<u8>) -> Self {
        Self { out, ..Self::new(Vec::new()) }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes a value that is MessagePack already.
    pub(super) fn raw(&mut self, msgpack: &[u8]) {
        self.out.extend_from_slice(msgpack);
    }

    fn marked(&mut self, marker: u8, bytes: &[u8]) {
        self.out.push(marker);
        self.out.extend_from_slice(bytes);
    }

    /// A length of one, two or four bytes behind the marker that says which; `base` is the marker of the first.
    fn length(&mut self, base: u8, len: usize) {
        if let Ok(len) = u8::try_from(len) {
            self.marked(base, &[len]);
        } else if let Ok(len) = u16::try_from(len) {
            self.marked(base + 1, &len.to_be_bytes());
        } else {
            self.marked(base + 2, &length32(len).to_be_bytes());
        }
    }

    /// The header of a list whose values follow as bytes.
    pub(super) fn list_header(&mut self, len: usize) {
        self.header(0x90, 0xdc, length32(len));
    }

    /// The header of a map whose entries follow as keys and bytes.
    pub(super) fn map_header(&mut self, len: u32) {
        self.header(0x80, 0xde, len);
    }

    /// The header of the next list or map to open.
    fn container(&mut self, fix: u8, wide: u8) {
        let count = self.counts.next().unwrap_or_default();
        self.header(fix, wide, count);
    }

    /// `fix` with a count below 16 in it, or `wide` and two bytes, or the marker behind `wide` and four.
    fn header(&mut self, fix: u8, wide: u8, count: u32) {
        match (u8::try_from(count), u16::try_from(count)) {
            (Ok(count @ 0..=15), _) => self.out.push(fix | count),
            (_, Ok(count)) => self.marked(wide, &count.to_be_bytes()),
            _ => self.marked(wide + 1, &count.to_be_bytes()),
        }
    }
}

/// MessagePack has no lengths beyond 32 bits, and no message reaches them: layers and gateways refuse it long before.
fn length32(len: usize) -> u32 {
    u32::try_from(len).expect("a string of a message is shorter than 4 GiB")
}

impl Visitor for Writer {
    fn null(&mut self) {
        self.out.push(0xc0);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(0xc2 | u8::from(value));
    }

    fn int(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.uint(value);
        } else if value >= -32 {
            // The negative fixint is the low byte itself.
            self.out.push(value.to_be_bytes()[7]);
        } else if let Ok(value) = i8::try_from(value) {
            self.marked(0xd0, &value.to_be_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.marked(0xd1, &value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.marked(0xd2, &value.to_be_bytes());
        } else {
            self.marked(0xd3, &value.to_be_bytes());
        }
    }

    fn uint(&mut self, value: u64) {
        if let Ok(value) = u8::try_from(value) {
            if value >= 0x80 {
                self.out.push(0xcc);
            }
            self.out.push(value);
        } else if let Ok(value) = u16::try_from(value) {
            self.marked(0xcd, &value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.marked(0xce, &value.to_be_bytes());
        } else {
            self.marked(0xcf, &value.to_be_bytes());
        }
    }

    fn float(&mut self, value: f64) {
        self.marked(0xcb, &value.to_be_bytes());
    }

    fn str(&mut self, value: &str) {
        match u8::try_from(value.len()) {
            Ok(len @ 0..=31) => self.out.push(0xa0 | len),
            _ => self.length(0xd9, value.len()),
        }
        self.out.extend_from_slice(value.as_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.length(0xc4, value.len());
        self.out.extend_from_slice(value);
    }

    fn begin_list(&mut self) {
        self.container(0x90, 0xdc);
    }

    fn end_list(&mut self) {}

    fn begin_map(&mut self) {
        self.container(0x80, 0xde);
    }

    fn key(&mut self, key: &str) {
        self.str(key);
    }

    fn end_map(&mut self) {}
}
