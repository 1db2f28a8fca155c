//! Requests to the HTTP API, with any path, headers and body: never a panic and never the server's own fault, and whoever
//! asks the API wrongly is told why in the protocol's words.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use channel_layers::Message;
use channel_layers::gateway::{ApiKeys, Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// Each request comes from an address of its own: one that showed ten wrong keys is not listened to for a while.
static ADDRESS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Time that nobody waits for passes at once.
    static GATEWAY: (Runtime, Router) = {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let router = runtime.block_on(async {
            let keys = ApiKeys::parse(["backend:0123456789abcdef0123456789abcdef"]).expect("a key");
            Gateway::new(Layer::default(), GatewayConfig::default().with_api_keys(keys)).router()
        });
        (runtime, router)
    };
}

/// The head up to an empty line, and the body. Nothing where hyper would not have let it through.
fn request(input: &[u8]) -> Option<Request<Body>> {
    let end = input.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (std::str::from_utf8(&input[..end]).ok()?, &input[end + 2..]);
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    let peer: SocketAddr = (Ipv4Addr::from_bits(ADDRESS.fetch_add(1, Ordering::Relaxed)), 1).into();
    request.extension(ConnectInfo(peer)).body(Body::from(body.to_vec())).ok()
}

fuzz_target!(|input: &[u8]| {
    let Some(request) = request(input) else { return };
    GATEWAY.with(|(runtime, router)| {
        runtime.block_on(async {
            let answer = router.clone().oneshot(request).await.expect("a router answers");
            let status = answer.status();
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
            let (head, body) = answer.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("the body is whole");
            let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let told = match kind {
                "application/json" => Message::from_json(body).expect("JSON"),
                "application/msgpack" => Message::from_msgpack(body).expect("MessagePack"),
                _ => return,
            };
            if !status.is_success() && told.get("ready").is_none() && told.get("results").is_none() {
                let reason = told.get("reason").and_then(|reason| reason.as_str().map(str::len));
                assert!(reason.is_some_and(|length| length > 0) && told.get("code").is_some(), "{status}: {told}");
            }
        });
    });
});
