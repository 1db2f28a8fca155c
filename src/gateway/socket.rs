//! One WebSocket after its handshake: the only file that knows how RFC 6455 is spoken and by which library.
//!
//! Everything is poll-based and driven by one task, so the stream's wake-ups need no relay. Buffers are small on
//! purpose (see [`READ_BUFFER`]): they are most of what an idle connection costs.
//!
//! A close runs in two steps. [`Socket::close`] queues our close frame; [`Socket::poll_closed`] sends it, waits for the
//! peer's, ends the stream and reads what still comes, because closing a TCP stream with unread bytes resets it, and
//! a reset can overtake the close frame. Waiting is bounded by the caller's deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::session::FrameKind;
use crate::protocol::CloseCode;

/// Allocated per connection for as long as it lives. Half of it saves 2 KB and costs a second read for frames above it.
const READ_BUFFER: usize = 4 * 1024;

/// When this much is queued it is written without waiting for the flush. Grows on demand, so idle it costs nothing.
const WRITE_BUFFER: usize = 16 * 1024;

/// The longest reason of a close frame (RFC 6455, section 5.5: 125 bytes with the code).
const MAX_REASON: usize = 123;

/// A WebSocket on the server's side.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    context: WebSocketContext,
    /// Something was queued since the last complete flush.
    dirty: bool,
    /// The last read found nothing, so nothing that came in is left in the buffer.
    starved: bool,
    closing: Closing,
}

/// How far the close has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Closing {
    /// Our close frame goes out, or the peer's comes in.
    Handshake,
    /// The peer's bytes cannot be read as frames, or no more come: our side of the stream ends.
    Ending,
    /// What still comes is thrown away.
    Draining,
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A whole message.
    Frame(FrameKind, Bytes),
    /// A ping, answered already, or a pong.
    Control,
    /// The peer broke a rule; no more can be read.
    Violation(CloseCode, &'static str),
    /// The peer closed, or is gone.
    Closed,
}

/// The peer is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// The stream below: TCP where it could be had, whatever the HTTP server was given where not.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Other(TokioIo<Upgraded>),
}

impl Socket {
    /// Takes over a stream after its handshake, with what was read of it beyond that.
    pub(crate) fn new(stream: Stream, read: Vec<u8>, frame_limit: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(frame_limit))
            .max_frame_size(Some(frame_limit));
        let context = WebSocketContext::from_partially_read(read, Role::Server, Some(config));
        Self { stream, context, dirty: false, starved: false, closing: Closing::Handshake }
    }

    /// Waits for the next message. After anything but a frame or a control frame, no more can be read.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        // Every wake-up asks here, mostly in vain: a look at the readiness is cheaper than preparing a read.
        if self.starved && self.stream.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        self.starved = false;
        let mut io = Io { stream: &mut self.stream, cx };
        Poll::Ready(match self.context.read(&mut io) {
            Ok(Message::Text(text)) => Incoming::Frame(FrameKind::Text, text.into()),
            Ok(Message::Binary(bytes)) => Incoming::Frame(FrameKind::Binary, bytes),
            Ok(Message::Ping(_) | Message::Pong(_)) => {
                self.dirty = true;
                Incoming::Control
            }
            Ok(Message::Close(_) | Message::Frame(_)) => {
                self.dirty = true;
                Incoming::Closed
            }
            Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                self.starved = true;
                return Poll::Pending;
            }
            Err(e) => {
                self.closing = Closing::Ending;
                violation(&e)
            }
        })
    }

    /// Queues a message, and writes some of what is queued if that is much.
    pub(crate) fn feed(&mut self, cx: &mut Context<'_>, kind: FrameKind, payload: Bytes) -> Result<(), Gone> {
        let data = match kind {
            FrameKind::Text => Data::Text,
            FrameKind::Binary => Data::Binary,
        };
        let frame = Frame::message(payload, OpCode::Data(data), true);
        self.dirty = true;
        let mut io = Io { stream: &mut self.stream, cx };
        blocked_is_fine(self.context.write(&mut io, Message::Frame(frame)))
    }

    /// Writes what is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if !self.dirty {
            return Poll::Ready(Ok(()));
        }
        let mut io = Io { stream: &mut self.stream, cx };
        match self.context.flush(&mut io) {
            Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => Poll::Pending,
            Ok(()) | Err(Error::ConnectionClosed) => {
                self.dirty = false;
                Poll::Ready(Ok(()))
            }
            Err(_) => Poll::Ready(Err(Gone)),
        }
    }

    /// Queues our close frame behind everything else. Continue with [`poll_closed`](Self::poll_closed).
    pub(crate) fn close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Result<(), Gone> {
        let frame = CloseFrame { code: code.0.into(), reason: shorten(reason).into() };
        self.dirty = true;
        let mut io = Io { stream: &mut self.stream, cx };
        blocked_is_fine(self.context.close(&mut io, Some(frame)))
    }

    /// Ends the connection: ready when the peer has our close frame and has answered, or is gone.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.closing {
                Closing::Handshake => {
                    if matches!(self.poll_flush(cx), Poll::Ready(Err(Gone))) {
                        return Poll::Ready(());
                    }
                    match ready!(self.poll_read(cx)) {
                        Incoming::Frame(..) | Incoming::Control => {}
                        Incoming::Closed | Incoming::Violation(..) => self.closing = Closing::Ending,
                    }
                }
                Closing::Ending => {
                    let flushed = ready!(self.poll_flush(cx)).is_ok();
                    if !flushed || ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_err() {
                        return Poll::Ready(());
                    }
                    self.closing = Closing::Draining;
                }
                Closing::Draining => return self.poll_drained(cx),
            }
        }
    }

    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scrap = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut scrap);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl Stream {
    /// Ready when a read may find something, where that can be known without reading.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Stream::Tcp(stream) => stream.poll_read_ready(cx).map(|_| ()),
            Stream::Other(_) => Poll::Ready(()),
        }
    }
}

/// As much of a close frame's reason as fits.
fn shorten(reason: &str) -> &str {
    let end = (0..=reason.len().min(MAX_REASON)).rev().find(|&end| reason.is_char_boundary(end));
    &reason[..end.unwrap_or_default()]
}

/// What a failed read says of the peer.
fn violation(error: &Error) -> Incoming {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            Incoming::Violation(CloseCode::FRAME_TOO_LARGE, "the frame is larger than limits.frame")
        }
        Error::Utf8(_) => Incoming::Violation(CloseCode::INVALID_PAYLOAD, "text that is not UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Incoming::Closed,
        Error::Protocol(_) => Incoming::Violation(CloseCode::PROTOCOL_ERROR, "RFC 6455 was broken"),
        _ => Incoming::Closed,
    }
}

/// A frame that was queued counts as sent: the rest is for the next flush.
fn blocked_is_fine(result: Result<(), Error>) -> Result<(), Gone> {
    match result {
        Ok(()) => Ok(()),
        Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(_) => Err(Gone),
    }
}

/// The stream as the library wants to see it: blocking calls that say `WouldBlock` after registering for a wake-up.
struct Io<'a, 'b> {
    stream: &'a mut Stream,
    cx: &'a mut Context<'b>,
}

fn would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

impl Read for Io<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        would_block(Pin::new(&mut *self.stream).poll_read(self.cx, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl Write for Io<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        would_block(Pin::new(&mut *self.stream).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        would_block(Pin::new(&mut *self.stream).poll_flush(self.cx))
    }
}

/// Calls the same method of whichever stream it is.
macro_rules! on_stream {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Other(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_shutdown(cx))
    }
}
