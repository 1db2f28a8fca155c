//! What Linux tells about a process: CPU time, memory, processors it may use. Nothing here costs the process anything.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the server runs, and where the load client does.
pub(crate) const SERVER_CPU: &str = "0";
const CLIENT_CPU: &str = "1";

/// More than ten thousand sockets, and what a process needs beside them.
const FILES: usize = 12_000;

/// CPU time of all threads that a process has, to the nanosecond. A thread's own count is brought up to date when it
/// leaves its processor, so ask while the process has nothing to do.
pub(crate) fn cpu(process: u32) -> Result<Duration, String> {
    let threads = PathBuf::from(format!("/proc/{process}/task"));
    let failed = |e| format!("{}: {e}: this benchmark reads /proc as Linux has it", threads.display());
    let mut sum = 0;
    for thread in fs::read_dir(&threads).map_err(failed)?.flatten() {
        // A thread that has just ended is none of a server's workers.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        sum += text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(sum))
}

/// Memory that a process holds, in bytes.
pub(crate) fn memory(process: u32) -> Result<f64, String> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).ok_or(format!("{path} has no Rss"))?;
    let kilobytes = line.split_whitespace().next().and_then(|field| field.parse::<f64>().ok());
    Ok(kilobytes.ok_or(format!("{path} has no number"))? * 1024.0)
}

/// Whether server and client get a processor each.
pub(crate) fn pinned() -> bool {
    std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
        && runs(Command::new("taskset").arg("--version"))
}

/// Two processors for a server: the client's is one of them where there is no third.
pub(crate) fn two() -> &'static str {
    if PathBuf::from("/sys/devices/system/cpu/cpu2").exists() { "0,2" } else { "0,1" }
}

/// Keeps this process on the client's processor, and allows it the files that ten thousand sockets are.
pub(crate) fn settle(pinned: bool) {
    let own = std::process::id().to_string();
    if pinned {
        runs(Command::new("taskset").args(["--cpu-list", "--pid", CLIENT_CPU, &own]));
    }
    runs(Command::new("prlimit").args([&format!("--nofile={FILES}:"), "--pid", &own]));
}

/// How many sockets this process may have, and so may a server that it starts.
pub(crate) fn files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(usize::MAX)
}

fn runs(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
