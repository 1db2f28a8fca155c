//! An answer that succeeded, in a form that can be kept and given again.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::body;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    /// JSON.
    body: Bytes,
    /// Whether something was done, which must not be done twice.
    pub(super) done: bool,
    /// Whether it was given before.
    replayed: bool,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, body: &impl Serialize, done: bool) -> Self {
        Self { status, body: body::text(body), done, replayed: false }
    }

    /// The same answer, to the same request again.
    pub(super) fn again(&self) -> Self {
        Self { replayed: true, ..self.clone() }
    }

    /// How many bytes it takes to keep.
    pub(super) fn size(&self) -> usize {
        self.body.len()
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = body::json(self.status, self.body);
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
