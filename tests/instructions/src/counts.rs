//! The accepted counts: a text file with one line for each scenario, its count and its name.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

pub(crate) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.txt");

#[derive(Default)]
pub(crate) struct Counts(BTreeMap<String, f64>);

impl Counts {
    /// What is in the file; nothing where there is none.
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(PATH).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let entries = lines.map(|line| {
            let (count, name) = line.trim().split_once(' ').expect("a count and a name");
            (name.trim().to_owned(), count.parse().expect("a count"))
        });
        Self(entries.collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    pub(crate) fn set(&mut self, name: &str, count: f64) {
        self.0.insert(name.to_owned(), count.round());
    }

    /// Forgets scenarios that are gone.
    pub(crate) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| is_there(name));
    }

    pub(crate) fn write(&self) {
        let mut text = String::from(
            "# Instructions for each operation on x86_64 Linux in release mode, written by `scripts/instructions --accept`.\n",
        );
        for (name, count) in &self.0 {
            writeln!(text, "{count:>9} {name}").expect("a string takes it");
        }
        fs::write(PATH, text).expect("the project's folder can be written to");
    }
}
