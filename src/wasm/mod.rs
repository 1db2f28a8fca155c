//! What the npm package binds to: one class and three functions, without decisions of their own.
//!
//! The TypeScript facade makes promises, iterators and typed errors of them. Message bodies cross as JSON text, which
//! JavaScript's own parser reads; no object tree is built here. Names of codes come from here too, so no table
//! is written twice.

#![expect(unreachable_pub, reason = "wasm-bindgen exports what is public, wherever it stands")]

mod client;
mod convert;

use wasm_bindgen::prelude::*;

use crate::protocol::{Action, ServerFrame, action};

// The standard library's allocator is about eight kilobytes larger. This module has no threads, as talc asks for.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// The name of a code of any kind, or `unknown`.
#[wasm_bindgen]
pub fn code_name(code: u16) -> String {
    convert::name(code).into()
}

/// Whether a code says that trying again can succeed.
#[wasm_bindgen]
pub fn is_temporary(code: u16) -> bool {
    action(code) == Action::Retry
}

/// How a frame begins that holds a message for the group `name`, up to the message; or for the channel, where it is one.
#[wasm_bindgen]
pub fn message_head(name: &str, channel: bool) -> String {
    ServerFrame::message_head(name, channel)
}
