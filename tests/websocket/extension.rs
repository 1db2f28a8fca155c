//! Which offer of `Sec-WebSocket-Extensions` is taken.

use channel_layers::gateway::websocket::negotiate;

const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

#[test]
fn offers_that_are_taken() {
    let offers = [
        "permessage-deflate",
        // Chromium and Firefox, Safari, the examples of RFC 7692, section 7.1.3.
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits=10",
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        " Permessage-Deflate ;Client_Max_Window_Bits = \"15\"",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        "permessage-bzip2, permessage-deflate",
        "x-webkit-deflate-frame; a=\"b, c; d\", permessage-deflate",
        "x; a=\"\\\", permessage-deflate; nothing=this\", permessage-deflate",
        ", ,permessage-deflate,",
    ];
    for offer in offers {
        assert_eq!(negotiate([offer]), Some(ANSWER), "{offer}");
    }
    assert_eq!(negotiate(["permessage-bzip2", "permessage-deflate"]), Some(ANSWER), "in another header");
}

#[test]
fn a_window_that_is_asked_for_is_told() {
    let answer = negotiate(["permessage-deflate; server_max_window_bits=15"]);
    assert_eq!(answer, Some(format!("{ANSWER}; server_max_window_bits=15").as_str()));
}

#[test]
fn offers_that_are_declined() {
    let offers = [
        "",
        "permessage-bzip2",
        "permessage-deflate2",
        "permessage-deflate; server_max_window_bits=14",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=015",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=010",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=\"10",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; SERVER_no_context_takeover",
        "permessage-deflate; unknown",
        "permessage-deflate;",
        "permessage-deflate; ; client_max_window_bits",
        "permessage-deflate client_max_window_bits",
        "x; a=\", permessage-deflate",
    ];
    for offer in offers {
        assert_eq!(negotiate([offer]), None, "{offer}");
    }
    assert_eq!(negotiate([]), None);
}
