//! Why something is not allowed, and the codes that say so to a client.

use std::fmt;

use crate::protocol::{CloseCode, ErrorCode};

/// Why something is not allowed. The text reaches the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// Nobody is known, or the token is not valid: close code 4502, error code 101.
    Unauthorized(String),
    /// The user is known and may not: close code 4503, error code 103.
    Forbidden(String),
    /// The token was valid once: close code 4002, error code 107.
    Expired(String),
    /// It cannot be decided now; the client may try again: close code 4001, error code 113.
    Unavailable(String),
}

impl Denied {
    /// The code of the error frame, and the text.
    pub(crate) fn into_error(self) -> (ErrorCode, String) {
        match self {
            Denied::Unauthorized(reason) => (ErrorCode::UNAUTHORIZED, reason),
            Denied::Forbidden(reason) => (ErrorCode::PERMISSION_DENIED, reason),
            Denied::Expired(reason) => (ErrorCode::TOKEN_EXPIRED, reason),
            Denied::Unavailable(reason) => (ErrorCode::NOT_AVAILABLE, reason),
        }
    }

    /// The close code of a connection that may not be, and the text.
    pub(crate) fn into_close(self) -> (CloseCode, String) {
        match self {
            Denied::Unauthorized(reason) => (CloseCode::INVALID_TOKEN, reason),
            Denied::Forbidden(reason) => (CloseCode::PERMISSION_DENIED, reason),
            Denied::Expired(reason) => (CloseCode::TOKEN_EXPIRED, reason),
            Denied::Unavailable(reason) => (CloseCode::INTERNAL, reason),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Unauthorized(reason)
            | Denied::Forbidden(reason)
            | Denied::Expired(reason)
            | Denied::Unavailable(reason) => f.write_str(reason),
        }
    }
}
