//! `bench`: what it prints, against a real gateway.

use serde_json::Value;

use crate::{command, fails, serve};

#[test]
fn every_message_reaches_every_client_and_the_times_are_in_order() {
    let (_server, url) = serve(0);
    let args = ["bench", "--to", &url, "--clients", "5", "--rate", "50", "--seconds", "1", "--json"];
    let output = command(&args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts = ["clients", "sent", "refused", "deliveries", "missing"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(counts, [5, 50, 0, 250, 0], "{report}");
    let times = ["p50", "p90", "p99", "max"].map(|key| report["latency_ms"][key].as_f64().unwrap());
    assert!(times.is_sorted() && times[0] > 0.0, "{report}");
}

#[test]
fn it_tells_people_the_same() {
    let (_server, url) = serve(0);
    let args = ["bench", "--to", &url, "--clients", "2", "--rate", "10", "--seconds", "1", "--group", "bench.here"];
    let output = command(&args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["2 clients in ", "10 messages, 0 refused", "20 (", "0 missing", "p99 "] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn what_cannot_be_is_said() {
    fails(&["bench", "--clients", "100000", "--rate", "100000"], 2, "ask for fewer");
    fails(&["bench", "--to", "nowhere"], 2, "invalid address");
    fails(&["bench", "--token-file", "/no/such/file"], 2, "/no/such/file");
}
