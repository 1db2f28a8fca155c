//! The description of the HTTP API, for people and for programs that make clients of it. A test sends requests made
//! of it, right ones and wrong ones, and holds every answer to it.

use axum::response::Response;
use http::StatusCode;

use super::body;

const DESCRIPTION: &str = include_str!("openapi.json");

pub(super) async fn description() -> Response {
    body::json(StatusCode::OK, DESCRIPTION)
}
