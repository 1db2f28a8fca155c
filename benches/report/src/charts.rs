//! Bar charts as SVG, without fonts or scripts of anybody's, for light and dark pages.

use crate::aims::{IDLE, ONE, P99, SIXTEEN};
use crate::results::{At, Results};
use crate::sections::SERVERS;
use crate::text::number;

/// Where they are, seen from the project's folder.
pub(crate) const FOLDER: &str = "benches/charts";

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.bar{fill:#8c959f}\
                     .ours{fill:#0969da}@media (prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#58a6ff}}";

const WIDTH: usize = 680;
const LEFT: usize = 230;
const LINE: usize = 26;
const TOP: usize = 34;

const CHARTS: [(&str, &str, At<'static>); 4] = [
    ("fanout-1.svg", "Server CPU per delivery, µs: 1,000 clients, one broadcast at a time", ONE),
    ("fanout-16.svg", "Server CPU per delivery, µs: 1,000 clients, 16 broadcasts under way", SIXTEEN),
    ("latency.svg", "99 % of deliveries within, ms: 20 broadcasts a second to 1,000 clients", P99),
    ("memory.svg", "Memory per idle client, bytes: 10,000 clients", IDLE),
];

/// A chart in a file.
pub(crate) struct Chart {
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) svg: String,
}

/// Every chart that there are figures for.
pub(crate) fn all(results: &Results) -> Vec<Chart> {
    let chart = |(file, title, at)| Some(Chart { file, title, svg: bars(title, &measured(results, at))? });
    CHARTS.into_iter().filter_map(chart).collect()
}

fn measured(results: &Results, at: At<'_>) -> Vec<(&'static str, f64, bool)> {
    let bar = |(server, name): (&str, &'static str)| {
        Some((name, results.figure(at, server)?.median, server.starts_with("gateway")))
    };
    SERVERS.into_iter().filter_map(bar).collect()
}

fn bars(title: &str, bars: &[(&str, f64, bool)]) -> Option<String> {
    let most = bars.iter().map(|bar| bar.1).max_by(f64::total_cmp)?;
    let height = TOP + bars.len() * LINE + 8;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n<text class=\"title\" x=\"0\" y=\"18\">{title}</text>\n"
    );
    for (line, (name, value, ours)) in bars.iter().enumerate() {
        let top = TOP + line * LINE;
        // Room for the figure behind the longest bar.
        let length = value / most * (WIDTH - LEFT - 80) as f64;
        let class = if *ours { "bar ours" } else { "bar" };
        svg += &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"18\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>\n",
            LEFT - 8,
            top + 14,
            LEFT as f64 + length + 6.0,
            top + 14,
            number(*value),
        );
    }
    Some(svg + "</svg>\n")
}
