//! The WebSocket framing without a network: bytes in, events out.
#![cfg(not(target_family = "wasm"))]

mod websocket {
    mod deflate;
    mod encoding;
    mod extension;
    mod fragments;
    mod frames;
    mod limits;
    mod memory;
    #[path = "../support/opcode.rs"]
    mod opcode;
    mod properties;
    mod tungstenite;
    mod utf8;
    mod wire;
}
