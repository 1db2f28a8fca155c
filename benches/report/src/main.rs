//! Writes `BENCHMARKS.md` and its charts from what the benchmarks measured: `report FILE…` with their lines of JSON, or
//! `report --print FILE…` to see the tables only. It measures nothing, so that the report can be written again at any time.

mod aims;
mod attacks;
mod charts;
mod decode;
mod layers;
mod results;
mod sections;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use results::Results;

/// How things were measured, in the words of the report.
const METHOD: &str = include_str!("method.md");

fn main() -> ExitCode {
    let (options, files): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|arg| arg.starts_with("--"));
    match report(&files, options.iter().any(|option| option == "--print")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("report: {e}");
            ExitCode::FAILURE
        }
    }
}

fn report(files: &[String], print: bool) -> Result<(), String> {
    let mut results = Results::default();
    for file in files {
        let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}: run scripts/bench first"))?;
        results.read(&text).map_err(|e| format!("{file}: {e}"))?;
    }
    if print {
        println!("{}", figures(&results, |_| String::new()));
        return Ok(());
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let charts = charts::all(&results);
    for chart in &charts {
        write(project.join(charts::FOLDER).join(chart.file), &chart.svg)?;
    }
    let short = "**This is of a short run of the fan-out, not of `make bench`: few rounds and not everything.**\n\n";
    let head = format!(
        "# Benchmarks\n\nMeasured on {} by `make bench`, which writes this page: {}.\n\n{}",
        results.machine("date"),
        results.machines(),
        if results.is_full() { "" } else { short },
    );
    let embed = |file: &str| match charts.iter().find(|chart| chart.file == file) {
        Some(chart) => format!("![{}]({}/{file})\n\n", chart.title, charts::FOLDER),
        None => String::new(),
    };
    let text = format!(
        "{head}{}## How it was measured\n\n{METHOD}\n{}",
        figures(&results, embed),
        sections::versions(&results)
    );
    write(project.join("BENCHMARKS.md"), &text)
}

/// Everything that was measured. `chart` embeds the chart of that name, if there is one.
fn figures(results: &Results, chart: impl Fn(&str) -> String) -> String {
    [
        aims::section(results),
        sections::behind(results),
        sections::fan_out(results, chart),
        attacks::section(results),
        layers::section(results),
        decode::section(results),
    ]
    .concat()
}

fn write(path: PathBuf, text: &str) -> Result<(), String> {
    let folder = path.parent().expect("a file's path");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    written.map_err(|e| format!("{}: {e}", path.display()))
}
