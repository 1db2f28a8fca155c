//! What a backend's answer means. Whatever is not clearly a yes is a no.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;

use super::super::claims::{Claims, read_map};
use super::super::{Denied, Identity};
use super::cache::Decided;

/// What is read beside the grants.
#[derive(Deserialize)]
struct Beside {
    user: Option<String>,
    denied: Option<String>,
    token: Option<String>,
    expires_in: Option<f64>,
    cache: Option<f64>,
}

/// A decision, and how long it counts where the answer says so.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) decided: Decided,
    pub(super) cache: Option<Duration>,
}

/// Reads an answer: 200 with a JSON map, 401 or 403.
///
/// # Errors
///
/// With what is wrong, for the log, where it is no decision.
pub(super) fn read(response: &Response<Bytes>) -> Result<Answer, String> {
    let no = |denied| Ok(Answer { decided: Err(denied), cache: None });
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return no(Denied::Unauthorized("log in first".into())),
        StatusCode::FORBIDDEN => return no(Denied::Forbidden("this is not for you".into())),
        status => return Err(format!("it answered {status}; 200, 401 and 403 are decisions")),
    }
    // The place alone: the library's own text quotes what stands there, which may be about a user.
    let wrong = |e: serde_json::Error| {
        format!(
            "its answer cannot be used: what stands at line {}, column {} does not belong there",
            e.line(),
            e.column()
        )
    };
    let beside: Beside = read_map(response.body()).map_err(wrong)?;
    let time = |name: &str, seconds: Option<f64>| match seconds.map(Duration::try_from_secs_f64) {
        None => Ok(None),
        Some(Ok(time)) => Ok(Some(time)),
        Some(Err(_)) => Err(format!("its answer cannot be used: {name:?} is a number of seconds, 0 or more")),
    };
    let cache = time("cache", beside.cache)?;
    if let Some(reason) = beside.denied {
        return Ok(Answer { decided: Err(Denied::Forbidden(reason)), cache });
    }
    let claims: Claims = read_map(response.body()).map_err(wrong)?;
    let identity = claims.into_identity(beside.user).map_err(|e| format!("its answer cannot be used: {e}"))?;
    let expires = time("expires_in", beside.expires_in)?;
    Ok(Answer { decided: Ok(Identity { expires, token: beside.token, ..identity }), cache })
}

#[cfg(test)]
mod tests;
