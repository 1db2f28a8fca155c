//! The seam between encodings: a reader turns bytes into events, a visitor makes something of them.
//!
//! Two readers (JSON, MessagePack) and a handful of visitors (two writers, a tree builder, a checker) give every
//! conversion, and none of them builds a tree on the way unless a tree is what was asked for.

/// Takes the events of one value, in order. Maps give `key` before each value.
pub(super) trait Visitor {
    /// False for a visitor that looks at structure only: readers then pass empty strings instead of unescaping.
    const WANTS_CONTENT: bool = true;

    /// False for a visitor to whom a byte string and the map that spells it in JSON are the same.
    const TELLS_BYTES: bool = true;

    fn null(&mut self);
    fn bool(&mut self, value: bool);
    fn int(&mut self, value: i64);
    fn uint(&mut self, value: u64);
    fn float(&mut self, value: f64);
    fn str(&mut self, value: &str);
    fn bytes(&mut self, value: &[u8]);
    fn begin_list(&mut self);
    fn end_list(&mut self);
    fn begin_map(&mut self);
    fn key(&mut self, key: &str);
    fn end_map(&mut self);

    /// A number as JSON writes it. Integers stay integers where they fit in 64 bits, anything else is a float.
    fn number(&mut self, text: &str) {
        if let Ok(value) = text.parse::<i64>() {
            self.int(value);
        } else if let Ok(value) = text.parse::<u64>() {
            self.uint(value);
        } else {
            // The reader has checked the grammar, and every JSON number is in f64's (a huge one is infinite).
            self.float(text.parse().unwrap_or(f64::INFINITY));
        }
    }
}

/// Sees nothing: reading into it checks the bytes.
pub(super) struct Check;

impl Visitor for Check {
    const WANTS_CONTENT: bool = false;
    const TELLS_BYTES: bool = false;

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

/// Counts the children of every list and map, in the order in which they open: what MessagePack's headers need and
/// JSON does not tell.
#[derive(Default)]
pub(super) struct Counts {
    counts: Vec<u32>,
    open: Vec<usize>,
}

impl Counts {
    pub(super) fn into_vec(self) -> Vec<u32> {
        self.counts
    }

    fn child(&mut self) {
        if let Some(&at) = self.open.last() {
            self.counts[at] += 1;
        }
    }

    fn begin(&mut self) {
        self.child();
        self.open.push(self.counts.len());
        self.counts.push(0);
    }

    fn end(&mut self) {
        self.open.pop();
    }
}

impl Visitor for Counts {
    const WANTS_CONTENT: bool = false;

    fn null(&mut self) {
        self.child();
    }
    fn bool(&mut self, _: bool) {
        self.child();
    }
    fn int(&mut self, _: i64) {
        self.child();
    }
    fn uint(&mut self, _: u64) {
        self.child();
    }
    fn float(&mut self, _: f64) {
        self.child();
    }
    fn str(&mut self, _: &str) {
        self.child();
    }
    fn bytes(&mut self, _: &[u8]) {
        self.child();
    }
    fn begin_list(&mut self) {
        self.begin();
    }
    fn end_list(&mut self) {
        self.end();
    }
    fn begin_map(&mut self) {
        self.begin();
    }
    // A pair is one child: its value counts it.
    fn key(&mut self, _: &str) {}
    fn end_map(&mut self) {
        self.end();
    }
    fn number(&mut self, _: &str) {
        self.child();
    }
}
