//! The part about layers without sockets: ours beside Django's, each pair by operations a second.

use crate::results::{At, Results};
use crate::text::table;

/// Ours, and whom they are beside.
const OURS: &str = "layer";
const BESIDE: [(&str, &str); 2] = [("django", "Django's"), ("connection", "a bare connection")];

/// The table, if any layer was measured.
pub(crate) fn section(results: &Results) -> String {
    let mut rows = Vec::new();
    for (row, size) in results.measured(OURS) {
        let at = At { row, clients: size, figure: "per_second" };
        for (server, name) in BESIDE {
            let Some(ratio) = results.ratio((at, OURS), (at, server)) else { continue };
            let figure = |server| results.figure(at, server).map_or("?".to_owned(), |spread| spread.brief());
            let size = if size == 1 { String::new() } else { crate::text::number(size as f64) };
            rows.push(vec![row.to_owned(), size, figure(OURS), figure(server), name.to_owned(), ratio.text("×")]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let head = ["", "members, groups or tasks", "ours, a second", "beside it, a second", "which is", "ours by it"];
    format!(
        "## Layers\n\nThe layers alone, without sockets: `memory` beside Django's `InMemoryChannelLayer`, `core` and `pubsub` \
         beside the classes of channels_redis on the same Redis. One thread on each side, which \
         sends the same message over and over. A mailbox is how our programs receive; without one it is Django's verbs alone.\n\n{}\n",
        table(&head, rows)
    )
}
