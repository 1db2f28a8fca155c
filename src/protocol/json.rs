//! JSON (RFC 8259): a strict reader of events and a writer of them.
//!
//! A byte string stands in JSON as `{"$bytes": "<base64>"}`; the reader turns exactly that shape into one event. An
//! escaped half of a surrogate pair, as JavaScript can write it, reads as U+FFFD.

use std::borrow::Cow;
use std::ops::Range;

use super::event::{Check, Visitor};
use super::value::{Builder, Value};
use super::{MAX_DEPTH, base64, digits};

/// Why bytes are not the JSON that was expected: what, and at which byte.
pub(super) type Fault = (&'static str, usize);

/// The key that marks a byte string.
const BYTES_KEY: &str = "$bytes";

/// Reads the map that fills `text`. The map itself is never taken for a byte string.
pub(super) fn read<V: Visitor>(text: &str, visitor: &mut V) -> Result<(), Fault> {
    let mut reader = Reader::new(text);
    reader.open_map()?;
    reader.members(visitor, MAX_DEPTH - 1)?;
    reader.end()
}

/// Calls `entry` with each key of the map that fills `text` and the place of its value, having checked that it nests at
/// most `depth` levels.
pub(super) fn entries(text: &str, depth: usize, entry: &mut dyn FnMut(&str, Range<usize>)) -> Result<(), Fault> {
    let mut reader = Reader::new(text);
    reader.open_map()?;
    let mut more = reader.open(b'}');
    while more {
        let key = reader.key()?;
        let start = reader.at;
        reader.value(&mut Check, depth)?;
        entry(&key, start..reader.at);
        more = reader.more(b'}', "expected ',' or '}'")?;
    }
    reader.end()
}

/// Calls `item` with the place of each value of the list that fills `text`, which was checked before.
pub(super) fn items(text: &str, item: &mut dyn FnMut(Range<usize>)) -> Result<(), Fault> {
    let mut reader = Reader::new(text);
    if reader.peek() != Some(b'[') {
        return Err(("expected a list", 0));
    }
    let mut more = reader.open(b']');
    while more {
        let start = reader.at;
        reader.value(&mut Check, MAX_DEPTH)?;
        item(start..reader.at);
        more = reader.more(b']', "expected ',' or ']'")?;
    }
    Ok(())
}

/// The text of the string that fills `text`.
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let mut reader = Reader::new(text);
    (reader.peek()? == b'"').then(|| reader.string().ok()).flatten()
}

