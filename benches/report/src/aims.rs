//! What the project aims at, and whether what was measured is that.

use crate::results::{At, Results, Spread};
use crate::text::number;

/// A figure of ours with a bound.
struct Aim {
    what: &'static str,
    at: At,
    /// What it is divided by, if it is not a figure by itself.
    beside: Option<(At, &'static str)>,
    bound: Bound,
    unit: &'static str,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const fn at(row: &'static str, clients: u64, figure: &'static str) -> At {
    At { row, clients, figure }
}

const ONE: At = at("window 1", 1000, "cpu_us");
const SIXTEEN: At = at("window 16", 1000, "cpu_us");
const DJANGO: At = at("window 1", 500, "deliveries_per_s");
const P50: At = at("latency", 1000, "p50_ms");
const P99: At = at("latency", 1000, "p99_ms");

const fn cpu(what: &'static str, at: At, peer: &'static str, bound: f64) -> Aim {
    Aim { what, at, beside: Some((at, peer)), bound: Bound::AtMost(bound), unit: "×" }
}

const fn absolute(what: &'static str, at: At, bound: f64, unit: &'static str) -> Aim {
    Aim { what, at, beside: None, bound: Bound::AtMost(bound), unit }
}

const AIMS: &[Aim] = &[
    cpu("CPU per delivery, one broadcast at a time, beside uWebSockets.js", ONE, "uws", 1.1),
    cpu("the same beside centrifuge", ONE, "centrifuge", 0.6),
    cpu("the same beside Socket.IO", ONE, "socket.io", 0.5),
    cpu("CPU per delivery, 16 broadcasts under way, beside uWebSockets.js", SIXTEEN, "uws", 0.8),
    cpu("the same beside centrifuge", SIXTEEN, "centrifuge", 0.25),
    cpu("the same beside Socket.IO", SIXTEEN, "socket.io", 0.08),
    Aim {
        what: "deliveries a second to 500 clients, beside Django Channels on uvicorn",
        at: DJANGO,
        beside: Some((DJANGO, "channels")),
        bound: Bound::AtLeast(25.0),
        unit: "×",
    },
    cpu("median latency, 20 broadcasts a second to 1,000 clients, beside uWebSockets.js", P50, "uws", 1.0),
    cpu("its 99th percentile", P99, "uws", 1.0),
    absolute(
        "memory of an idle client in one group, of 10,000",
        at("memory", 10_000, "bytes_per_client"),
        3072.0,
        " B",
    ),
    absolute("10,000 clients at once: all connected and in a group", at("burst", 10_000, "last_s"), 10.0, " s"),
    absolute("of these refused", at("burst", 10_000, "refused"), 0.0, ""),
    Aim {
        what: "CPU per delivery to 10,000 clients, beside that to 1,000",
        at: at("window 1", 10_000, "cpu_us"),
        beside: Some((ONE, "gateway")),
        bound: Bound::AtMost(1.6),
        unit: "×",
    },
];

/// The table of aims: what was aimed at, what was measured, whether it was met.
pub(crate) fn table(results: &Results) -> String {
    let mut table = String::from("| aim | at | measured | |\n|---|---|---|---|\n");
    for aim in AIMS {
        let (bound, sign) = match aim.bound {
            Bound::AtMost(bound) => (bound, "≤"),
            Bound::AtLeast(bound) => (bound, "≥"),
        };
        let (measured, verdict) = match measure(results, aim) {
            None => ("not measured".to_owned(), ""),
            Some(spread) => {
                let met = match aim.bound {
                    Bound::AtMost(bound) => spread.median <= bound,
                    Bound::AtLeast(bound) => spread.median >= bound,
                };
                (spread.text(aim.unit), if met { "met" } else { "**missed**" })
            }
        };
        table += &format!("| {} | {sign} {}{} | {measured} | {verdict} |\n", aim.what, number(bound), aim.unit);
    }
    table
}

fn measure(results: &Results, aim: &Aim) -> Option<Spread> {
    match aim.beside {
        Some(beside) => results.ratio((aim.at, "gateway"), beside),
        None => results.figure(aim.at, "gateway"),
    }
}
