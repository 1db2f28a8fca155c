//! What runs in a real browser: the golden vectors, and the platform contract, which works and gives everything back.
//!
//! No gateway: addresses where nobody listens show attempts, waits and the end. `scripts/test-wasm` runs it.
#![cfg(target_family = "wasm")]

#[path = "protocol/vectors.rs"]
mod vectors;

use channel_layers::client::{Client, ClientConfig, State};
use channel_layers::protocol::Encoding;
use channel_layers::{ErrorKind, message};
use futures_util::StreamExt;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

macro_rules! run_in_browser {
    ($($case:ident)*) => {
        $(#[wasm_bindgen_test]
        fn $case() {
            vectors::$case();
        })*
    };
}

run_in_browser! { messages frames invalid lenient names codes }

/// The discard port: browsers refuse it at once, without a network.
const NOBODY: &str = "ws://127.0.0.1:9/ws";

#[wasm_bindgen_test]
async fn attempts_fail_wait_and_go_on() {
    let client = Client::connect(NOBODY, ClientConfig::default()).unwrap();
    let mut attempts = 0;
    let mut states = client.states();
    while let Some(state) = states.next().await {
        let State::Connecting { attempt, retry_in, .. } = state else { panic!("{state:?}") };
        if !retry_in.is_zero() {
            attempts = attempt;
        }
        if attempts == 3 {
            break;
        }
    }
    client.close().await;
    assert!(matches!(client.state(), State::Closed { code: 1000, .. }));
    assert_eq!(client.ready().await.unwrap_err().kind(), ErrorKind::Closed);
}

#[wasm_bindgen_test]
async fn what_is_outstanding_fails_with_the_client() {
    for encoding in Encoding::ALL {
        let client = Client::connect(NOBODY, ClientConfig::default().with_encoding(encoding)).unwrap();
        let group = client.group("lobby").unwrap();
        let closing = async {
            // The client has begun to work by the time that it says so.
            client.states().next().await;
            client.close().await;
        };
        let (sent, joined, ()) =
            futures_util::future::join3(group.send(message! { "n": 1 }), group.joined(), closing).await;
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(joined.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(group.recv().await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[wasm_bindgen_test]
async fn a_request_times_out_without_a_connection() {
    let config = ClientConfig::default().with_timeout(std::time::Duration::from_millis(20));
    let client = Client::connect(NOBODY, config).unwrap();
    let error = client.send("specific.x!y", message! {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[wasm_bindgen_test]
async fn a_thousand_clients_give_their_memory_back() {
    let mut pages = Vec::new();
    for _ in 0..2 {
        for _ in 0..500 {
            let client = Client::connect(NOBODY, ClientConfig::default()).unwrap();
            client.close().await;
        }
        pages.push(core::arch::wasm32::memory_size::<0>());
    }
    assert!(pages[1] - pages[0] <= 1, "500 clients took {} pages", pages[1] - pages[0]);
}