/// The value that fills `text`, as a tree.
pub(super) fn value(text: &str) -> Option<Value> {
    let mut builder = Builder::default();
    let mut reader = Reader::new(text);
    reader.value(&mut builder, MAX_DEPTH).and_then(|()| reader.end()).ok()?;
    Some(builder.into_value())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// A part of the text between two characters that were read. Never fails, so no message about a failure is
    /// compiled: such messages were a twentieth of the browser module.
    fn part(&self, place: Range<usize>) -> &'a str {
        self.text.get(place).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps to the `{` of the map that must start here.
    fn open_map(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.peek() == Some(b'{') { Ok(()) } else { Err(("expected a map", self.at)) }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(("expected the end", self.at)) }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err((what, self.at))
        }
    }

    fn value<V: Visitor>(&mut self, visitor: &mut V, depth: usize) -> Result<(), Fault> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.map(visitor, depth),
            Some(b'[') => self.list(visitor, depth),
            Some(b'"') if V::WANTS_CONTENT => {
                let text = self.string()?;
                visitor.str(&text);
                Ok(())
            }
            Some(b'"') => {
                self.string_end()?;
                visitor.str("");
                Ok(())
            }
            Some(b't') => self.word("true").map(|()| visitor.bool(true)),
            Some(b'f') => self.word("false").map(|()| visitor.bool(false)),
            Some(b'n') => self.word("null").map(|()| visitor.null()),
            Some(b'-' | b'0'..=b'9') => self.number().map(|number| visitor.number(number)),
            _ => Err(("expected a value", self.at)),
        }
    }

    fn map<V: Visitor>(&mut self, visitor: &mut V, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(("nested too deep", self.at))?;
        // Whoever only checks need not tell a byte string from the map that spells it.
        if V::TELLS_BYTES
            && let Some(bytes) = self.bytes_marker()
        {
            visitor.bytes(&bytes);
            return Ok(());
        }
        self.members(visitor, depth)
    }

    /// Reads the map that starts here, whose values nest at most `depth` levels.
    fn members<V: Visitor>(&mut self, visitor: &mut V, depth: usize) -> Result<(), Fault> {
        visitor.begin_map();
        let mut more = self.open(b'}');
        while more {
            let key = self.key()?;
            visitor.key(&key);
            self.value(visitor, depth)?;
            more = self.more(b'}', "expected ',' or '}'")?;
        }
        visitor.end_map();
        Ok(())
    }

    /// Steps into the map or list that starts here; says whether there is anything before `close`.
    fn open(&mut self, close: u8) -> bool {
        self.at += 1;
        self.skip_space();
        let empty = self.peek() == Some(close);
        self.at += usize::from(empty);
        !empty
    }

    /// Steps past what separates two members or elements; says whether there was a comma, or else the `close`.
    fn more(&mut self, close: u8, what: &'static str) -> Result<bool, Fault> {
        self.skip_space();
        let comma = self.peek() == Some(b',');
        if !comma {
            self.expect(close, what)?;
            return Ok(false);
        }
        self.at += 1;
        self.skip_space();
        Ok(true)
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.peek() != Some(b'"') {
            return Err(("expected a string as key", self.at));
        }
        let key = self.string()?;
        self.skip_space();
        self.expect(b':', "expected ':'")?;
        self.skip_space();
        Ok(key)
    }

    fn list<V: Visitor>(&mut self, visitor: &mut V, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(("nested too deep", self.at))?;
        visitor.begin_list();
        let mut more = self.open(b']');
        while more {
            self.value(visitor, depth)?;
            more = self.more(b']', "expected ',' or ']'")?;
        }
        visitor.end_list();
        Ok(())
    }

    /// The bytes, and a step past them, where `{"$bytes": "…"}` stands here; elsewhere nothing, and no step. A map of
    /// that key whose text is not base64 is just a map.
    fn bytes_marker(&mut self) -> Option<Vec<u8>> {
        let start = self.at;
        let found = self.try_bytes_marker().and_then(|encoded| base64::decode(&encoded));
        if found.is_none() {
            self.at = start;
        }
        found
    }

    fn try_bytes_marker(&mut self) -> Option<Cow<'a, str>> {
        self.at += 1;
        self.skip_space();
        if !self.text.as_bytes()[self.at..].starts_with(b"\"$bytes\"") {
            return None;
        }
        self.at += BYTES_KEY.len() + 2;
        self.skip_space();
        self.expect(b':', "").ok()?;
        self.skip_space();
        if self.peek() != Some(b'"') {
            return None;
        }
        let encoded = self.string().ok()?;
        self.skip_space();
        self.expect(b'}', "").ok()?;
        Some(encoded)
    }

    fn word(&mut self, word: &'static str) -> Result<(), Fault> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(("expected a value", self.at))
        }
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.part(start..self.at))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(("expected a digit", self.at)) }
    }

    /// Steps past the string that starts here, having checked it; says whether it holds an escape.
    fn string_end(&mut self) -> Result<bool, Fault> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at += plain_words(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += self.escape_len()?;
                }
                Some(0..=0x1f) => return Err(("control character in a string", self.at)),
                Some(_) => self.at += 1,
                None => return Err(("unfinished string", self.at)),
            }
        }
    }

    fn escape_len(&self) -> Result<usize, Fault> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') if unit(bytes, self.at + 2).is_some() => Ok(6),
            _ => Err(("bad escape in a string", self.at)),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        let escaped = self.string_end()?;
        let inner = self.part(start..self.at - 1);
        Ok(if escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) })
    }
}

