//! Writes `BENCHMARKS.md` and its charts from what the benchmarks measured: `report FILE…` with their lines of JSON, or
//! `report --print FILE…` to see the tables only. It measures nothing, so that the report can be written again at any time.

mod aims;
mod charts;
mod results;
mod sections;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use results::Results;

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
        println!("{}", sections::figures(&results));
        return Ok(());
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let charts = charts::all(&results);
    for (name, svg) in &charts {
        write(project.join(charts::FOLDER).join(name), svg)?;
    }
    let names: Vec<_> = charts.iter().map(|(name, _)| *name).collect();
    write(project.join("BENCHMARKS.md"), &sections::report(&results, &names))
}

fn write(path: PathBuf, text: &str) -> Result<(), String> {
    let folder = path.parent().expect("a file's path");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    written.map_err(|e| format!("{}: {e}", path.display()))
}
