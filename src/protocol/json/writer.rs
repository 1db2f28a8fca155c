//! The writer: compact JSON, event by event.

use crate::protocol::event::Visitor;
use crate::protocol::{base64, digits};

/// Writes events as compact JSON.
#[derive(Default)]
pub(in crate::protocol) struct Writer {
    out: Vec<u8>,
    /// Whether a comma must stand before the next value or key.
    comma: bool,
}

impl Writer {
    pub(in crate::protocol) fn into_bytes(self) -> Vec<u8> {
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
    pub(in crate::protocol) fn raw(&mut self, json: &[u8]) {
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
