//! The gateway over real sockets, spoken to by a client that need not behave.
#![cfg(not(target_family = "wasm"))]

mod support;

mod gateway {
    mod api;
    mod authorizer;
    mod backend;
    mod callback;
    mod close_codes;
    mod compression;
    mod control;
    mod delivery;
    mod django;
    mod error_codes;
    mod forwarded;
    mod framing;
    mod handshake;
    mod http;
    mod layer_events;
    mod limits;
    mod live;
    mod session;
    mod shutdown;
    mod tls;
    mod tokens;
}
