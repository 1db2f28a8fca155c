//! One WebSocket after its handshake: the stream, what came in of a message that is not whole, and what waits to be
//! written. [`websocket`] knows how frames are made; nothing else in the gateway touches the stream.
//!
//! Reads go into a buffer of the shard's, so an idle socket has none. What is written waits in pieces until the shard
//! flushes: one write for all of them, which TLS makes one record. Only a socket whose peer does not take that keeps a
//! backlog, and is looked at again when there is room.
//!
//! A close runs in two steps. [`Socket::close`] queues our close frame; [`Socket::poll_closed`] sends it, waits for the
//! peer's, ends the stream and reads what still comes, because closing a TCP stream with unread bytes resets it, and
//! a reset can overtake the close frame. Waiting is bounded by the caller's deadline.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::session::FrameKind;
use super::tls::TlsStream;
use super::websocket::{self, Decoder, Event, Violation};
use crate::protocol::CloseCode;
use crate::row::Row;

/// The most bytes that one write takes, and that are copied for it.
const WRITE: usize = 64 * 1024;

/// A WebSocket on the server's side.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    decoder: Decoder,
    /// What was read and is not decoded yet, because nobody wanted more.
    unread: Vec<u8>,
    out: Outgoing,
    blocked: bool,
    /// Our close frame is queued, after which nothing may be.
    closed: bool,
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
    /// A ping, answered already by so many bytes, or a pong.
    Control(usize),
    /// The peer broke a rule; no more can be read.
    Violation(CloseCode, &'static str),
    /// The peer closed, or is gone.
    Closed,
}

/// The peer is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// The stream below: TCP or TLS of our own where it could be had, whatever the HTTP server was given where not.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
    Other(TokioIo<Upgraded>),
}

impl Socket {
    /// Takes over a stream after its handshake, with what was read of it beyond that.
    pub(crate) fn new(stream: Stream, read: Vec<u8>, decoder: Decoder) -> Self {
        let (out, closing) = (Outgoing::default(), Closing::Handshake);
        Self { stream, decoder, unread: read, out, blocked: false, closed: false, closing }
    }

    /// Reads what there is; nothing once the peer is gone.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Option<usize>> {
        if !self.unread.is_empty() {
            let size = self.unread.len().min(buffer.len());
            buffer[..size].copy_from_slice(&self.unread[..size]);
            self.unread.drain(..size);
            if self.unread.is_empty() {
                self.unread = Vec::new();
            }
            return Poll::Ready(Some(size));
        }
        let mut buffer = ReadBuf::new(buffer);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        Poll::Ready(Some(buffer.filled().len()).filter(|&size| read.is_ok() && size > 0))
    }

    /// Keeps what was read and is not wanted now, for the next [`poll_fill`](Self::poll_fill).
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.unread.splice(..0, rest.iter().copied());
        }
    }

    /// Takes what comes first out of what was read: how many bytes that were, and what they made whole. After anything
    /// but a frame or a control frame no more can be read.
    pub(crate) fn decode(&mut self, input: &[u8]) -> (usize, Option<Incoming>) {
        let (used, event) = match self.decoder.decode(input) {
            Ok(decoded) => decoded,
            Err(violation) => {
                self.closing = Closing::Ending;
                return (input.len(), Some(refuse(violation)));
            }
        };
        let incoming = event.map(|event| match event {
            Event::Message(kind, bytes) => Incoming::Frame(kind, bytes),
            Event::Ping(payload) => {
                let pong = websocket::pong(&payload);
                let size = pong.len();
                self.push(pong, 1);
                Incoming::Control(size)
            }
            Event::Pong(_) => Incoming::Control(0),
            Event::Close(code) => {
                self.push(code.map_or_else(websocket::close_without_code, |code| websocket::close(code, "")), 1);
                self.closed = true;
                self.closing = Closing::Ending;
                Incoming::Closed
            }
        });
        (used, incoming)
    }

    /// Queues whole frames, so many of them in one piece. Behind our close frame they are dropped.
    pub(crate) fn push(&mut self, bytes: Bytes, frames: usize) {
        if !self.closed {
            self.out.push(bytes, frames);
        }
    }

    /// Whether something waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.out.bytes > 0 || self.blocked
    }

    /// Whether the peer did not take all of what was last written.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// How many frames and bytes wait to be written.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.out.frames, self.out.bytes)
    }

    /// Writes what waits. `scratch` is where pieces are put together.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, scratch: &mut Vec<u8>) -> Poll<Result<(), Gone>> {
        while self.out.bytes > 0 {
            let piece = self.out.gather(scratch);
            match Pin::new(&mut self.stream).poll_write(cx, piece) {
                Poll::Ready(Ok(written)) if written > 0 => self.out.advance(written),
                Poll::Ready(_) => return Poll::Ready(Err(Gone)),
                Poll::Pending => {
                    self.blocked = true;
                    return Poll::Pending;
                }
            }
        }
        // Until the stream below has passed everything on, as TLS must, it counts as not written.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.blocked = flushed.is_pending();
        flushed.map(|flushed| flushed.map_err(|_| Gone))
    }

    /// Drops what waits, but for what the peer has the beginning of. Returns how many frames.
    pub(crate) fn discard(&mut self) -> usize {
        self.out.discard()
    }

    /// Queues our close frame behind everything else. Continue with [`poll_closed`](Self::poll_closed).
    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        self.push(websocket::close(code.0, reason), 1);
        self.closed = true;
    }

    /// Ends the connection: true when the peer has our close frame and has answered, or is gone; false when a buffer full
    /// was thrown away and there may be more at once, since a peer that goes on sending must not keep others waiting.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>, buffer: &mut [u8], scratch: &mut Vec<u8>) -> Poll<bool> {
        let mut read = 0;
        while read < buffer.len() {
            match self.closing {
                Closing::Handshake => {
                    if matches!(self.poll_flush(cx, scratch), Poll::Ready(Err(Gone))) {
                        return Poll::Ready(true);
                    }
                    match ready!(self.poll_fill(cx, buffer)) {
                        Some(size) => {
                            read += size;
                            self.skip(&buffer[..size]);
                        }
                        None => self.closing = Closing::Ending,
                    }
                }
                Closing::Ending => {
                    let flushed = ready!(self.poll_flush(cx, scratch)).is_ok();
                    if !flushed || ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_err() {
                        return Poll::Ready(true);
                    }
                    self.closing = Closing::Draining;
                }
                Closing::Draining => {
                    self.unread = Vec::new();
                    match ready!(self.poll_fill(cx, buffer)) {
                        Some(size) => read += size,
                        None => return Poll::Ready(true),
                    }
                }
            }
        }
        Poll::Ready(false)
    }

    /// Looks for the peer's close frame only.
    fn skip(&mut self, mut input: &[u8]) {
        while !input.is_empty() && self.closing == Closing::Handshake {
            let (used, _) = self.decode(input);
            input = &input[used..];
        }
    }
}

