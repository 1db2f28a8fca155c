//! In place of MessagePack where only JSON is spoken: the npm package, which loads a third less for it.
//!
//! The same names as in `msgpack.rs`. Nothing reads as MessagePack, and nothing asks for it to be written, since a
//! session of that package is made for JSON.

use std::ops::Range;

use super::event::Visitor;
use super::json::Fault;
use super::value::Value;

const ABSENT: Fault = ("MessagePack, which this build does not read,", 0);

pub(super) fn read<V: Visitor>(_: &[u8], _: &mut V) -> Result<(), Fault> {
    Err(ABSENT)
}

pub(super) fn entries(_: &[u8], _: usize, _: impl FnMut(&str, Range<usize>)) -> Result<(), Fault> {
    Err(ABSENT)
}

pub(super) fn items(_: &[u8], _: impl FnMut(Range<usize>)) -> Result<(), Fault> {
    Err(ABSENT)
}

pub(super) fn string(_: &[u8]) -> Option<&str> {
    None
}

pub(super) fn value(_: &[u8]) -> Option<Value> {
    None
}

pub(super) fn from_json(_: &str) -> Vec<u8> {
    Vec::new()
}

pub(super) struct Writer;

impl Writer {
    pub(super) fn new(_: Vec<u32>) -> Self {
        Self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        Vec::new()
    }

    pub(super) fn raw(&mut self, _: &[u8]) {}

    pub(super) fn list_header(&mut self, _: usize) {}
}

impl Visitor for Writer {
    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn int(&mut self, _: i64) {}
    fn uint(&mut self, _: u64) {}
    fn float(&mut self, _: f64) {}
    fn str(&mut self, _: &str) {}
    fn bytes(&mut self, _: &[u8]) {}
    fn begin_list(&mut self) {}
    fn end_list(&mut self) {}
    fn begin_map(&mut self) {}
    fn key(&mut self, _: &str) {}
    fn end_map(&mut self) {}
    fn number(&mut self, _: &str) {}
}
