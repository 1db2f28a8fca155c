//! JSON as Python's `json` module writes it by default, and as it reads it where another reader would not.

use bytes::Bytes;

use super::serializer::Serializer;
use crate::protocol::{Map, Value};
use crate::{Error, ErrorKind, Message, Result};

/// The serializer `json`. Bytes have no place in it, as in Python: the `{"$bytes": …}` of this crate's own JSON would
/// reach Django as a map. Infinities and NaN are written, and read, as null, as everywhere in this crate's JSON.
#[derive(Debug)]
pub(super) struct PythonJson;

impl Serializer for PythonJson {
    fn serialize(&self, message: &Message) -> Result<Vec<u8>> {
        let mut out = String::with_capacity(message.size() + message.size() / 4);
        map(&message.to_map(), &mut out)?;
        Ok(out.into_bytes())
    }

    fn deserialize(&self, bytes: Bytes) -> Result<Message> {
        // A byte order mark says UTF-8 and no more. Python reads on behind it.
        let text = if bytes.starts_with(b"\xef\xbb\xbf") { bytes.slice(3..) } else { bytes };
        Message::from_json(text.clone()).or_else(|e| match without_constants(&text) {
            Some(text) => Message::from_json(text),
            None => Err(e),
        })
    }
}

fn map(map: &Map, out: &mut String) -> Result<()> {
    out.push('{');
    for (at, (key, item)) in map.iter().enumerate() {
        separate(at, out);
        string(key, out);
        out.push_str(": ");
        value(item, out)?;
    }
    out.push('}');
    Ok(())
}

fn value(value: &Value, out: &mut String) -> Result<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Uint(number) => out.push_str(&number.to_string()),
        Value::Float(number) => float(*number, out),
        Value::Str(text) => string(text, out),
        Value::Bytes(_) => {
            let text = "the message holds bytes, which the serializer_format \"json\" cannot carry; use \"msgpack\", \
                        on every process that shares the Redis";
            return Err(Error::new(ErrorKind::InvalidMessage, text));
        }
        Value::List(values) => {
            out.push('[');
            for (at, item) in values.iter().enumerate() {
                separate(at, out);
                self::value(item, out)?;
            }
            out.push(']');
        }
        Value::Map(inner) => map(inner, out)?,
    }
    Ok(())
}

fn separate(at: usize, out: &mut String) {
    if at > 0 {
        out.push_str(", ");
    }
}

/// The shortest digits that read as the same number, placed as Python's `repr` does.
fn float(number: f64, out: &mut String) {
    if !number.is_finite() {
        return out.push_str("null");
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            out.push_str(&format!("{digits}e{sign}{:02}", exponent.abs()));
        }
        // Never an exponent, and always a point.
        _ if number.fract() == 0.0 => out.push_str(&format!("{number:.1}")),
        _ => out.push_str(&number.to_string()),
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out.push('"');
}

/// The text with null for `NaN`, `Infinity` and `-Infinity` outside of strings; nothing where it holds none of them.
fn without_constants(text: &[u8]) -> Option<Vec<u8>> {
    const CONSTANTS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut quoted, mut found) = (0, false, false);
    while let Some(&byte) = text.get(at) {
        if !quoted && let Some(constant) = CONSTANTS.iter().find(|constant| text[at..].starts_with(constant)) {
            out.extend_from_slice(b"null");
            at += constant.len();
            found = true;
            continue;
        }
        // An escaped character is never the end of the string.
        let taken = if quoted && byte == b'\\' { 2 } else { 1 };
        quoted ^= byte == b'"';
        out.extend(text[at..].iter().take(taken));
        at += taken;
    }
    found.then_some(out)
}