/// What is queued for the peer, mostly in one piece.
#[derive(Debug, Default)]
struct Outgoing {
    pieces: Row<Piece>,
    bytes: usize,
    frames: usize,
    /// The peer has the beginning of the first piece.
    begun: bool,
}

/// Whole frames, at first.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    frames: usize,
}

impl Outgoing {
    fn push(&mut self, bytes: Bytes, frames: usize) {
        self.bytes += bytes.len();
        self.frames += frames;
        self.pieces.push_back(Piece { bytes, frames });
    }

    /// What to write next.
    fn gather<'a>(&'a self, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let mut pieces = (&self.pieces).into_iter().map(|piece| &piece.bytes).peekable();
        match pieces.next() {
            Some(first) if pieces.peek().is_none() || first.len() >= WRITE => return first,
            None => return &[],
            Some(first) => {
                scratch.clear();
                scratch.extend_from_slice(first);
            }
        }
        for bytes in pieces {
            let room = WRITE - scratch.len();
            scratch.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if bytes.len() >= room {
                break;
            }
        }
        scratch
    }

    /// Forgets what the peer has.
    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = (&mut self.pieces).into_iter().next() {
            if written < first.bytes.len() {
                self.begun |= written > 0;
                first.bytes.advance(written);
                return;
            }
            written -= first.bytes.len();
            self.frames -= first.frames;
            self.begun = false;
            self.pieces.pop_front();
        }
    }

    /// Drops everything that the peer has nothing of. Returns how many frames.
    fn discard(&mut self) -> usize {
        let before = std::mem::take(self);
        let first = before.pieces.into_iter().next().filter(|_| before.begun);
        if let Some(Piece { bytes, frames }) = first {
            self.push(bytes, frames);
            self.begun = true;
        }
        before.frames - self.frames
    }
}

/// What a broken rule is in the gateway's codes.
fn refuse(violation: Violation) -> Incoming {
    match violation.status {
        1009 => Incoming::Violation(CloseCode::FRAME_TOO_LARGE, "the frame is larger than limits.frame"),
        1008 => Incoming::Violation(CloseCode::FRAME_TOO_LARGE, violation.reason),
        1007 => Incoming::Violation(CloseCode::INVALID_PAYLOAD, "text that is not UTF-8"),
        _ => Incoming::Violation(CloseCode::PROTOCOL_ERROR, violation.reason),
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
            Stream::Tls(stream) => {
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

#[cfg(test)]
mod tests;
