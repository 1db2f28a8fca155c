//! A message's content as a tree: for applications that look at single values or build them piece by piece.

use super::event::Visitor;

/// A value in a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An integer above `i64::MAX`; smaller ones are always [`Value::Int`].
    Uint(u64),
    /// A floating-point number. JSON carries infinities and NaN as null.
    Float(f64),
    /// Text.
    Str(String),
    /// Bytes. In JSON they travel as `{"$bytes": "<base64>"}`, so a map of that one key cannot itself be sent.
    Bytes(Vec<u8>),
    /// A list of values.
    List(Vec<Value>),
    /// A map with string keys.
    Map(Map),
}

/// A map with string keys that keeps the order of insertion.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: Vec<(String, Value)>,
}

impl Map {
    /// Makes an empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Sets `key`, and returns the value that it had. A key that was there keeps its place.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.entries.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.entries.push((key, value));
                None
            }
        }
    }

    /// Removes `key`, and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.entries.iter().position(|(k, _)| k == key)?;
        Some(self.entries.remove(at).1)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// The map of entries that were read: of a key that stands twice the last value counts. Sorts indexes instead of
    /// searching for each key, so that a message of a hundred thousand keys costs no quadratic time.
    pub(super) fn from_entries(entries: Vec<(String, Value)>) -> Self {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|&a, &b| entries[a].0.cmp(&entries[b].0).then(a.cmp(&b)));
        let mut keep = vec![true; entries.len()];
        for pair in order.windows(2) {
            keep[pair[0]] = entries[pair[0]].0 != entries[pair[1]].0;
        }
        let entries = entries.into_iter().zip(keep).filter_map(|(entry, keep)| keep.then_some(entry)).collect();
        Self { entries }
    }

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        visitor.begin_map();
        for (key, value) in &self.entries {
            visitor.key(key);
            value.visit(visitor);
        }
        visitor.end_map();
    }
}

/// Equal when the same keys have equal values, in any order.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl Value {
    /// The text, of a [`Value::Str`].
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str(text) = self { Some(text) } else { None }
    }

    /// The number, of a [`Value::Int`].
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(number) = self { Some(*number) } else { None }
    }

    /// The map, of a [`Value::Map`].
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = self { Some(map) } else { None }
    }

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        match self {
            Value::Null => visitor.null(),
            Value::Bool(value) => visitor.bool(*value),
            Value::Int(value) => visitor.int(*value),
            Value::Uint(value) => visitor.uint(*value),
            Value::Float(value) => visitor.float(*value),
            Value::Str(value) => visitor.str(value),
            Value::Bytes(value) => visitor.bytes(value),
            Value::List(values) => {
                visitor.begin_list();
                values.iter().for_each(|value| value.visit(visitor));
                visitor.end_list();
            }
            Value::Map(map) => map.visit(visitor),
        }
    }

    /// How deep lists and maps nest: 0 for a plain value.
    pub(super) fn depth(&self) -> usize {
        match self {
            Value::List(values) => 1 + values.iter().map(Value::depth).max().unwrap_or_default(),
            Value::Map(map) => map.depth(),
            _ => 0,
        }
    }
}

impl Map {
    pub(super) fn depth(&self) -> usize {
        1 + self.entries.iter().map(|(_, value)| value.depth()).max().unwrap_or_default()
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        })*
    };
}

from! {
    bool => |value| Value::Bool(value);
    i8 => |value| Value::Int(value.into());
    i16 => |value| Value::Int(value.into());
    i32 => |value| Value::Int(value.into());
    i64 => |value| Value::Int(value);
    u8 => |value| Value::Int(value.into());
    u16 => |value| Value::Int(value.into());
    u32 => |value| Value::Int(value.into());
    u64 => |value| i64::try_from(value).map_or(Value::Uint(value), Value::Int);
    usize => |value| Value::from(value as u64);
    f32 => |value| Value::Float(value.into());
    f64 => |value| Value::Float(value);
    &str => |value| Value::Str(value.into());
    String => |value| Value::Str(value);
    &String => |value| Value::Str(value.clone());
    Vec<u8> => |value| Value::Bytes(value);
    &[u8] => |value| Value::Bytes(value.into());
    bytes::Bytes => |value| Value::Bytes(value.into());
    Vec<Value> => |value| Value::List(value);
    Map => |value| Value::Map(value);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

/// Builds the tree of the events it sees.
#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    done: Value,
}

enum Open {
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Builder {
    /// The value that was read.
    pub(super) fn into_value(self) -> Value {
        self.done
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::List(values)) => values.push(value),
            // `key` has put the entry there.
            Some(Open::Map(entries)) => {
                if let Some((_, last)) = entries.last_mut() {
                    *last = value;
                }
            }
            None => self.done = value,
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::List(values)) => self.put(Value::List(values)),
            Some(Open::Map(entries)) => self.put(Value::Map(Map::from_entries(entries))),
            None => {}
        }
    }
}

impl Visitor for Builder {
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn bool(&mut self, value: bool) {
        self.put(Value::Bool(value));
    }
    fn int(&mut self, value: i64) {
        self.put(Value::Int(value));
    }
    fn uint(&mut self, value: u64) {
        self.put(Value::from(value));
    }
    fn float(&mut self, value: f64) {
        self.put(Value::Float(value));
    }
    fn str(&mut self, value: &str) {
        self.put(Value::Str(value.into()));
    }
    fn bytes(&mut self, value: &[u8]) {
        self.put(Value::Bytes(value.into()));
    }
    fn begin_list(&mut self) {
        self.open.push(Open::List(Vec::new()));
    }
    fn end_list(&mut self) {
        self.end();
    }
    fn begin_map(&mut self) {
        self.open.push(Open::Map(Vec::new()));
    }
    fn key(&mut self, key: &str) {
        if let Some(Open::Map(entries)) = self.open.last_mut() {
            entries.push((key.into(), Value::Null));
        }
    }
    fn end_map(&mut self) {
        self.end();
    }
}
