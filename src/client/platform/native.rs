//! The client on a server or a desktop: tokio and tokio-tungstenite.

#[cfg(not(feature = "tls"))]
mod plain;
#[cfg(feature = "tls")]
mod secure;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

#[cfg(not(feature = "tls"))]
use plain::{TLS, connect};
#[cfg(feature = "tls")]
use secure::{TLS, connect};

use super::{MAX_UNSENT, SocketEvent};
use crate::protocol::Encoding;
use crate::{Error, ErrorKind, Result};

/// The library's default of 128 KiB is for few connections; a program may hold thousands of clients.
const BUFFER: usize = 8 << 10;

/// The largest message that is taken from a gateway. A layer's messages have at most 1 MiB by default; the answer to a
/// join carries several.
const MAX_MESSAGE: usize = 16 << 20;

/// How long a gateway has for its half of the closing handshake.
const CLOSING: Duration = Duration::from_secs(2);

/// RFC 6455's code for a connection that ended without a close frame.
const ABNORMAL: u16 = 1006;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(crate) struct Socket {
    state: State,
    encoding: Encoding,
    unsent: VecDeque<WsMessage>,
    unsent_bytes: usize,
    /// Runs once this side has begun to close.
    closing: Option<Sleep>,
}

enum State {
    Opening(Boxed<Result<Stream, WsError>>),
    Open(Box<Stream>),
    Closed,
}

impl Socket {
    pub(crate) fn open(url: &str, encoding: Encoding) -> Self {
        let url = url.to_owned();
        let opening = async move {
            let mut request = url.into_client_request()?;
            let protocol = HeaderValue::from_static(encoding.subprotocol());
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
            let config = WebSocketConfig::default()
                .read_buffer_size(BUFFER)
                .write_buffer_size(BUFFER)
                .max_message_size(Some(MAX_MESSAGE))
                .max_frame_size(Some(MAX_MESSAGE));
            connect(request, config).await
        };
        let state = State::Opening(Box::pin(opening));
        Self { state, encoding, unsent: VecDeque::new(), unsent_bytes: 0, closing: None }
    }

    pub(crate) fn send(&mut self, frame: &Bytes) {
        self.unsent_bytes += frame.len();
        self.unsent.push_back(match self.encoding {
            Encoding::Json => {
                WsMessage::Text(Utf8Bytes::try_from(frame.clone()).expect("JSON that this crate has written is UTF-8"))
            }
            Encoding::Msgpack => WsMessage::Binary(frame.clone()),
        });
    }

    pub(crate) fn close(&mut self, code: u16, reason: &'static str) {
        if matches!(self.state, State::Opening(_)) {
            self.state = State::Closed;
        }
        self.unsent.push_back(WsMessage::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })));
        self.closing = Some(sleep(CLOSING));
    }

    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        if self.closing.as_mut().is_some_and(|closing| Pin::new(closing).poll(cx).is_ready()) {
            return self.end(ABNORMAL, "the gateway did not finish the closing handshake".into());
        }
        loop {
            match &mut self.state {
                State::Closed => return self.end(ABNORMAL, String::new()),
                State::Opening(opening) => match opening.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(stream)) => {
                        self.state = State::Open(Box::new(stream));
                        return Poll::Ready(SocketEvent::Opened);
                    }
                    Poll::Ready(Err(error)) => return self.end(ABNORMAL, error.to_string()),
                },
                State::Open(_) if self.unsent_bytes > MAX_UNSENT => {
                    return self.end(ABNORMAL, "the gateway does not read".into());
                }
                State::Open(stream) => {
                    // A failed write shows when reading: what came before it still counts.
                    let _ = write(stream, &mut self.unsent, &mut self.unsent_bytes, cx);
                    match stream.poll_next_unpin(cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Some(Ok(WsMessage::Text(text)))) => {
                            return Poll::Ready(SocketEvent::Frame(text.into()));
                        }
                        Poll::Ready(Some(Ok(WsMessage::Binary(bytes)))) => {
                            return Poll::Ready(SocketEvent::Frame(bytes));
                        }
                        Poll::Ready(Some(Ok(WsMessage::Close(frame)))) => {
                            // Our half of the handshake is in the buffer by now.
                            let _ = stream.poll_flush_unpin(cx);
                            let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                                (frame.code.into(), frame.reason.as_str().to_owned())
                            });
                            return self.end(code, reason);
                        }
                        // Pings are answered by the library, with the next flush.
                        Poll::Ready(Some(Ok(_))) => {}
                        Poll::Ready(Some(Err(error))) => return self.end(ABNORMAL, error.to_string()),
                        Poll::Ready(None) => return self.end(ABNORMAL, "the connection was lost".into()),
                    }
                }
            }
        }
    }

    fn end(&mut self, code: u16, reason: String) -> Poll<SocketEvent> {
        self.state = State::Closed;
        Poll::Ready(SocketEvent::Closed { code, reason })
    }
}

