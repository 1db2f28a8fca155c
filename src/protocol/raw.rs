//! A map that stays bytes: its entries are visited in place, and single values are read when asked for.
//!
//! Frames and messages are looked at through this, so neither needs a tree and neither is copied.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::event::Visitor;
use super::json::Fault;
use crate::SPEAKS_MSGPACK;

use super::{Encoding, Message, Value, digits, json, msgpack};

/// One value that is still bytes, of a message or frame that was checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    encoding: Encoding,
    bytes: &'a [u8],
    /// What `bytes` is a part of, so that a message can share it instead of copying.
    whole: &'a Bytes,
}

impl<'a> Raw<'a> {
    /// A message or frame as a whole.
    pub(super) fn whole(encoding: Encoding, whole: &'a Bytes) -> Self {
        Self { encoding, bytes: whole, whole }
    }

    /// The value as it stands.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Calls `entry` with every key of the map and its value, in order, having checked that it nests at most `depth`
    /// levels. A key that stands twice comes twice: the last one counts, as in Python and JavaScript.
    pub(super) fn entries(&self, depth: usize, entry: &mut dyn FnMut(&str, Raw<'a>)) -> Result<(), Fault> {
        let mut visit = |key: &str, place: Range<usize>| entry(key, self.part(place));
        match self.encoding.spoken() {
            Encoding::Json => {
                let text = std::str::from_utf8(self.bytes).map_err(|e| ("text that is not UTF-8", e.valid_up_to()))?;
                json::entries(text, depth, &mut visit)
            }
            Encoding::Msgpack => msgpack::entries(self.bytes, depth, &mut visit),
        }
    }

    fn part(&self, place: Range<usize>) -> Self {
        Self { bytes: self.bytes.get(place).unwrap_or_default(), ..*self }
    }

    /// The text, of a string.
    pub(super) fn str(&self) -> Option<Cow<'a, str>> {
        match self.encoding.spoken() {
            Encoding::Json => json::string(std::str::from_utf8(self.bytes).ok()?),
            Encoding::Msgpack => msgpack::string(self.bytes).map(Cow::Borrowed),
        }
    }

    /// The number, of a whole number of at least zero. JSON's `5.0` and `5e0` are whole numbers, as in JavaScript.
    pub(super) fn uint(&self) -> Option<u64> {
        match self.encoding.spoken() {
            Encoding::Json => decimal(self.bytes, 0),
            Encoding::Msgpack => match msgpack::value(self.bytes)? {
                Value::Int(number) => u64::try_from(number).ok(),
                Value::Uint(number) => Some(number),
                _ => None,
            },
        }
    }

    /// The time, of a number of seconds, to the millisecond.
    pub(super) fn seconds(&self) -> Option<Duration> {
        match self.encoding.spoken() {
            Encoding::Json => decimal(self.bytes, 3).map(Duration::from_millis),
            Encoding::Msgpack => match msgpack::value(self.bytes)? {
                Value::Int(number) => u64::try_from(number).ok().map(Duration::from_secs),
                Value::Float(number) => Duration::try_from_secs_f64(number).ok(),
                _ => None,
            },
        }
    }

    /// The truth, of a Boolean.
    pub(super) fn bool(&self) -> Option<bool> {
        match (self.encoding.spoken(), self.bytes) {
            (Encoding::Json, b"true") | (Encoding::Msgpack, [0xc3]) => Some(true),
            (Encoding::Json, b"false") | (Encoding::Msgpack, [0xc2]) => Some(false),
            _ => None,
        }
    }

    /// The values of a list, or nothing where it is none.
    pub(super) fn items(&self) -> Option<Vec<Raw<'a>>> {
        let mut items = Vec::new();
        let mut visit = |place| items.push(self.part(place));
        match self.encoding.spoken() {
            Encoding::Json => json::items(std::str::from_utf8(self.bytes).ok()?, &mut visit),
            Encoding::Msgpack => msgpack::items(self.bytes, &mut visit),
        }
        .ok()?;
        Some(items)
    }

    /// The value as a tree.
    pub(super) fn value(&self) -> Option<Value> {
        match self.encoding.spoken() {
            Encoding::Json => json::value(std::str::from_utf8(self.bytes).ok()?),
            Encoding::Msgpack => msgpack::value(self.bytes),
        }
    }

    /// The message, of a map.
    pub(super) fn message(&self) -> Option<Message> {
        // The frame around it was checked, so the first byte tells.
        let map = match self.encoding.spoken() {
            Encoding::Json => self.bytes.first() == Some(&b'{'),
            Encoding::Msgpack => matches!(self.bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf)),
        };
        map.then(|| Message::trusted(self.encoding, self.whole.slice_ref(self.bytes)))
    }

    /// Whether the value is null, which a frame's reader takes for absent.
    pub(super) fn is_null(&self) -> bool {
        matches!((self.encoding.spoken(), self.bytes), (Encoding::Json, b"null") | (Encoding::Msgpack, [0xc0]))
    }
}

