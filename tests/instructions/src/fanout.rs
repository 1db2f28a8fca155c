//! The gateway's fan-out: a whole gateway in process, with streams that are memory, so that no system call and no other
//! thread is counted. What a delivery costs here is the gateway's part, and a client's that reads into one buffer.

use std::future::pending;
use std::io;

use axum::serve::Listener;
use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::{ChannelLayer, MemoryConfig, MemoryLayer};
use channel_layers::protocol::{ClientFrame, Encoding};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::scenarios::{chat, lobby, masked};

/// How many clients are in the group.
const CLIENTS: usize = 100;

/// What a stream holds, so that a burst is never held up.
const PIPE: usize = 64 * 1024;

const HANDSHAKE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Accepts the other ends of the clients' streams.
struct InProcess(mpsc::Receiver<DuplexStream>);

impl Listener for InProcess {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// One WebSocket, and what was read of it last.
struct Client {
    stream: DuplexStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Handshakes, connects and joins the group.
    async fn join(mut stream: DuplexStream) -> Self {
        stream.write_all(HANDSHAKE).await.expect("the gateway reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the gateway answers"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "a handshake that keeps the rules is accepted");
        let mut client = Self { stream, buffer: Vec::new() };
        client.ask(&ClientFrame::Connect { id: 1, token: None, client: None }).await;
        client.ask(&ClientFrame::GroupAdd { id: 2, group: lobby().to_string(), recover: None }).await;
        client
    }

    async fn ask(&mut self, frame: &ClientFrame) {
        self.stream.write_all(&masked(&frame.encode(Encoding::Json))).await.expect("the gateway reads");
        self.frame().await;
        let answer = String::from_utf8_lossy(&self.buffer);
        assert!(!answer.contains("error"), "the gateway refuses: {answer}");
    }

    /// Reads one frame. Returns its length with its header.
    async fn frame(&mut self) -> usize {
        let mut header = [0; 2];
        self.stream.read_exact(&mut header).await.expect("a frame");
        let (length, extended) = match usize::from(header[1]) {
            126 => (self.stream.read_u16().await.expect("a length").into(), 2),
            length => (length, 0),
        };
        self.read(length).await;
        2 + extended + length
    }

    /// Reads so many bytes.
    async fn read(&mut self, length: usize) {
        self.buffer.resize(length, 0);
        self.stream.read_exact(&mut self.buffer).await.expect("so many bytes");
    }
}

/// Sends messages to the group until there were so many deliveries, each time so many at once; the next ones follow when
/// every client has read these.
pub(crate) fn deliver(at_once: usize, deliveries: usize) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(rounds(at_once, deliveries / CLIENTS / at_once));
}

async fn rounds(at_once: usize, rounds: usize) {
    let (layer, lobby, message) = (MemoryLayer::new(MemoryConfig::default()), lobby(), chat());
    let gateway = Gateway::new(layer.clone(), GatewayConfig::default().with_shards(1));
    let (accepting, accepted) = mpsc::channel(1);
    let router = gateway.router();
    let server = tokio::spawn(async move { axum::serve(InProcess(accepted), router).await });
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (ours, theirs) = duplex(PIPE);
        accepting.send(theirs).await.expect("the server runs");
        clients.push(Client::join(ours).await);
    }
    let send = || layer.group_send(&lobby, message.clone());
    send().await.expect("the layer is open");
    let mut frame = 0;
    for client in &mut clients {
        frame = client.frame().await;
    }
    for _ in 0..rounds {
        for _ in 0..at_once {
            send().await.expect("the layer is open");
        }
        for client in &mut clients {
            client.read(at_once * frame).await;
        }
    }
    server.abort();
}
