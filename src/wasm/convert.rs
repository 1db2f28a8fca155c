//! Between JavaScript's values and ours: errors out, options and names in.

use std::time::Duration;

use wasm_bindgen::prelude::*;

use crate::client::session::{Failure, SessionConfig, Token};
use crate::protocol::{CloseCode, ErrorCode, GroupCode, LocalCode};
use crate::{Error, ErrorKind};

/// The number and the name under which JavaScript knows a failure.
pub(super) fn code(kind: ErrorKind) -> (u16, &'static str) {
    let local = match kind {
        ErrorKind::Refused(code) => return (code.0, code.name()),
        ErrorKind::Timeout => LocalCode::TIMEOUT,
        ErrorKind::Disconnected => LocalCode::DISCONNECTED,
        ErrorKind::QueueFull => LocalCode::QUEUE_FULL,
        ErrorKind::InvalidName => LocalCode::INVALID_NAME,
        ErrorKind::InvalidMessage => LocalCode::INVALID_MESSAGE,
        ErrorKind::MessageTooLarge => LocalCode::MESSAGE_TOO_LARGE,
        ErrorKind::Config => LocalCode::CONFIG,
        ErrorKind::Terminated(_) => LocalCode::TERMINATED,
        ErrorKind::Lagged => LocalCode::LAGGED,
        _ => LocalCode::CLOSED,
    };
    (local.0, local.name())
}

/// What is thrown: a plain object of the fields that the facade makes an error of.
pub(super) fn thrown(error: &Error) -> JsValue {
    throw(error.kind(), error.text(), error.is_temporary())
}

/// As [`thrown`].
pub(super) fn failed(failure: &Failure) -> JsValue {
    throw(failure.kind, &failure.reason, failure.temporary)
}

fn throw(kind: ErrorKind, message: &str, temporary: bool) -> JsValue {
    let (code, name) = code(kind);
    let object = js_sys::Object::new();
    let fields = [
        ("code", JsValue::from(code)),
        ("name", name.into()),
        ("message", message.into()),
        ("temporary", temporary.into()),
    ];
    for (key, value) in fields {
        // Setting a field of a plain object cannot fail.
        let _ = js_sys::Reflect::set(&object, &key.into(), &value);
    }
    object.into()
}

/// Reads the options of a client.
///
/// # Errors
///
/// [`ErrorKind::Config`] where one has the wrong type.
pub(super) fn options(options: &JsValue) -> Result<SessionConfig, Error> {
    let mut config = SessionConfig::default();
    if get(options, "token").is_truthy() {
        config.token = Token::Provider;
    }
    if let Some(millis) = whole(options, "timeout_ms")? {
        config.timeout = Duration::from_millis(millis.into());
    }
    if let Some(messages) = whole(options, "queue_messages")? {
        config.queue_messages = messages as usize;
    }
    if let Some(bytes) = whole(options, "queue_bytes")? {
        config.queue_bytes = bytes as usize;
    }
    config.client = get(options, "client").as_string();
    Ok(config)
}

/// A whole number that may be absent. Larger ones than fit are the largest.
fn whole(options: &JsValue, name: &'static str) -> Result<Option<u32>, Error> {
    let value = get(options, name);
    match value.as_f64() {
        None if value.is_undefined() => Ok(None),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        Some(number) if number >= 0.0 => Ok(Some(number as u32)),
        _ => Err(Error::new(ErrorKind::Config, [name, " must be a number of at least zero"].concat())),
    }
}

fn get(object: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(object, &name.into()).unwrap_or_default()
}

/// What a rejected `token()` says: an error named `Unauthorized` ends the client, any other is tried again.
pub(super) fn token_error(error: &JsValue) -> Error {
    let text = |name| get(error, name).as_string().unwrap_or_default();
    let kind = match &*text("name") {
        "Unauthorized" => ErrorKind::Refused(ErrorCode::UNAUTHORIZED),
        _ => ErrorKind::Io,
    };
    Error::new(kind, text("message"))
}

/// The name of a code of any kind, or `unknown`. The kinds share no number.
pub(super) fn name(code: u16) -> &'static str {
    match code {
        0..100 => LocalCode(code).name(),
        100..1000 => ErrorCode(code).name(),
        2000..3000 => GroupCode(code).name(),
        _ => CloseCode(code).name(),
    }
}
