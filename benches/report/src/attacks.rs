//! The part about attacks: what those who are connected notice of each, beside what they noticed a moment before it.

use crate::results::{At, Results};
use crate::text::table;

const OURS: &str = "gateway";

/// How the rows are named that were measured beside an attack, and before it.
const BESIDE: &str = "beside: ";
const BEFORE: &str = "before: ";

/// How much slower those beside may be served.
const AIM: f64 = 2.0;

/// The table, if any attack was measured.
pub(crate) fn section(results: &Results) -> String {
    let measured = results.measured(OURS).into_iter();
    let attacks: Vec<_> = measured.filter_map(|(row, clients)| Some((row.strip_prefix(BESIDE)?, clients))).collect();
    if attacks.is_empty() {
        return String::new();
    }
    let rows = attacks.iter().map(|&(attack, clients)| cells(results, attack, clients));
    let head = ["attack", "50 % within, ms", "by before", "99 % within, ms", "by before", "at most 2×"];
    format!(
        "## Under attack\n\nWhat 100 clients in a group notice that are sent 100 messages a second, beside one attacker who does all \
         that one thread can, again and again, at a low priority on the load client's processor; and by how much that is more than in \
         the seconds before. Each answer is in [SECURITY.md](SECURITY.md).\n\n{}\n",
        table(&head, rows)
    )
}

fn cells(results: &Results, attack: &str, clients: u64) -> Vec<String> {
    let (beside, before) = (format!("{BESIDE}{attack}"), format!("{BEFORE}{attack}"));
    let mut cells = vec![attack.to_owned()];
    let mut met = true;
    for figure in ["p50_ms", "p99_ms"] {
        let (at, was) = (At { row: &beside, clients, figure }, At { row: &before, clients, figure });
        let ratio = results.ratio((at, OURS), (was, OURS));
        met &= ratio.is_some_and(|ratio| ratio.median <= AIM);
        cells.push(results.figure(at, OURS).map_or("?".to_owned(), |spread| spread.brief()));
        cells.push(ratio.map_or("?".to_owned(), |ratio| ratio.text("×")));
    }
    cells.push(if met { "met" } else { "**missed**" }.to_owned());
    cells
}
