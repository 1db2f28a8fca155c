//! The gateway's fan-out beside servers of others, all measured by one load client over loopback: CPU time, deliveries,
//! latency, memory and a burst of clients.
//!
//! `cargo bench --bench fanout` measures the gateway alone, for whoever works on it. `-- quick` takes the peers that
//! scripts/setup-peers has installed with it, `-- full` is for the report; names of servers behind it leave the others out,
//! as in `-- quick gateway uws`. `-- attack` measures what those who are connected notice of attacks, and `-- attack quick` in
//! less than two minutes. Each server is alone while it is measured, and
//! every round has a turn of each, so that what else the machine does meets all alike. What was measured goes to standard
//! output with `--json`, a line each; people read standard error.

mod attack;
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
use std::time::Duration;

use plan::Plan;
use serde_json::json;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if let [first, name, address] = &args[..]
        && first == "attacker"
    {
        return outcome(attack::attack(name, address));
    }
    let has = |arg: &str| args.iter().any(|given| given == arg);
    if has("attack") {
        return outcome(beside_attacks(has("--bench"), has("quick"), has("--json")));
    }
    let mut plan = match () {
        () if has("full") => Plan::full(),
        () if has("quick") => Plan::quick(),
        () if has("--bench") => Plan::ours(),
        () => Plan::taste(),
    };
    plan.keep(&args);
    outcome(plan.run(has("--json")))
}

fn outcome(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("fanout: {e}");
            ExitCode::FAILURE
        }
    }
}

fn beside_attacks(bench: bool, quick: bool, json: bool) -> Result<(), String> {
    let (rounds, time) = match (bench, quick) {
        (false, _) => (1, Duration::from_millis(300)),
        (true, true) => (3, Duration::from_secs(1)),
        (true, false) => (5, Duration::from_secs(3)),
    };
    attack::run(rounds, time, &mut |round, row, figures| {
        let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
        eprintln!("{row}: 50 % within {:.2} ms, 99 % within {:.2} ms", figure("p50_ms"), figure("p99_ms"));
        if json {
            let size = attack::BYSTANDERS;
            println!(
                "{}",
                json!({ "row": row, "server": "gateway", "clients": size, "round": round, "figures": figures })
            );
        }
    })
}
