//! What the gateway costs from end to end: server CPU for each delivery of a 128-byte message to a thousand sockets, and
//! memory for each idle connection. The gateway runs in a process of its own, so that its figures are its own; both ends
//! talk over loopback, and each run is bounded in time.
//!
//! CPU per delivery is the figure to compare, since it hardly depends on what else the machine does. Window 1 waits for
//! every delivery before the next message, which shows the cost of a write; window 16 keeps sixteen messages under way,
//! which shows how well writes are put together.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use channel_layers::gateway::{Gateway, GatewayConfig};
use channel_layers::layer::Layer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How much is measured: all of it for `cargo bench`, a taste where it only has to run.
struct Load {
    sockets: u64,
    time: Duration,
}

fn main() {
    if std::env::args().any(|arg| arg == "serve") {
        return serve();
    }
    let load = match std::env::args().any(|arg| arg == "--bench") {
        true => Load { sockets: 1000, time: Duration::from_secs(3) },
        false => Load { sockets: 20, time: Duration::from_millis(50) },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for window in [1, 16] {
        runtime.block_on(measure(&load, window));
    }
}

/// The gateway, on one worker thread, for as long as standard input is open.
fn serve() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("an address"));
        let closed = async { drop(tokio::io::stdin().read_u8().await) };
        let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
        gateway.serve(listener, closed).await.expect("a loopback listener is served");
    });
}

/// The process of a gateway; killed at the end.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut process =
            Command::new(program).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line).expect("an address");
        Self { process, address: line.trim().parse().expect("an address") }
    }

    /// CPU time that it has used, where the system tells as Linux does.
    fn cpu(&self) -> Option<Duration> {
        /// Of `/proc`; Linux has had no other on any common machine.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        Some(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
    }

    /// Memory that it holds, in KB.
    fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many deliveries there were, and a bell for each message that has reached everybody.
struct Progress {
    sockets: u64,
    deliveries: AtomicU64,
    bell: Notify,
}

impl Progress {
    fn add(&self, count: u64) {
        let before = self.deliveries.fetch_add(count, Ordering::Relaxed);
        if before / self.sockets != (before + count) / self.sockets {
            self.bell.notify_one();
        }
    }

    fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Relaxed)
    }
}

async fn measure(load: &Load, window: u64) {
    let server = Server::start();
    let empty = server.memory();
    let progress = Arc::new(Progress { sockets: load.sockets, deliveries: AtomicU64::new(0), bell: Notify::new() });
    let mut members = JoinSet::new();
    for _ in 0..load.sockets {
        let member = Socket::join(server.address).await;
        members.spawn(member.count(Arc::clone(&progress)));
    }
    let full = server.memory();
    let mut publisher = Socket::open(server.address).await;
    let mut published = 0;
    publish(&mut publisher, &progress, window, &mut published, load.time / 4).await;
    let (started, cpu, before) = (Instant::now(), server.cpu(), progress.deliveries());
    publish(&mut publisher, &progress, window, &mut published, load.time).await;
    let (time, deliveries) = (started.elapsed(), progress.deliveries() - before);
    let used = server.cpu().zip(cpu).map(|(after, before)| (after - before).as_secs_f64() * 1e6 / deliveries as f64);
    println!(
        "{} sockets, window {window:>2}: {} µs of server CPU per delivery, {:.0} deliveries/s, {} KB per idle connection",
        load.sockets,
        used.map_or("?".into(), |us| format!("{us:.2}")),
        deliveries as f64 / time.as_secs_f64(),
        full.zip(empty).map_or("?".into(), |(full, empty)| format!("{:.1}", (full - empty) / load.sockets as f64)),
    );
}

/// Sends messages for a time, `window` of them under way, and waits until all have arrived.
async fn publish(publisher: &mut Socket, progress: &Progress, window: u64, published: &mut u64, time: Duration) {
    let frame = masked(&format!(
        r#"{{"op":"group_send","group":"g","message":{{"type":"bench","text":"{}"}}}}"#,
        "x".repeat(128 - r#"{"type":"bench","text":""}"#.len())
    ));
    let end = Instant::now() + time;
    while Instant::now() < end {
        publisher.stream.write_all(&frame).await.expect("the gateway reads");
        *published += 1;
        reached(progress, (*published).saturating_sub(window - 1)).await;
    }
    reached(progress, *published).await;
}

/// Waits until that many messages have reached everybody.
async fn reached(progress: &Progress, messages: u64) {
    while progress.deliveries() < messages * progress.sockets {
        progress.bell.notified().await;
    }
}

/// A WebSocket that sends frames that it was given and counts what comes.
struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Socket {
    /// A connected client.
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the gateway accepts");
        stream.set_nodelay(true).expect("a socket option");
        let mut socket = Self { stream, buffer: Vec::new() };
        let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        socket.stream.write_all(request.as_bytes()).await.expect("the gateway reads");
        let end = loop {
            socket.fill().await;
            if let Some(at) = socket.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
        };
        socket.buffer.drain(..end);
        socket.ask(r#"{"op":"connect","id":1}"#).await;
        socket
    }

    /// A member of the group.
    async fn join(address: SocketAddr) -> Self {
        let mut socket = Self::open(address).await;
        socket.ask(r#"{"op":"group_add","id":2,"group":"g"}"#).await;
        socket
    }

    async fn ask(&mut self, frame: &str) {
        self.stream.write_all(&masked(frame)).await.expect("the gateway reads");
        while self.frames() == 0 {
            self.fill().await;
        }
    }

    async fn count(mut self, progress: Arc<Progress>) {
        loop {
            self.fill().await;
            progress.add(self.frames());
        }
    }

    async fn fill(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.expect("the gateway writes");
        assert!(read > 0, "the gateway closed the connection");
    }

    /// Takes the whole frames out of the buffer and counts them. All are shorter than 64 KB.
    fn frames(&mut self) -> u64 {
        let (mut at, mut count) = (0, 0);
        while let Some(&[_, length]) = self.buffer.get(at..at + 2) {
            let size = match (length, self.buffer.get(at + 2..at + 4)) {
                (..126, _) => 2 + usize::from(length),
                (_, Some(&[high, low])) => 4 + usize::from(u16::from_be_bytes([high, low])),
                _ => break,
            };
            if self.buffer.len() < at + size {
                break;
            }
            at += size;
            count += 1;
        }
        self.buffer.drain(..at);
        count
    }
}

/// A text frame of less than 64 KB under a mask of zeros, which RFC 6455 allows.
fn masked(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short frame");
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
