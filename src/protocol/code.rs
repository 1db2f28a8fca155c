//! The protocol's numbers, and what each asks of a client.
//!
//! The ranges carry the rule, so a client acts rightly on a code that it does not know. [`action`] is the only place
//! that decides; nothing else in the crate asks whether to reconnect.

use std::fmt;

/// What a code asks of the client that got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Connect again, or ask again, after a backoff.
    Retry,
    /// Stop: the same would fail again.
    Terminal,
    /// Add the group again on the same connection.
    Resubscribe,
}

/// What a close code (4000–4999, RFC 6455 codes below 3000), a group code (2000–2999), an error code (100–199) or a
/// local code (below 100) asks of a client.
///
/// Error codes are disjoint from close codes: RFC 6455 reserves everything below 1000, so one function serves all.
/// For an error code that is not known here the frame's own `temporary` field decides.
pub const fn action(code: u16) -> Action {
    match code {
        0..=999 => {
            if ErrorCode(code).is_temporary() || LocalCode(code).is_temporary() {
                Action::Retry
            } else {
                Action::Terminal
            }
        }
        2000..=2499 | 4500..=4999 => Action::Terminal,
        2500..=2999 => Action::Resubscribe,
        _ => Action::Retry,
    }
}

const fn name_in(names: &[(u16, &'static str)], code: u16) -> &'static str {
    match names {
        [] => "unknown",
        [(known, name), rest @ ..] => {
            if *known == code {
                name
            } else {
                name_in(rest, code)
            }
        }
    }
}

/// Makes a code type: the number, constants with their names, and the look-up of a name.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $code:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u16);

        impl $name {
            $($(#[$note])* pub const $code: Self = Self($number);)*

            /// Every code that this version of the protocol defines.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The numbers of all codes and their names.
            const NAMES: &'static [(u16, &'static str)] = &[$(($number, $text)),*];

            /// The code's name in the protocol, or `unknown`.
            pub const fn name(self) -> &'static str {
                name_in(Self::NAMES, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())?;
                f.write_str(" (")?;
                fmt::Display::fmt(&self.0, f)?;
                f.write_str(")")
            }
        }
    };
}

codes! {
    /// Why a request failed. The connection stays.
    ErrorCode {
        /// The gateway failed; trying again can succeed.
        INTERNAL = 100, "internal";
        /// Nobody is known on this connection, and the request needs a user.
        UNAUTHORIZED = 101, "unauthorized";
        /// The group or channel name breaks the naming rules.
        INVALID_NAME = 102, "invalid_name";
        /// The user may not do this.
        PERMISSION_DENIED = 103, "permission_denied";
        /// The gateway does not know the `op`.
        UNKNOWN_OP = 104, "unknown_op";
        /// A limit such as the number of groups is reached.
        LIMIT_EXCEEDED = 105, "limit_exceeded";
        /// A field is missing or of the wrong type.
        BAD_REQUEST = 106, "bad_request";
        /// The token's time is over.
        TOKEN_EXPIRED = 107, "token_expired";
        /// The channel is at its capacity; trying again can succeed.
        CHANNEL_FULL = 108, "channel_full";
        /// The message is larger than the layer takes.
        MESSAGE_TOO_LARGE = 109, "message_too_large";
        /// Too many requests; trying again after `retry_after` can succeed.
        TOO_MANY_REQUESTS = 110, "too_many_requests";
        /// The position to recover from is gone.
        UNRECOVERABLE_POSITION = 111, "unrecoverable_position";
        /// The message's `type` is reserved for the server.
        RESERVED_TYPE = 112, "reserved_type";
        /// Not available at this time; trying again can succeed.
        NOT_AVAILABLE = 113, "not_available";
    }
}

impl ErrorCode {
    /// Whether trying again can succeed.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::INTERNAL | Self::CHANNEL_FULL | Self::TOO_MANY_REQUESTS | Self::NOT_AVAILABLE)
    }
}

