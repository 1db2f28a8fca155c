//! The rules of the source tree that no compiler checks; CONTRIBUTING.md gives their reasons.
#![cfg(not(target_family = "wasm"))]

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines that a source file may have.
const FILE_LINES: usize = 500;

/// The most lines that a function may have, from `fn` to its closing brace.
const FUNCTION_LINES: usize = 60;

/// Where the target may be asked for: the two splits.
const TARGET_SPLITS: [&str; 2] = ["src/lib.rs", "src/client/platform/mod.rs"];

/// What each part may import of the others, beside itself and the common ground (`error`, `queue`).
const ARROWS: [(&str, &[&str]); 8] = [
    ("src/protocol", &[]),
    ("src/client", &["protocol"]),
    ("src/wasm", &["client", "protocol"]),
    ("src/layer", &["protocol"]),
    ("src/gateway", &["layer", "protocol"]),
    ("src/worker", &["layer", "protocol"]),
    ("src/config", &["gateway", "layer", "protocol"]),
    ("src/bin", &["protocol", "client", "layer", "gateway", "worker", "config"]),
];

const PARTS: [&str; 7] = ["protocol", "client", "wasm", "layer", "gateway", "worker", "config"];

struct Source {
    path: String,
    text: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found
                    .push(Source { path: path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"), text });
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

/// The lines with their numbers, without comments.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let numbered = source.text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    numbered.filter(|(_, line)| !line.starts_with("//"))
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn imports_go_one_way() {
    let mut faults = Vec::new();
    for source in sources("src") {
        let Some((own, allowed)) = ARROWS.iter().find(|(folder, _)| source.path.starts_with(folder)) else { continue };
        for part in PARTS.iter().filter(|part| !own.ends_with(*part) && !allowed.contains(part)) {
            for (at, line) in code(&source) {
                if ["crate", "channel_layers"].iter().any(|root| line.contains(&format!("{root}::{part}::"))) {
                    faults.push(format!("{}:{at}: {own} may not import {part}: {line}", source.path));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn the_target_is_asked_for_in_two_files() {
    let mut faults = Vec::new();
    for source in sources("src").iter().filter(|source| !TARGET_SPLITS.contains(&source.path.as_str())) {
        for (at, line) in code(source) {
            if line.contains("cfg") && ["target_family", "target_arch", "wasm32"].iter().any(|word| line.contains(word))
            {
                faults.push(format!("{}:{at}: the target is asked for outside the two splits: {line}", source.path));
            }
        }
    }
    report(&faults);
}

#[test]
fn a_feature_gates_whole_modules() {
    let mut faults = Vec::new();
    for source in sources("src") {
        let lines: Vec<_> = code(&source).collect();
        for pair in lines.windows(2).filter(|pair| pair[0].1.starts_with("#[cfg(") && pair[0].1.contains("feature")) {
            let gated = pair[1].1.trim_start_matches("pub").trim_start_matches("(crate)").trim_start();
            if !["mod ", "use ", "#["].iter().any(|start| gated.starts_with(start)) {
                faults.push(format!("{}:{}: a feature gates an item: {}", source.path, pair[1].0, pair[1].1));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let mut faults = Vec::new();
    for source in ["src", "tests", "benches", "examples", "xtask/src"].into_iter().flat_map(sources) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES {
            faults.push(format!("{}: {lines} lines, {FILE_LINES} are allowed: split it", source.path));
        }
        if !source.text.starts_with("//!") {
            faults.push(format!("{}: begins without a //! line that says what it is responsible for", source.path));
        }
    }
    report(&faults);
}

#[test]
fn functions_stay_short() {
    let mut faults = Vec::new();
    for source in ["src", "tests", "xtask/src"].into_iter().flat_map(sources) {
        let lines: Vec<_> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let declares = line.trim_start().split("fn ").next().is_some_and(|before| {
                before
                    .split_whitespace()
                    .all(|word| word.starts_with("pub") || ["async", "const", "unsafe"].contains(&word))
            });
            if !line.contains("fn ") || !declares || line.trim_end().ends_with('}') {
                continue;
            }
            // A declaration without a body ends in a semicolon before any brace opens.
            let opens = lines[start..].iter().find(|line| line.ends_with('{') || line.ends_with(';'));
            if opens.is_none_or(|line| line.ends_with(';')) {
                continue;
            }
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == close).map_or(0, |at| at + 1);
            if length > FUNCTION_LINES {
                faults.push(format!(
                    "{}:{}: a function of {length} lines, {FUNCTION_LINES} are allowed",
                    source.path,
                    start + 1
                ));
            }
        }
    }
    report(&faults);
}

#[test]
fn nothing_is_left_open() {
    let mut faults = Vec::new();
    // Spelled in halves, so that this file does not find itself.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["unimpl", "emented!"], ["to", "do!("]].map(|word| word.concat());
    for source in ["src", "tests", "benches", "examples", "xtask/src"].into_iter().flat_map(sources) {
        for (at, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{}: left open: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    report(&faults);
}

#[test]
fn versions_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root.join("pkg/package.json")).unwrap()).unwrap();
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"), "pkg/package.json and Cargo.toml");
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    assert!(
        changelog.contains(concat!("## ", env!("CARGO_PKG_VERSION"))),
        "CHANGELOG.md has no section for this version"
    );
}
