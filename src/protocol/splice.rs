//! A message with one entry more or less, for layers that send something of their own along with it. MessagePack is cut
//! and joined as it stands: every other entry keeps its bytes, and no tree is built.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::event::Visitor;
use super::json::Fault;
use super::raw::{MapWriter, Scalar};
use super::{Encoding, MAX_DEPTH, Message, Value, msgpack};
use crate::Result;

/// A text, or a list of texts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Texts<'a> {
    One(&'a str),
    Many(&'a [&'a str]),
}

/// What a text can take beyond its bytes, and a list or a map beyond its members.
const HEADER: usize = 5;

impl Texts<'_> {
    fn size(&self) -> usize {
        match self {
            Texts::One(text) => HEADER + text.len(),
            Texts::Many(texts) => HEADER + texts.iter().map(|text| HEADER + text.len()).sum::<usize>(),
        }
    }

    fn write(&self, writer: &mut msgpack::Writer) {
        match self {
            Texts::One(text) => writer.str(text),
            Texts::Many(texts) => {
                writer.list_header(texts.len());
                texts.iter().for_each(|text| writer.str(text));
            }
        }
    }
}

impl Message {
    /// The message in MessagePack with `key` as its last entry, behind `front`. Says too whether the message had an
    /// entry of that key, which is then left out.
    pub(crate) fn msgpack_with(&self, front: &[u8], key: &str, texts: Texts<'_>) -> (Vec<u8>, bool) {
        let bytes = self.msgpack();
        let mut out = Vec::with_capacity(front.len() + HEADER + bytes.len() + HEADER + key.len() + texts.size());
        out.extend_from_slice(front);
        let (mut others, mut all) = (0u32, 0);
        visit(bytes, &mut |name, _| {
            all += 1;
            others += u32::from(name != key);
        });
        let had = others < all;
        let mut writer = msgpack::Writer::onto(out);
        writer.map_header(others + 1);
        if had {
            visit(bytes, &mut |name, value| {
                if name != key {
                    writer.key(name);
                    writer.raw(&bytes[value]);
                }
            });
        } else {
            writer.raw(&bytes[msgpack::map_header(bytes).1..]);
        }
        writer.key(key);
        texts.write(&mut writer);
        (writer.into_bytes(), had)
    }

    /// Takes a message in MessagePack, and out of it the value of `key`, still in MessagePack. Of several such entries
    /// the last one's value counts, and none stays.
    ///
    /// # Errors
    ///
    /// As [`from_msgpack`](Self::from_msgpack).
    pub(crate) fn from_msgpack_without(bytes: Bytes, key: &str) -> Result<(Self, Option<Bytes>)> {
        let (mut cuts, mut value) = (Vec::new(), 0..0);
        let mut end = msgpack::map_header(&bytes).1;
        let read = msgpack::entries(&bytes, MAX_DEPTH - 1, &mut |name, place: Range<usize>| {
            let start = std::mem::replace(&mut end, place.end);
            if name == key {
                cuts.push(start..place.end);
                value = place;
            }
        });
        read.map_err(|fault| super::message::invalid(Encoding::Msgpack, fault))?;
        if cuts.is_empty() {
            return Ok((Self::trusted(Encoding::Msgpack, bytes), None));
        }
        let (rest, value) = cut(bytes, &cuts, value);
        Ok((Self::trusted(Encoding::Msgpack, rest), Some(value)))
    }

    /// The message without the entries of a key, and the value of the last of them.
    pub(crate) fn without(self, key: &str) -> (Self, Option<Value>) {
        let Some(value) = self.get(key) else { return (self, None) };
        let mut writer = MapWriter::new(self.encoding());
        self.entries(&mut |name, raw| {
            if name != key {
                writer.put(name, Scalar::Raw(raw.bytes()));
            }
        });
        (Self::trusted(self.encoding(), writer.finish()), Some(value))
    }
}

/// Takes the entries at `cuts` out of a map that was read, and a value out of these.
fn cut(bytes: Bytes, cuts: &[Range<usize>], value: Range<usize>) -> (Bytes, Bytes) {
    let kept = bytes.len() - cuts.iter().map(Range::len).sum::<usize>();
    let left = msgpack::map_header(&bytes).0 - cuts.len();
    let in_place = match cuts {
        // Not where the cut part is the larger one: the message would hold on to it for as long as it lives.
        [last] if last.end == bytes.len() && last.len() <= kept => bytes.try_into_mut(),
        _ => Err(bytes),
    };
    match in_place {
        Ok(mut whole) => {
            msgpack::lower_map_len(&mut whole, left);
            let whole = whole.freeze();
            (whole.slice(..kept), whole.slice(value))
        }
        Err(bytes) => {
            let mut rest = BytesMut::with_capacity(kept);
            let mut done = 0;
            for cut in cuts {
                rest.extend_from_slice(&bytes[done..cut.start]);
                done = cut.end;
            }
            rest.extend_from_slice(&bytes[done..]);
            msgpack::lower_map_len(&mut rest, left);
            (rest.freeze(), bytes.slice(value))
        }
    }
}

/// Visits the entries of a message.
fn visit(bytes: &[u8], entry: &mut dyn FnMut(&str, Range<usize>)) {
    let read: Result<(), Fault> = msgpack::entries(bytes, MAX_DEPTH - 1, entry);
    read.expect("a message's bytes were checked when it was made");
}
