//! What a client can be told.

use std::time::Duration;

use super::platform::TokenProvider;
use super::session::{SessionConfig, Token};
use crate::protocol::Encoding;

/// Settings of a [`Client`](super::Client).
///
/// ```
/// use std::time::Duration;
/// use channel_layers::client::ClientConfig;
///
/// let config = ClientConfig::default().with_timeout(Duration::from_secs(30)).with_client("reports/1.4");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    pub(super) session: SessionConfig,
    pub(super) provider: Option<TokenProvider>,
    pub(super) inbox_messages: usize,
    pub(super) inbox_bytes: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        let session = SessionConfig { encoding: Encoding::Msgpack, ..SessionConfig::default() };
        Self { session, provider: None, inbox_messages: 1_000, inbox_bytes: 4 << 20 }
    }
}

impl ClientConfig {
    /// How long a request may take, from the call to the answer, a wait for a connection included. Default: 5 s.
    /// Shorter tells earlier about an outage; longer lets a request outlive one.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.session.timeout = timeout;
        self
    }

    /// How many requests and how many bytes of them may wait for a connection. Default: 1,000 and 1 MiB. What does not
    /// fit is refused at once with [`ErrorKind::QueueFull`](crate::ErrorKind::QueueFull).
    #[must_use]
    pub fn with_queue(mut self, messages: usize, bytes: usize) -> Self {
        self.session.queue_messages = messages;
        self.session.queue_bytes = bytes;
        self
    }

    /// How many requests may wait for their answers; more are queued. Default: 256. Fewer slow down a sender that is
    /// far from the gateway, more let it use more memory.
    #[must_use]
    pub fn with_in_flight(mut self, requests: usize) -> Self {
        self.session.in_flight = requests;
        self
    }

    /// How many messages and how many bytes of them wait to be received, for each group and the own channel. Default:
    /// 1,000 and 4 MiB. Where one does not fit the oldest are dropped, and the next `recv` says how many.
    #[must_use]
    pub fn with_inbox(mut self, messages: usize, bytes: usize) -> Self {
        self.inbox_messages = messages.max(1);
        self.inbox_bytes = bytes;
        self
    }

    /// How frames are written. Default: MessagePack, which a Rust program reads and writes faster than JSON and which
    /// Django's layers keep messages in. JSON can be read on the network.
    #[must_use]
    pub fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.session.encoding = encoding;
        self
    }

    /// Proves with this token who the client is, on every connection. Default: no token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.session.token = Token::Static(token.into());
        self.provider = None;
        self
    }

    /// Asks for a token when one is needed: before the first connection, shortly before the token ends, and after the
    /// gateway has refused one. Default: no token.
    #[must_use]
    pub fn with_token_provider(mut self, provider: TokenProvider) -> Self {
        self.session.token = Token::Provider;
        self.provider = Some(provider);
        self
    }

    /// Name and version of the program, for the gateway's log. Default: none.
    #[must_use]
    pub fn with_client(mut self, client: impl Into<String>) -> Self {
        self.session.client = Some(client.into());
        self
    }
}

/// Without the token: settings end up in logs.
impl std::fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { session, inbox_messages, inbox_bytes, .. } = self;
        f.debug_struct("ClientConfig")
            .field("timeout", &session.timeout)
            .field("queue", &(session.queue_messages, session.queue_bytes))
            .field("in_flight", &session.in_flight)
            .field("inbox", &(inbox_messages, inbox_bytes))
            .field("encoding", &session.encoding)
            .finish_non_exhaustive()
    }
}
