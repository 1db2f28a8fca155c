//! The offers of an extension, from any text: never a panic, and no answer but the two.
#![no_main]

use channel_layers::gateway::websocket::negotiate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|offers: &str| {
    let lines: Vec<_> = offers.lines().collect();
    if let Some(answer) = negotiate(lines.iter().copied()) {
        assert!(answer.starts_with("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
        assert_eq!(negotiate([answer]), Some(answer), "an answer is an offer that is taken as it is");
        assert!(lines.iter().any(|line| negotiate([*line]) == Some(answer)), "a header is judged by itself");
    }
});
