//! Bodies of requests and answers: JSON or MessagePack, bounded in bytes and in time.
//!
//! A browser may post across sites without asking, but not with these content types: that is why one is required.
//!
//! Everything here answers in JSON. A client that would rather have MessagePack gets the answer rewritten on its way out.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::timeout;

use super::Failure;
use crate::protocol::{Encoding, ErrorCode, Message};

/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const MSGPACK: HeaderValue = HeaderValue::from_static("application/msgpack");

/// How the body is written, by its content type.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Failure> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known(value.split(';').next().unwrap_or_default()).ok_or_else(|| {
        let reason = "the content-type must be application/json or application/msgpack";
        Failure::new(ErrorCode::BAD_REQUEST, reason).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    })
}

/// The whole body, a map of at most so many bytes.
pub(super) async fn read(body: Body, encoding: Encoding, limit: usize) -> Result<Message, Failure> {
    let bytes = match timeout(BODY_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let reason = format!("the body could not be read, or has more than {limit} bytes");
            return Err(Failure::new(ErrorCode::MESSAGE_TOO_LARGE, reason));
        }
        Err(_) => {
            let reason = format!("the body did not come within {BODY_TIMEOUT:?}");
            return Err(Failure::new(ErrorCode::BAD_REQUEST, reason).with_status(StatusCode::REQUEST_TIMEOUT));
        }
    };
    Message::from_bytes(encoding, bytes).map_err(|e| Failure::new(ErrorCode::BAD_REQUEST, e.to_string()))
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Answers in MessagePack where the client prefers that, and the answer would be JSON.
pub(super) async fn translate(request: Request, next: Next) -> Response {
    let wants = prefers_msgpack(request.headers());
    let mut response = next.run(request).await;
    if response.headers().get(CONTENT_TYPE) != Some(&JSON) {
        return response;
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    if !wants {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let packed = match Message::from_json(bytes.clone()) {
        Ok(answer) => {
            parts.headers.insert(CONTENT_TYPE, MSGPACK);
            answer.msgpack().clone()
        }
        Err(_) => bytes,
    };
    Response::from_parts(parts, packed.into())
}

fn known(essence: &str) -> Option<Encoding> {
    const NAMES: [(&str, Encoding); 4] = [
        ("application/json", Encoding::Json),
        ("application/msgpack", Encoding::Msgpack),
        ("application/x-msgpack", Encoding::Msgpack),
        ("application/vnd.msgpack", Encoding::Msgpack),
    ];
    NAMES.iter().find(|(name, _)| essence.trim().eq_ignore_ascii_case(name)).map(|(_, encoding)| *encoding)
}

/// Whether MessagePack is named with a higher weight than JSON is (RFC 9110, section 12.5.1). Who accepts anything gets
/// JSON.
fn prefers_msgpack(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let (mut json, mut msgpack) = (0.0, 0.0);
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';');
        let place = match known(parts.next().unwrap_or_default()) {
            Some(Encoding::Json) => &mut json,
            Some(Encoding::Msgpack) => &mut msgpack,
            None => continue,
        };
        let weight = parts.find_map(|parameter| parameter.trim().strip_prefix("q=")?.parse().ok());
        *place = f32::max(*place, weight.unwrap_or(1.0));
    }
    msgpack > json
}

/// What an answer holds, as JSON text.
pub(super) fn text(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).expect("answers are structs with text keys").into()
}
