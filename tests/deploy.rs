//! What is written for those who run the gateway says nothing that the program does not know.
#![cfg(not(target_family = "wasm"))]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use channel_layers::config::{Setting, Sources};
use regex::Regex;

const FILES: [&str; 9] = [
    "Dockerfile",
    "README.md",
    "deploy/README.md",
    "deploy/cloud-run.md",
    "deploy/cloud-run.yaml",
    "deploy/compose.yaml",
    "deploy/channel-layers.service",
    "deploy/channel-layers.toml",
    "examples/django/README.md",
];

/// Variables that begin like settings and are none of the table's.
const OTHERS: [&str; 1] = ["CHANNEL_LAYERS_CONFIG"];

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_variable_that_is_named_is_one() {
    let known: HashSet<String> = Setting::all().iter().map(Setting::variable).collect();
    let variable = Regex::new(r"CHANNEL_LAYERS_[A-Z_]+").unwrap();
    let mut seen = 0;
    for file in FILES {
        let text = read(file);
        for name in variable.find_iter(&text).map(|found| found.as_str()) {
            assert!(known.contains(name) || OTHERS.contains(&name), "{file}: there is no variable {name}");
            seen += 1;
        }
    }
    assert!(seen > 5, "the files name variables");
}

#[test]
fn every_flag_of_serve_that_is_named_is_one() {
    let help = Command::new(env!("CARGO_BIN_EXE_channel-layers")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let command = Regex::new(r"channel-layers serve([^\n|`]*)").unwrap();
    let flag = Regex::new(r"--[a-z][a-z-]+").unwrap();
    let mut seen = 0;
    for file in FILES {
        let text = read(file);
        for line in command.captures_iter(&text) {
            for name in flag.find_iter(&line[1]).map(|found| found.as_str()) {
                assert!(help.contains(name), "{file}: serve has no flag {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "the files name flags");
}

#[test]
fn the_settings_to_begin_with_are_settings() {
    let mut sources = Sources::new([("REDIS_URL", "redis://localhost:6379")]);
    sources.toml(read("deploy/channel-layers.toml"));
    let resolved = sources.resolve().unwrap();
    assert_eq!(resolved.config().listen, "0.0.0.0:8000");
    assert_eq!(resolved.config().gateway.address_connections, 100);
}

/// As far as systemd is there to say.
#[test]
fn systemd_takes_the_unit() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else { return };
    assert!(version.status.success());
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/channel-layers.service");
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // The program is where the unit will find it only once it was installed.
    let of_ours = |line: &&str| line.contains("channel-layers.service") && !line.contains("is not executable");
    let problems: Vec<_> = said.lines().filter(of_ours).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}
