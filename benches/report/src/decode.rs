//! The part about the client in JavaScript: messages decoded a second, as its own benchmark (js/test/bench) writes them:
//! a JSON array whose rows have `runtime`, `size`, `name`, `messages_per_s`, and `ratio` (to ours) with its range.

use serde_json::Value;

use crate::results::Results;
use crate::text::{number, table};

/// The table, or that there is none.
pub(crate) fn section(results: &Results) -> String {
    let rows: Vec<_> = results.decoded().iter().map(cells).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["client", "where", "message", "messages/s", "by ours (middle half of the rounds)"];
    format!(
        "## Clients in JavaScript\n\nMessages that a client library decodes and hands to its listener, by the second. Below 1× \
         a library is slower than ours. `JSON.parse` is what a program without a library would do at least.\n\n{}\n",
        table(&head, rows)
    )
}

fn cells(row: &Value) -> Vec<String> {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    let figure = |name: &str| row.get(name).and_then(Value::as_f64).map_or("?".to_owned(), number);
    let ratio = format!("{}× ({}–{})", figure("ratio"), figure("ratio_low"), figure("ratio_high"));
    vec![text("name"), text("runtime"), text("size"), figure("messages_per_s"), ratio]
}
