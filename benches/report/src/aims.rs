//! What the project aims at, and whether what was measured is that.

use crate::results::{At, Results, Spread};
use crate::text::{number, table};

/// A figure of ours with a bound.
struct Aim {
    what: &'static str,
    /// Who of ours: the gateway or a layer.
    ours: &'static str,
    at: At<'static>,
    /// What it is divided by, if it is not a figure by itself.
    beside: Option<(At<'static>, &'static str)>,
    bound: Bound,
    unit: &'static str,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const fn at(row: &'static str, clients: u64, figure: &'static str) -> At<'static> {
    At { row, clients, figure }
}

pub(crate) const ONE: At<'static> = at("window 1", 1000, "cpu_us");
pub(crate) const SIXTEEN: At<'static> = at("window 16", 1000, "cpu_us");
const DJANGO: At<'static> = at("window 1", 500, "deliveries_per_s");
const P50: At<'static> = at("latency", 1000, "p50_ms");
pub(crate) const P99: At<'static> = at("latency", 1000, "p99_ms");
pub(crate) const IDLE: At<'static> = at("memory", 10_000, "bytes_per_client");

const fn cpu(what: &'static str, at: At<'static>, peer: &'static str, bound: f64) -> Aim {
    Aim { what, ours: "gateway", at, beside: Some((at, peer)), bound: Bound::AtMost(bound), unit: "×" }
}

const fn absolute(what: &'static str, at: At<'static>, bound: f64, unit: &'static str) -> Aim {
    Aim { what, ours: "gateway", at, beside: None, bound: Bound::AtMost(bound), unit }
}

/// A layer beside Django's, by operations a second.
const fn layer(what: &'static str, row: &'static str, size: u64, bound: f64) -> Aim {
    let at = at(row, size, "per_second");
    Aim { what, ours: "layer", at, beside: Some((at, "django")), bound: Bound::AtLeast(bound), unit: "×" }
}

/// A verb of the memory layer when there is much, beside itself when there is little.
const fn scale(what: &'static str, row: &'static str, much: u64, little: u64, bound: f64) -> Aim {
    let (much, little) = (at(row, much, "per_second"), at(row, little, "per_second"));
    Aim { what, ours: "layer", at: much, beside: Some((little, "layer")), bound: Bound::AtLeast(bound), unit: "×" }
}

const AIMS: &[Aim] = &[
    cpu("CPU per delivery, one broadcast at a time, beside uWebSockets.js", ONE, "uws", 1.1),
    cpu("the same beside centrifuge", ONE, "centrifuge", 0.6),
    cpu("the same beside Socket.IO", ONE, "socket.io", 0.5),
    cpu("CPU per delivery, 16 broadcasts under way, beside uWebSockets.js", SIXTEEN, "uws", 0.8),
    cpu("the same beside centrifuge", SIXTEEN, "centrifuge", 0.25),
    cpu("the same beside Socket.IO", SIXTEEN, "socket.io", 0.08),
    Aim {
        ours: "gateway",
        what: "deliveries a second to 500 clients, beside Django Channels on uvicorn",
        at: DJANGO,
        beside: Some((DJANGO, "channels")),
        bound: Bound::AtLeast(25.0),
        unit: "×",
    },
    cpu("median latency, 20 broadcasts a second to 1,000 clients, beside uWebSockets.js", P50, "uws", 1.0),
    cpu("its 99th percentile", P99, "uws", 1.0),
    absolute("memory of an idle client in one group, of 10,000", IDLE, 3072.0, " B"),
    absolute("10,000 clients at once: all connected and in a group", at("burst", 10_000, "last_s"), 10.0, " s"),
    absolute("of these refused", at("burst", 10_000, "refused"), 0.0, ""),
    Aim {
        ours: "gateway",
        what: "CPU per delivery to 10,000 clients, beside that to 1,000",
        at: at("window 1", 10_000, "cpu_us"),
        beside: Some((ONE, "gateway")),
        bound: Bound::AtMost(1.6),
        unit: "×",
    },
    layer(
        "memory layer: messages sent and received a second, beside Django's",
        "memory: send and receive, one by one",
        1,
        30.0,
    ),
    layer(
        "memory layer: deliveries a second to a group of 1,000, beside Django's",
        "memory: deliveries to a group",
        1000,
        1000.0,
    ),
    scale(
        "memory layer: joins a second of a group of 100,000, beside one of 10",
        "memory: join and leave a group",
        100_000,
        10,
        0.7,
    ),
    scale(
        "memory layer: messages a second to one of 10,000 groups, beside the only group",
        "memory: to one group among many, and receive",
        10_000,
        1,
        0.7,
    ),
];

/// The part of the report about them: what was aimed at, what was measured, whether it was met.
pub(crate) fn section(results: &Results) -> String {
    let verdicts: Vec<_> = AIMS.iter().map(|aim| (aim, aim.measure(results))).collect();
    let count = |wanted: bool| {
        let met = |(aim, spread): &&(&Aim, Option<Spread>)| spread.map(|spread| aim.is_met(spread)) == Some(wanted);
        verdicts.iter().filter(met).count()
    };
    let rows = verdicts.iter().map(|(aim, spread)| {
        let verdict = match spread.map(|spread| aim.is_met(spread)) {
            None => "not measured",
            Some(true) => "met",
            Some(false) => "**missed**",
        };
        let measured = spread.map_or(String::new(), |spread| spread.text(aim.unit));
        vec![aim.what.to_owned(), aim.bound(), measured, verdict.to_owned()]
    });
    let table = table(&["what", "aim", "measured", ""], rows);
    format!(
        "## Aims\n\n{} of {} aims are met, {} missed. Ratios are channel-layers ÷ the other, with the range over the rounds.\n\n\
         {table}\n",
        count(true),
        AIMS.len(),
        count(false),
    )
}

impl Aim {
    fn measure(&self, results: &Results) -> Option<Spread> {
        match self.beside {
            Some(beside) => results.ratio((self.at, self.ours), beside),
            None => results.figure(self.at, self.ours),
        }
    }

    fn is_met(&self, spread: Spread) -> bool {
        match self.bound {
            Bound::AtMost(bound) => spread.median <= bound,
            Bound::AtLeast(bound) => spread.median >= bound,
        }
    }

    fn bound(&self) -> String {
        match self.bound {
            Bound::AtMost(bound) => format!("≤ {}{}", number(bound), self.unit),
            Bound::AtLeast(bound) => format!("≥ {}{}", number(bound), self.unit),
        }
    }
}
