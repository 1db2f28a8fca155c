//! Refusals over HTTP: the protocol's error codes, each with its status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::gateway::auth::Denied;
use crate::gateway::operation::explain;
use crate::protocol::ErrorCode;

/// A request failed, in the words of the protocol's error frame.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) status: StatusCode,
    pub(super) code: ErrorCode,
    pub(super) reason: String,
}

#[derive(Serialize)]
struct FailureBody<'a> {
    code: u16,
    name: &'a str,
    reason: &'a str,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        let status = match code {
            ErrorCode::UNAUTHORIZED | ErrorCode::TOKEN_EXPIRED => StatusCode::UNAUTHORIZED,
            ErrorCode::PERMISSION_DENIED | ErrorCode::RESERVED_TYPE => StatusCode::FORBIDDEN,
            ErrorCode::CHANNEL_FULL | ErrorCode::NOT_AVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::MESSAGE_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::INVALID_NAME | ErrorCode::BAD_REQUEST => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, code, reason: reason.into() }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let (code, reason) = denied.into_error();
        Self::new(code, reason)
    }
}

/// What the layer refused.
impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Self {
        let (code, reason) = explain(&error);
        Self::new(code, reason)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = FailureBody { code: self.code.0, name: self.code.name(), reason: &self.reason };
        (self.status, Json(body)).into_response()
    }
}