/// Writes as much as the network takes, in few system calls.
fn write(
    stream: &mut Stream,
    unsent: &mut VecDeque<WsMessage>,
    bytes: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<Result<(), WsError>> {
    while !unsent.is_empty() && stream.poll_ready_unpin(cx)?.is_ready() {
        if let Some(message) = unsent.pop_front() {
            *bytes -= if message.is_close() { 0 } else { message.len() };
            stream.start_send_unpin(message)?;
        }
    }
    stream.poll_flush_unpin(cx)
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("unsent_bytes", &self.unsent_bytes).finish_non_exhaustive()
    }
}

pub(crate) type Sleep = Pin<Box<tokio::time::Sleep>>;

pub(crate) fn sleep(time: Duration) -> Sleep {
    Box::pin(tokio::time::sleep(time))
}

/// tokio's clock, so that a paused one pauses clients too.
#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&mut self) -> Duration {
        self.0.elapsed()
    }
}

/// A server's network does not come and go, and it does not sleep.
#[derive(Debug)]
pub(crate) struct Hints;

impl Hints {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn poll_hint(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
        Error::new(ErrorKind::Config, "a client needs a tokio runtime: connect from inside one").with_source(error)
    })?;
    runtime.spawn(future);
    Ok(())
}

pub(crate) fn random() -> u64 {
    fastrand::u64(..)
}

pub(crate) fn check(url: &str) -> Result<()> {
    if url.starts_with("wss:") && !TLS {
        let text = "this build has no TLS: build it with the feature `tls`, or connect with ws:// inside your network";
        return Err(Error::new(ErrorKind::Config, text));
    }
    Ok(())
}

pub(crate) type TokenFuture = Boxed<Result<String>>;

/// Asks the application for a token, each time that one is needed. On servers the function and its future must be
/// `Send`, in browsers they need not be.
#[derive(Clone)]
pub struct TokenProvider(Arc<dyn Fn() -> TokenFuture + Send + Sync>);

impl TokenProvider {
    /// Asks with this function. An error of the kind [`ErrorKind::Refused`] with
    /// [`ErrorCode::UNAUTHORIZED`](crate::protocol::ErrorCode::UNAUTHORIZED) ends the client; after any other one it
    /// is called again later.
    pub fn new<F, T>(ask: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(ask())))
    }

    pub(crate) fn ask(&self) -> TokenFuture {
        (self.0)()
    }
}

/// What the contract promises for this platform: handles, and the futures made of them, may move between threads.
#[expect(dead_code, reason = "compiling it is the check")]
fn may_move_between_threads(client: &super::super::Client, group: &super::super::Group) {
    fn shared<T: Send + Sync>(_: &T) {}
    fn sent<T: Send>(_: T) {}
    shared(client);
    shared(group);
    sent(client.ready());
    sent(client.join(""));
    sent(client.recv());
    sent(client.close());
    sent(group.joined());
    sent(group.recv());
    sent(client.states());
}
