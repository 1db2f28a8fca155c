//! Refusals over HTTP: the protocol's error codes, each with its status.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::body;
use crate::gateway::auth::Denied;
use crate::protocol::ErrorCode;

/// A request failed, in the words of the protocol's error frame.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    code: ErrorCode,
    reason: String,
    retry_after: Option<Duration>,
}

/// What a client reads of a failure.
#[derive(Debug, Serialize)]
pub(super) struct FailureBody<'a> {
    code: u16,
    name: &'static str,
    reason: &'a str,
}

impl Failure {
    /// A failure with the status that its code has by default.
    pub(crate) fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        let status = match code {
            ErrorCode::UNAUTHORIZED | ErrorCode::TOKEN_EXPIRED => StatusCode::UNAUTHORIZED,
            ErrorCode::PERMISSION_DENIED | ErrorCode::RESERVED_TYPE => StatusCode::FORBIDDEN,
            ErrorCode::CHANNEL_FULL | ErrorCode::NOT_AVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::MESSAGE_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::INVALID_NAME | ErrorCode::BAD_REQUEST | ErrorCode::LIMIT_EXCEEDED => StatusCode::BAD_REQUEST,
            ErrorCode::TOO_MANY_REQUESTS => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, code, reason: reason.into(), retry_after: None }
    }

    #[must_use]
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Says when to ask again.
    #[must_use]
    pub(crate) fn with_retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    pub(super) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(super) fn body(&self) -> FailureBody<'_> {
        FailureBody { code: self.code.0, name: self.code.name(), reason: &self.reason }
    }
}

impl From<(ErrorCode, String)> for Failure {
    fn from((code, reason): (ErrorCode, String)) -> Self {
        Self::new(code, reason)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        denied.into_error().into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = body::json(self.status, body::text(&self.body()));
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(time) = self.retry_after {
            // In whole seconds, and never before the time.
            headers.insert(RETRY_AFTER, HeaderValue::from(time.as_secs() + u64::from(time.subsec_nanos() > 0)));
        }
        // For the counter of refusals, which stands around all routes.
        response.extensions_mut().insert(self.code);
        response
    }
}
