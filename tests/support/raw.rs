//! A WebSocket client as plain as can be: it sends what the test says, right or wrong, and reads frame by frame.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) use super::opcode::*;
use super::within;

pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
    /// What the gateway answered to the handshake.
    pub(crate) head: String,
    /// Whether the last frame that was read had its first reserved bit set: it is compressed.
    pub(crate) compressed: bool,
}

/// One frame from the gateway.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    /// Opens a WebSocket, offering these subprotocols.
    pub(crate) async fn open(address: SocketAddr, subprotocols: &[&str]) -> Self {
        let mut headers = String::new();
        if !subprotocols.is_empty() {
            headers = format!("Sec-WebSocket-Protocol: {}\r\n", subprotocols.join(", "));
        }
        let raw = Self::handshake(address, &request(&headers)).await;
        assert!(raw.head.starts_with("HTTP/1.1 101 "), "{}", raw.head);
        raw
    }

    /// Sends an HTTP request head as it is, and reads the head of the answer.
    pub(crate) async fn handshake(address: SocketAddr, request: &str) -> Self {
        Self::handshake_bytes(address, request.as_bytes()).await
    }

    /// The same, with bytes behind the head.
    pub(crate) async fn handshake_bytes(address: SocketAddr, request: &[u8]) -> Self {
        let mut stream = within("connect", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(request).await.unwrap();
        let mut raw = Self { stream, buffer: Vec::new(), head: String::new(), compressed: false };
        let end = loop {
            if let Some(at) = raw.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(raw.fill().await, "the connection ended in the handshake");
        };
        raw.head = String::from_utf8(raw.buffer.drain(..end).collect()).unwrap();
        raw
    }

    /// The body of an HTTP answer that has a length.
    pub(crate) async fn body(&mut self) -> String {
        String::from_utf8(self.body_bytes().await).unwrap()
    }

    /// The same as bytes.
    pub(crate) async fn body_bytes(&mut self) -> Vec<u8> {
        let head = self.head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        while self.buffer.len() < length {
            assert!(self.fill().await, "the connection ended in the body");
        }
        self.buffer.drain(..length).collect()
    }

    /// Sends bytes as they are. The gateway may have hung up already: what it said before is what tests look at.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends one frame, masked as clients must.
    pub(crate) async fn frame(&mut self, fin: bool, opcode: u8, payload: &[u8]) {
        self.bytes(&frame(fin, opcode, payload)).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.frame(true, TEXT, text.as_bytes()).await;
    }

    /// The next frame; nothing when the gateway has ended the stream.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.parse() {
                return Some(frame);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next frame, which must be JSON in text.
    pub(crate) async fn json(&mut self) -> Value {
        let frame = self.next().await.expect("a frame, and not the end");
        assert_eq!(frame.opcode, TEXT, "{:?}", String::from_utf8_lossy(&frame.payload));
        serde_json::from_slice(&frame.payload).unwrap()
    }

    /// Reads on until the gateway closes; code and reason. Answers the close frame and sees that the stream ends.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            let frame = self.next().await.expect("a close frame, and not just the end");
            if frame.opcode == CLOSE {
                let (code, reason) = frame.payload.split_at(2);
                let code = u16::from_be_bytes(code.try_into().unwrap());
                self.frame(true, CLOSE, &frame.payload).await;
                assert_eq!(self.next().await, None, "nothing comes after the close frame");
                return (code, String::from_utf8(reason.to_vec()).unwrap());
            }
        }
    }

    /// Reads some bytes; false at the end of the stream, or when the gateway has reset it.
    async fn fill(&mut self) -> bool {
        matches!(within("bytes from the gateway", self.stream.read_buf(&mut self.buffer)).await, Ok(1..))
    }

    fn parse(&mut self) -> Option<Frame> {
        let [first, second, ..] = self.buffer[..] else { return None };
        assert_eq!(second & 0x80, 0, "a server does not mask");
        assert_eq!(first & 0x80, 0x80, "this server does not fragment");
        let (head, length) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().unwrap()))),
            127 => (10, usize::try_from(u64::from_be_bytes(self.buffer.get(2..10)?.try_into().unwrap())).unwrap()),
            short => (2, usize::from(short)),
        };
        let payload = self.buffer.get(head..head + length)?.to_vec();
        self.buffer.drain(..head + length);
        self.compressed = first & 0x40 != 0;
        Some(Frame { opcode: first & 0x0f, payload })
    }
}

/// The head of a handshake, with more headers.
pub(crate) fn request(headers: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// The bytes of one masked frame.
pub(crate) fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
