//! What the npm package binds to: one class and two functions, without decisions of their own.
//!
//! The TypeScript facade makes promises, iterators and typed errors of them. Message bodies cross as JSON text, which
//! JavaScript's own parser reads; no object tree is built here. Codes and their names come from `codes()`, so no table
//! is written twice.

#![expect(unreachable_pub, reason = "wasm-bindgen exports what is public, wherever it stands")]

mod client;
mod convert;

use wasm_bindgen::prelude::*;

// The standard library's allocator is about eight kilobytes larger. This module has no threads, as talc asks for.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// The version of the crate and of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

/// All code tables as JSON; see `convert::codes`.
#[wasm_bindgen]
pub fn codes() -> String {
    convert::codes()
}
