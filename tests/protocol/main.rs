//! The protocol: golden vectors, and properties of the codecs.
#![cfg(not(target_family = "wasm"))]

mod properties;
mod vectors;

macro_rules! run_natively {
    ($($case:ident)*) => {
        $(#[test]
        fn $case() {
            vectors::$case();
        })*
    };
}

run_natively! { messages frames invalid lenient names codes }
