//! What the benchmarks measured, as they wrote it: one JSON object a line. A figure is the median over rounds; a
//! comparison is the median of what each round gives, since a round's two sides met the same machine.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Everything that was measured, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Results {
    machine: Map<String, Value>,
    /// How much of the fan-out was measured.
    plan: String,
    /// Who was measured, in which version.
    servers: BTreeMap<String, String>,
    /// Who was not, and why.
    left_out: BTreeMap<String, String>,
    failures: Vec<String>,
    rows: Vec<Row>,
    /// Rows of the JavaScript clients' benchmark, which takes its medians itself.
    decoded: Vec<Value>,
}

#[derive(Debug)]
struct Row {
    row: String,
    server: String,
    clients: u64,
    round: u64,
    figures: Map<String, Value>,
}

/// A median, and the least and the greatest that it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

/// Where a figure stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct At<'a> {
    pub(crate) row: &'a str,
    pub(crate) clients: u64,
    pub(crate) figure: &'static str,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&least, &greatest) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        Some(Self { median, least, greatest })
    }
}

impl Results {
    /// Takes in the lines of a benchmark, or the array of the JavaScript clients'.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), String> {
        if text.starts_with('[') {
            self.decoded = serde_json::from_str(text).map_err(|e| e.to_string())?;
            return Ok(());
        }
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let line: Value = serde_json::from_str(line).map_err(|e| format!("{e} in the line {line:?}"))?;
            self.take(&line).ok_or_else(|| format!("this line is none of a benchmark's: {line}"))?;
        }
        Ok(())
    }

    fn take(&mut self, line: &Value) -> Option<()> {
        let text = |name: &str| Some(line.get(name)?.as_str()?.to_owned());
        if let Some(machine) = line.get("machine") {
            self.machine.extend(machine.as_object()?.clone());
            self.plan = text("plan")?;
        } else if let Some(version) = text("version") {
            self.servers.insert(text("server")?, version);
        } else if let Some(why) = text("left_out") {
            self.left_out.insert(text("server")?, why);
        } else if let Some(why) = text("failed") {
            self.failures.push(format!("{}, {} clients: {why}", text("server")?, line.get("clients")?));
        } else {
            self.rows.push(Row {
                row: text("row")?,
                server: text("server")?,
                clients: line.get("clients")?.as_u64()?,
                round: line.get("round")?.as_u64()?,
                figures: line.get("figures")?.as_object()?.clone(),
            });
        }
        Some(())
    }

    /// A fact about the machine, as text.
    pub(crate) fn machine(&self, fact: &str) -> String {
        match self.machine.get(fact) {
            None => "?".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// Whether the fan-out was measured with all servers and all rounds.
    pub(crate) fn is_full(&self) -> bool {
        self.plan == "full"
    }

    /// The machine and how it was used, in a sentence.
    pub(crate) fn machines(&self) -> String {
        let parts = ["cpu", "processors", "memory", "system"].map(|fact| self.machine(fact)).join(", ");
        match self.machine("pinned") == "true" {
            true => parts + ". The server has one processor to itself, the load client the other",
            false => {
                parts
                    + ". Server and load client were **not** kept on processors of their own, so that figures are rough"
            }
        }
    }

    pub(crate) fn servers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.servers.iter().map(|(server, version)| (server.as_str(), version.as_str()))
    }

    pub(crate) fn left_out(&self) -> impl Iterator<Item = (&str, &str)> {
        self.left_out.iter().map(|(server, why)| (server.as_str(), why.as_str()))
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// The numbers of rounds in which a server was measured, with its figure.
    fn rounds(&self, at: At<'_>, server: &str) -> BTreeMap<u64, f64> {
        let here = |row: &&Row| row.row == at.row && row.clients == at.clients && row.server == server;
        let figure = |row: &Row| Some((row.round, row.figures.get(at.figure)?.as_f64()?));
        self.rows.iter().filter(here).filter_map(figure).collect()
    }

    pub(crate) fn figure(&self, at: At<'_>, server: &str) -> Option<Spread> {
        Spread::of(self.rounds(at, server).into_values().collect())
    }

    /// How many rounds a server was measured there.
    pub(crate) fn count(&self, at: At<'_>, server: &str) -> usize {
        self.rounds(at, server).len()
    }

    /// Our figure divided by another, of each round that has both.
    pub(crate) fn ratio(&self, (at, server): (At<'_>, &str), (beside, peer): (At<'_>, &str)) -> Option<Spread> {
        let theirs = self.rounds(beside, peer);
        let ours = self.rounds(at, server).into_iter();
        Spread::of(ours.filter_map(|(round, figure)| Some(figure / theirs.get(&round)?)).collect())
    }

    /// The measurements of a server and their sizes, in the order in which they came.
    pub(crate) fn measured(&self, server: &str) -> Vec<(&str, u64)> {
        let mut measured = Vec::new();
        for row in self.rows.iter().filter(|row| row.server == server) {
            if !measured.contains(&(row.row.as_str(), row.clients)) {
                measured.push((row.row.as_str(), row.clients));
            }
        }
        measured
    }

    pub(crate) fn decoded(&self) -> &[Value] {
        &self.decoded
    }
}
