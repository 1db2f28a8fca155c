//! The other sides of the benchmark: a Python process that measures itself, and loops that keep the processors awake.

use std::io::Read;
use std::process::Stdio;
use std::thread::available_parallelism;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A Python process with layers of Django's. Ends when it is dropped.
pub(crate) struct Python {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Python {
    pub(crate) fn start(url: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/django/peer.py");
        let mut command = Command::new(rig::django::python());
        command.args([script, url]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap_or_else(|e| panic!("Python: {e}: run scripts/setup-python"));
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        Self { _process: process, input, output }
    }

    /// Has it do something, and returns what it answers.
    pub(crate) async fn order(&mut self, order: Value) -> Value {
        self.input.write_all(format!("{order}\n").as_bytes()).await.expect("Python reads");
        let answer = self.output.next_line().await.expect("Python writes").expect("Python has not ended");
        serde_json::from_str(&answer).expect("an answer in JSON")
    }
}

/// A loop of the lowest priority on each processor. A virtual processor that has nothing to do is halted, and waking it
/// takes longer than Redis does to answer, so that round trips would measure the host; these step aside at once.
pub(crate) struct Awake {
    _loops: Vec<Child>,
}

impl Awake {
    pub(crate) fn keep() -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let start = || {
            let mut command = Command::new("chrt");
            command.args(["--idle", "0"]).arg(&program).arg("spin").stdin(Stdio::piped()).kill_on_drop(true).spawn()
        };
        let processors = available_parallelism().map_or(1, usize::from);
        let loops: Vec<_> = (0..processors).map_while(|_| start().ok()).collect();
        if loops.len() < processors {
            eprintln!("no chrt (of util-linux): processors that fall asleep blur what follows");
        }
        Self { _loops: loops }
    }
}

/// Such a loop, for as long as standard input is open.
pub(crate) fn spin() {
    std::thread::spawn(|| {
        while std::io::stdin().read(&mut [0]).is_ok_and(|read| read > 0) {}
        std::process::exit(0);
    });
    loop {
        std::hint::spin_loop();
    }
}
