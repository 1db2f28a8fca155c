//! The gateway's fan-out beside servers of others, all measured by one load client over loopback: CPU time, deliveries,
//! latency, memory and a burst of clients.
//!
//! `cargo bench --bench fanout` measures the gateway alone, for whoever works on it. `-- quick` takes the peers that
//! scripts/setup-peers has installed with it, `-- full` is for the report; names of servers behind it leave the others out,
//! as in `-- quick gateway uws`. Each server is alone while it is measured, and
//! every round has a turn of each, so that what else the machine does meets all alike. What was measured goes to standard
//! output with `--json`, a line each; people read standard error.

mod frame;
mod load;
mod machine;
mod mark;
mod measure;
mod plan;
mod process;
mod protocol;
mod record;
mod run;
mod servers;

use std::process::ExitCode;

use plan::Plan;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let has = |arg: &str| args.iter().any(|given| given == arg);
    let mut plan = match () {
        () if has("full") => Plan::full(),
        () if has("quick") => Plan::quick(),
        () if has("--bench") => Plan::ours(),
        () => Plan::taste(),
    };
    plan.keep(&args);
    match plan.run(has("--json")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("fanout: {e}");
            ExitCode::FAILURE
        }
    }
}
