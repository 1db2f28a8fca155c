//! Bodies of requests: of the one content type that is taken, bounded in bytes and in time.
//!
//! A browser may post across sites without asking, but not with `content-type: application/json`: that is why it is
//! required.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use tokio::time::timeout;

use super::Failure;
use crate::protocol::ErrorCode;

/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Refuses a body that is not JSON by its content type.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Failure> {
    if is_json(headers) {
        return Ok(());
    }
    let reason = "the content-type must be application/json".into();
    Err(Failure { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, code: ErrorCode::BAD_REQUEST, reason })
}

/// The whole body, of at most so many bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Failure> {
    match timeout(BODY_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let reason = format!("the body could not be read, or has more than {limit} bytes");
            Err(Failure::new(ErrorCode::MESSAGE_TOO_LARGE, reason))
        }
        Err(_) => {
            let reason = format!("the body did not come within {BODY_TIMEOUT:?}");
            Err(Failure { status: StatusCode::REQUEST_TIMEOUT, code: ErrorCode::BAD_REQUEST, reason })
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