codes! {
    /// Why a request failed at the client itself, or an attempt to connect ended. These never travel; they are numbers
    /// so that every failure that a program sees has one.
    LocalCode {
        /// No answer in time; trying again can succeed.
        TIMEOUT = 1, "timeout";
        /// The connection was lost before the answer came, so the outcome is not known.
        DISCONNECTED = 2, "disconnected";
        /// The client's queue is full and the request was not queued; trying again can succeed.
        QUEUE_FULL = 3, "queue_full";
        /// The client was closed, or the group left.
        CLOSED = 4, "closed";
        /// The group or channel name breaks the naming rules.
        INVALID_NAME = 5, "invalid_name";
        /// The message is not a map, or holds a value that has no place in one.
        INVALID_MESSAGE = 6, "invalid_message";
        /// The message makes a frame larger than the gateway takes.
        MESSAGE_TOO_LARGE = 7, "message_too_large";
        /// The address or an option is wrong.
        CONFIG = 8, "config";
        /// The gateway ended the connection or the membership for good.
        TERMINATED = 9, "terminated";
        /// A receiver fell behind its bound; what it had not read by then was dropped.
        LAGGED = 10, "lagged";
    }
}

impl LocalCode {
    /// Whether trying again can succeed.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::TIMEOUT | Self::DISCONNECTED | Self::QUEUE_FULL)
    }
}

codes! {
    /// Why the gateway removed a connection from a group.
    GroupCode {
        /// The server removed the member.
        BY_SERVER = 2000, "by_server";
        /// The permission to be in the group was withdrawn.
        PERMISSION_WITHDRAWN = 2001, "permission_withdrawn";
        /// Messages may be missing.
        INSUFFICIENT_STATE = 2500, "insufficient_state";
        /// The membership ran out.
        EXPIRED = 2501, "expired";
        /// The channel layer lost its server and came back, or was emptied; messages may be missing.
        LAYER_RECONNECTED = 2502, "layer_reconnected";
    }
}

codes! {
    /// Why a WebSocket was closed (RFC 6455, section 7.4).
    CloseCode {
        /// A normal end by either side.
        NORMAL = 1000, "normal";
        /// The other end broke RFC 6455.
        PROTOCOL_ERROR = 1002, "protocol_error";
        /// A text frame was not UTF-8.
        INVALID_PAYLOAD = 1007, "invalid_payload";
        /// The gateway shuts down.
        SHUTDOWN = 4000, "shutdown";
        /// The gateway failed.
        INTERNAL = 4001, "internal";
        /// The token's time is over; connect with a fresh one.
        TOKEN_EXPIRED = 4002, "token_expired";
        /// The client did not read fast enough.
        SLOW_CONSUMER = 4003, "slow_consumer";
        /// The client did not answer a ping.
        NO_PONG = 4004, "no_pong";
        /// The client sent too many requests.
        TOO_MANY_REQUESTS = 4005, "too_many_requests";
        /// Messages may be missing on this connection.
        INSUFFICIENT_STATE = 4006, "insufficient_state";
        /// The server asks for a fresh connection.
        FORCED_RECONNECT = 4007, "forced_reconnect";
        /// The connection reached its greatest age.
        TOO_OLD = 4008, "too_old";
        /// A frame was not a map with an `op`, or came out of turn.
        BAD_FRAME = 4500, "bad_frame";
        /// No `connect` frame in time.
        NO_CONNECT = 4501, "no_connect";
        /// The token is not valid.
        INVALID_TOKEN = 4502, "invalid_token";
        /// The user may not connect.
        PERMISSION_DENIED = 4503, "permission_denied";
        /// Too many connections.
        CONNECTION_LIMIT = 4504, "connection_limit";
        /// The server ended the connection for good.
        BY_SERVER = 4505, "by_server";
        /// None of the offered subprotocols is spoken here.
        UNSUPPORTED_PROTOCOL = 4506, "unsupported_protocol";
        /// A frame was larger than `limits.frame`.
        FRAME_TOO_LARGE = 4507, "frame_too_large";
    }
}
