//! Build helper: `xtask bindgen …` is the wasm-bindgen CLI and `xtask test-runner …` its runner for wasm tests.
//!
//! Both come from the version that the workspace's `Cargo.lock` fixes for the library, so the glue and the module
//! always match and nobody has to install a tool. Arguments after the first are passed on as they are.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use wasm_bindgen_cli::{wasm_bindgen, wasm_bindgen_test_runner};

const USAGE: &str = "usage: xtask bindgen [ARGS OF wasm-bindgen]\n       xtask test-runner MODULE.wasm [ARGS OF TESTS]";

fn main() -> ExitCode {
    let mut args: Vec<OsString> = env::args_os().collect();
    let tool = if args.len() > 1 { args.remove(1) } else { OsString::new() };
    let result = match tool.to_str() {
        Some("bindgen") => wasm_bindgen::run_cli_with_args(args),
        Some("test-runner") => wasm_bindgen_test_runner::run_cli_with_args(args),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}
