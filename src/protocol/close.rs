//! The reason text of a WebSocket close frame, which may carry how long to stay away.

use std::time::Duration;

use bytes::Bytes;

use super::raw::{MapWriter, Raw, Scalar};
use super::{Encoding, MAX_DEPTH};

/// Why a connection was closed, for people, and how long a client should at least wait before it comes back.
///
/// On the wire it is plain text, or where there is a wait the JSON map `{"reason":"…","retry_after":1500}` in
/// milliseconds. RFC 6455, section 5.5.1, leaves 123 bytes for either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseReason {
    /// What happened, for people.
    pub reason: String,
    /// How long to wait at least.
    pub retry_after: Option<Duration>,
}

impl CloseReason {
    /// Reads the text of a close frame. Text that is not such a map is the reason itself, so this never fails.
    pub fn parse(text: &str) -> Self {
        let mut parsed = Self::default();
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let read = Raw::whole(Encoding::Json, &bytes).entries(MAX_DEPTH, &mut |key, value| match key {
            "reason" => parsed.reason = value.str().map(Into::into).unwrap_or_default(),
            "retry_after" => parsed.retry_after = value.uint().map(Duration::from_millis),
            _ => {}
        });
        match read {
            Ok(()) => parsed,
            Err(_) => Self { reason: text.into(), retry_after: None },
        }
    }

    /// Writes the text of a close frame.
    pub fn to_text(&self) -> String {
        let Some(wait) = self.retry_after else { return self.reason.clone() };
        let mut writer = MapWriter::new(Encoding::Json);
        writer.put("reason", Scalar::Str(&self.reason));
        writer.put("retry_after", Scalar::Uint(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
        String::from_utf8_lossy(&writer.finish()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_travels_as_json_and_plain_text_stays_plain() {
        let draining = CloseReason { reason: "shutdown".into(), retry_after: Some(Duration::from_millis(1500)) };
        assert_eq!(draining.to_text(), r#"{"reason":"shutdown","retry_after":1500}"#);
        for reason in [draining, CloseReason { reason: "bye".into(), retry_after: None }, CloseReason::default()] {
            assert_eq!(CloseReason::parse(&reason.to_text()), reason);
        }
    }

    #[test]
    fn anything_else_is_the_reason_itself() {
        for text in ["", "{", "[1]", "{\"reason\":", "due to ümlaut"] {
            assert_eq!(CloseReason::parse(text), CloseReason { reason: text.into(), retry_after: None });
        }
        let odd = CloseReason::parse(r#"{"reason":7,"retry_after":-1,"more":{}}"#);
        assert_eq!(odd, CloseReason::default());
    }
}
