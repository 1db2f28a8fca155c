//! What the rounds of a measurement gave on either side: printed for people, and a line of JSON each for the report.

use serde_json::json;

/// One measurement of ours beside one of theirs, both by the second.
#[derive(Debug)]
pub(crate) struct Rounds {
    what: String,
    /// How many members or groups it was with.
    size: usize,
    beside: &'static str,
    json: bool,
    pairs: Vec<(f64, f64)>,
}

impl Rounds {
    pub(crate) fn new(what: impl Into<String>, size: usize, beside: &'static str) -> Self {
        let json = std::env::args().any(|arg| arg == "--json");
        Self { what: what.into(), size, beside, json, pairs: Vec::new() }
    }

    /// Both sides of a round.
    pub(crate) fn add(&mut self, ours: f64, theirs: f64) {
        if self.json {
            for (server, figure) in [("layer", ours), (self.beside, theirs)] {
                let round = self.pairs.len();
                let figures = json!({ "per_second": figure });
                println!(
                    "{}",
                    json!({
                        "row": self.what, "server": server, "clients": self.size, "round": round, "figures": figures,
                    })
                );
            }
        }
        self.pairs.push((ours, theirs));
    }

    /// Says what came of it.
    pub(crate) fn print(&self) {
        let sorted = |of: fn(&(f64, f64)) -> f64| {
            let mut figures: Vec<_> = self.pairs.iter().map(of).collect();
            figures.sort_by(f64::total_cmp);
            figures
        };
        let median = |figures: &[f64]| figures[figures.len() / 2];
        let ratios = sorted(|(ours, theirs)| ours / theirs);
        eprintln!(
            "{:<48} {:>7} {:>11.0}/s, {} {:>9.0}/s: {:.2} times [{:.2}-{:.2}]",
            self.what,
            self.size,
            median(&sorted(|pair| pair.0)),
            self.beside,
            median(&sorted(|pair| pair.1)),
            median(&ratios),
            ratios[0],
            ratios[ratios.len() - 1],
        );
    }
}
