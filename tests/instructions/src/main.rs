//! What the hot paths cost in instructions, which hardly move where times move by a third: so a change of a few percent
//! can fail. `scripts/instructions` runs it.
//!
//! Each scenario runs twice under callgrind, with a few operations and with n more. Their difference is n operations,
//! whatever setting up took. (Few, because one run can be dearer than another as a whole, as its random names fall.)
//! The counts are held to `counts.txt` beside `Cargo.toml`.

mod counts;
mod fanout;
mod scenarios;
mod sync;

#[expect(dead_code, reason = "the scenarios need a part of it")]
#[path = "../../../src/queue.rs"]
mod queue;

#[path = "../../../src/row.rs"]
mod row;

use std::process::{Command, ExitCode};
use std::thread;

use counts::Counts;
use scenarios::{SCENARIOS, Scenario};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, name, operations] = args.as_slice()
        && mode == "run"
    {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario's name");
        (scenario.run)(operations.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    let accept = args.iter().any(|arg| arg == "--accept");
    let filter = args.iter().find(|arg| !arg.starts_with('-')).map_or("", String::as_str);
    let chosen: Vec<_> = SCENARIOS.iter().filter(|scenario| scenario.name.contains(filter)).collect();
    let counted = count_all(&chosen);
    let mut counts = Counts::read();
    let grown = report(&counts, &chosen, &counted);
    if accept {
        counted.into_iter().for_each(|(name, count)| counts.set(name, count));
        counts.retain(|name| SCENARIOS.iter().any(|scenario| scenario.name == name));
        counts.write();
        println!("\nwritten to {}", counts::PATH);
        return ExitCode::SUCCESS;
    }
    if grown {
        println!(
            "\nA count grew by more than its tolerance, or has no accepted value. Where that is the price of something,"
        );
        println!("accept it and say in the commit what it buys: scripts/instructions --accept [part of a name]");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The instructions of one operation of each scenario; as many at a time as there are processors.
fn count_all(scenarios: &[&Scenario]) -> Vec<(&'static str, f64)> {
    let parallel = thread::available_parallelism().map_or(1, usize::from);
    let mut counted = Vec::new();
    for some in scenarios.chunks(parallel) {
        thread::scope(|scope| {
            let running: Vec<_> =
                some.iter().map(|scenario| scope.spawn(|| (scenario.name, count(scenario)))).collect();
            counted.extend(running.into_iter().map(|thread| thread.join().expect("the scenario is counted")));
        });
    }
    counted
}

fn count(scenario: &Scenario) -> f64 {
    let (n, few) = (scenario.operations, scenario.operations / 10);
    let (short, long) = (callgrind(scenario.name, few), callgrind(scenario.name, few + n));
    (long as f64 - short as f64) / n as f64
}

/// The instructions of a whole run.
fn callgrind(name: &str, operations: usize) -> u64 {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["run", name, &operations.to_string()])
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim());
    let count = collected.filter(|_| output.status.success()).and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("{name} does not run under callgrind:\n{text}"))
}

/// Prints the table. Returns whether a count grew, or is new.
fn report(accepted: &Counts, scenarios: &[&Scenario], counted: &[(&'static str, f64)]) -> bool {
    let (mut grown, mut shrunk) = (false, false);
    println!("{:<52}{:>12}{:>12}{:>9}", "instructions for each operation", "accepted", "now", "change");
    for ((name, now), tolerance) in counted.iter().zip(scenarios.iter().map(|scenario| scenario.tolerance)) {
        let Some(before) = accepted.get(name) else {
            grown = true;
            println!("{name:<52}{:>12}{now:>12.0}      new", "-");
            continue;
        };
        let change = (now / before - 1.0) * 100.0;
        let verdict = match change {
            change if change > tolerance => "  GREW",
            change if change < -tolerance => "  cheaper",
            _ => "",
        };
        grown |= change > tolerance;
        shrunk |= change < -tolerance;
        println!("{name:<52}{before:>12.0}{now:>12.0}{change:>+8.1}%{verdict}");
    }
    if shrunk {
        println!("\nSomething got cheaper. Hold it there: scripts/instructions --accept");
    }
    grown
}
