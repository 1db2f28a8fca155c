//! Numbers and tables as people read them.

use crate::results::Spread;

/// Three digits that count, with thousands apart.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        ..0.1 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), ""), |(whole, fraction)| (whole, fraction));
    let mut apart = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !apart.ends_with('-') {
            apart.push(',');
        }
        apart.push(digit);
    }
    match fraction.trim_end_matches('0') {
        "" => apart,
        fraction => format!("{apart}.{fraction}"),
    }
}

impl Spread {
    /// The median alone.
    pub(crate) fn brief(self) -> String {
        number(self.median)
    }

    /// With its range.
    pub(crate) fn text(self, unit: &str) -> String {
        match self.least == self.greatest {
            true => format!("{}{unit}", number(self.median)),
            false => format!("{}{unit} ({}–{})", number(self.median), number(self.least), number(self.greatest)),
        }
    }
}

/// A table of Markdown. The first column is text, the others are figures.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rule = (0..head.len()).map(|column| if column == 0 { "---" } else { "---:" });
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut table = line(head.to_vec()) + &line(rule.collect());
    for row in rows {
        table += &line(row.iter().map(String::as_str).collect());
    }
    table
}
