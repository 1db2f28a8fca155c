//! What a reader has to know about the machine that was measured on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// Its parts, and the day.
pub(crate) fn facts(pinned: bool) -> Value {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    json!({
        "cpu": entry("/proc/cpuinfo", "model name"),
        "processors": format!("{processors} processors"),
        "memory": memory(),
        "system": format!("Linux {}", first_line("/proc/sys/kernel/osrelease")),
        "date": date(),
        "pinned": pinned,
    })
}

fn memory() -> String {
    let total = entry("/proc/meminfo", "MemTotal");
    let kilobytes = total.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    kilobytes.map_or(total, |kilobytes| format!("{:.0} GB of memory", kilobytes / 1024.0 / 1024.0))
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or("?").to_owned()
}

fn entry(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.map_or("?", str::trim).to_owned()
}

fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.map_or("?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
