//! Without the page: says how to get it.

use axum::Router;

use crate::failure::Failure;

pub(crate) fn router() -> Result<Router, Failure> {
    let remedy = "`make run` builds and serves it, `make build` builds a binary that has it";
    Err(Failure::usage(format!("this binary was built without the chat page of --demo: {remedy}")))
}