/// How many bytes, in whole words, hold neither a quote, nor a backslash, nor a control character. Looks at eight bytes
/// at once: the classic test for a zero byte, and for one below a bound.
fn plain_words(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGH;
    let special = |word: u64| {
        below(word, 0x20) | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1)
    };
    let words = bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("a chunk of eight")));
    8 * words.take_while(|&word| special(word) == 0).count()
}

/// The UTF-16 unit that four hexadecimal digits at `at` write.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 4)?.iter().try_fold(0u16, |unit, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

/// Resolves the escapes of a checked string.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut done) = (0, 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        out.push_str(text.get(done..at).unwrap_or_default());
        at += 2;
        match bytes.get(at - 1) {
            Some(b'b') => out.push('\u{8}'),
            Some(b'f') => out.push('\u{c}'),
            Some(b'n') => out.push('\n'),
            Some(b'r') => out.push('\r'),
            Some(b't') => out.push('\t'),
            Some(b'u') => at += unescape_unit(bytes, at, &mut out),
            plain => out.extend(plain.map(|&plain| char::from(plain))),
        }
        done = at;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// Appends the character of the `\u` escape whose digits stand at `at`; says how many bytes it took.
fn unescape_unit(bytes: &[u8], at: usize, out: &mut String) -> usize {
    let first = unit(bytes, at).unwrap_or_default();
    if (0xd800..0xdc00).contains(&first) && bytes.get(at + 4..at + 6) == Some(b"\\u") {
        let second = unit(bytes, at + 6).unwrap_or_default();
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + (u32::from(first - 0xd800) << 10) + u32::from(second - 0xdc00);
            out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            return 10;
        }
    }
    out.push(char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER));
    4
}

/// Writes events as compact JSON.
#[derive(Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    /// Whether a comma must stand before the next value or key.
    comma: bool,
}

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    fn text(&mut self, text: &str) {
        self.separate();
        self.out.extend_from_slice(text.as_bytes());
    }

    fn begin(&mut self, open: u8) {
        self.separate();
        self.out.push(open);
        self.comma = false;
    }

    fn end(&mut self, close: u8) {
        self.out.push(close);
        self.comma = true;
    }

    /// Writes a value that is JSON already.
    pub(super) fn raw(&mut self, json: &[u8]) {
        self.separate();
        self.out.extend_from_slice(json);
    }
}

impl Visitor for Writer {
    fn null(&mut self) {
        self.text("null");
    }

    fn bool(&mut self, value: bool) {
        self.text(if value { "true" } else { "false" });
    }

    fn int(&mut self, value: i64) {
        self.text(&value.to_string());
    }

    fn uint(&mut self, value: u64) {
        self.text(&digits(value));
    }

    /// JSON has no infinities and no NaN: they become `null`, as `JSON.stringify` writes them.
    fn float(&mut self, value: f64) {
        if value.is_finite() { self.text(&format!("{value:?}")) } else { self.null() }
    }

    fn str(&mut self, value: &str) {
        self.separate();
        write_string(value, &mut self.out);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.separate();
        self.out.extend_from_slice(b"{\"$bytes\":\"");
        base64::encode(value, &mut self.out);
        self.out.extend_from_slice(b"\"}");
    }

    fn begin_list(&mut self) {
        self.begin(b'[');
    }

    fn end_list(&mut self) {
        self.end(b']');
    }

    fn begin_map(&mut self) {
        self.begin(b'{');
    }

    fn key(&mut self, key: &str) {
        self.str(key);
        self.out.push(b':');
        self.comma = false;
    }

    fn end_map(&mut self) {
        self.end(b'}');
    }

    fn number(&mut self, text: &str) {
        self.text(text);
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=0x1f => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[done..at]);
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        done = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    out.push(b'"');
}