/// A non-negative decimal number times ten to the `places`, rounded down. No exponent: nobody writes a number of
/// seconds with one, and reading floats is a tenth of the browser module.
fn decimal(digits: &[u8], places: u32) -> Option<u64> {
    let (whole, fraction) = match digits.iter().position(|&c| c == b'.') {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &[][..]),
    };
    if places == 0 && fraction.iter().any(|&c| c != b'0') {
        return None;
    }
    let scaled = fraction.iter().chain(std::iter::repeat(&b'0')).take(places as usize);
    whole.iter().chain(scaled).try_fold(0u64, |number, &c| {
        let digit = c.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// A value that a [`MapWriter`] writes.
pub(super) enum Scalar<'a> {
    Str(&'a str),
    Uint(u64),
    Bool(bool),
    /// A value in the writer's encoding already.
    Raw(&'a [u8]),
}

/// Writes one map, entry by entry, in either encoding.
pub(super) struct MapWriter {
    entries: u32,
    writer: Writer,
}

enum Writer {
    Json(json::Writer),
    /// Begins with room for the longest header, which is known at the end. Never made by a build for JSON alone, which
    /// the compiler cannot see by itself: matches say so.
    Msgpack(msgpack::Writer),
}

/// The longest header of a MessagePack map.
const HEADER: usize = 5;

impl MapWriter {
    pub(super) fn new(encoding: Encoding) -> Self {
        let writer = match encoding.spoken() {
            Encoding::Json => {
                let mut writer = json::Writer::default();
                writer.begin_map();
                Writer::Json(writer)
            }
            Encoding::Msgpack => {
                let mut writer = msgpack::Writer::new(Vec::new());
                writer.raw(&[0; HEADER]);
                Writer::Msgpack(writer)
            }
        };
        Self { entries: 0, writer }
    }

    pub(super) fn put(&mut self, key: &str, value: Scalar<'_>) {
        self.entries += 1;
        match &mut self.writer {
            Writer::Json(writer) => {
                writer.key(key);
                match value {
                    Scalar::Raw(json) => writer.raw(json),
                    plain => put_plain(writer, &plain),
                }
            }
            Writer::Msgpack(_) if !SPEAKS_MSGPACK => unreachable!("this build speaks JSON alone"),
            Writer::Msgpack(writer) => {
                writer.key(key);
                match value {
                    Scalar::Raw(msgpack) => writer.raw(msgpack),
                    plain => put_plain(writer, &plain),
                }
            }
        }
    }

    /// Puts a number of seconds. Apart from [`put`](Self::put), so that a client that writes none does not hold this.
    pub(super) fn put_seconds(&mut self, key: &str, time: Duration) {
        match &mut self.writer {
            Writer::Json(_) => self.put(key, Scalar::Raw(decimal_seconds(time).as_bytes())),
            Writer::Msgpack(_) if time.subsec_millis() == 0 => self.put(key, Scalar::Uint(time.as_secs())),
            Writer::Msgpack(writer) => {
                self.entries += 1;
                writer.key(key);
                writer.float(time.as_secs_f64());
            }
        }
    }

    /// Puts a list of values that are in the writer's encoding already.
    pub(super) fn put_list(&mut self, key: &str, items: impl ExactSizeIterator<Item = Bytes>) {
        self.entries += 1;
        match &mut self.writer {
            Writer::Json(writer) => {
                writer.key(key);
                writer.begin_list();
                items.for_each(|item| writer.raw(&item));
                writer.end_list();
            }
            Writer::Msgpack(writer) => {
                writer.key(key);
                writer.list_header(items.len());
                items.for_each(|item| writer.raw(&item));
            }
        }
    }

    /// Puts a list of texts.
    pub(super) fn put_texts<'t>(&mut self, key: &str, texts: impl ExactSizeIterator<Item = &'t str>) {
        self.entries += 1;
        match &mut self.writer {
            Writer::Json(writer) => {
                writer.key(key);
                writer.begin_list();
                texts.for_each(|text| writer.str(text));
                writer.end_list();
            }
            Writer::Msgpack(writer) => {
                writer.key(key);
                writer.list_header(texts.len());
                texts.for_each(|text| writer.str(text));
            }
        }
    }

    pub(super) fn finish(self) -> Bytes {
        match self.writer {
            Writer::Json(mut writer) => {
                writer.end_map();
                writer.into_bytes().into()
            }
            Writer::Msgpack(_) if !SPEAKS_MSGPACK => unreachable!("this build speaks JSON alone"),
            Writer::Msgpack(writer) => {
                let mut header = msgpack::Writer::new(vec![self.entries]);
                header.begin_map();
                let header = header.into_bytes();
                let mut bytes = writer.into_bytes();
                bytes[HEADER - header.len()..HEADER].copy_from_slice(&header);
                Bytes::from(bytes).slice(HEADER - header.len()..)
            }
        }
    }
}

fn put_plain(writer: &mut impl Visitor, value: &Scalar<'_>) {
    match value {
        Scalar::Str(text) => writer.str(text),
        Scalar::Uint(number) => writer.uint(*number),
        Scalar::Bool(truth) => writer.bool(*truth),
        Scalar::Raw(_) => unreachable!("written by the encoding itself"),
    }
}

/// Seconds to the millisecond, without a fraction where it is zero.
fn decimal_seconds(time: Duration) -> String {
    let whole = digits(time.as_secs());
    match time.subsec_millis() {
        0 => whole,
        // The leading one keeps the zeros behind the point.
        millis => [&whole, ".", digits(1000 + millis)[1..].trim_end_matches('0')].concat(),
    }
}
