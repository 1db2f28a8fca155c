//! What bystanders notice of an attack: the latency of group messages beside each attack, and without it a moment before,
//! in turn, so that what else the machine does meets both.
//!
//! An attacker is this program once more, on the load client's processor and at a low priority, so that it costs the server
//! what one client can, and the load client little. It goes on until it is killed; whatever the gateway does, it tries again.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::frame::{Kind, masked};
use crate::load::Load;
use crate::servers::{Running, Server};
use crate::{measure, process};

/// Who hears each message meanwhile.
pub(crate) const BYSTANDERS: usize = 100;

/// How many messages a second they are sent.
const RATE: u32 = 100;

/// How long an attacker waits for anything before it begins again.
const PATIENCE: Duration = Duration::from_millis(500);

/// An attack, and what one attempt at it does.
type Attack = (&'static str, fn(SocketAddr) -> io::Result<()>);

const ATTACKS: [Attack; 8] = [
    ("endless fragments", |to| flood(to, &[0x01, 0x80, 0, 0, 0, 0], &[0x00, 0x80, 0, 0, 0, 0])),
    ("pings", |to| flood(to, &[], &masked(Kind::Ping, &[b'p'; 125]))),
    ("bytes behind the end", |to| flood(to, &masked(Kind::Text, b"no frame"), &[0; 1024])),
    ("empty compressed blocks", |to| flood(to, &[], &compressed(&[0x03, 0x00].repeat(30_000)))),
    ("requests too fast", |to| flood(to, &[], &masked(Kind::Text, br#"{"op":"group_send","group":"a","message":{}}"#))),
    ("connecting and leaving", |to| websocket(to).map(drop)),
    ("large bodies", |to| plain(to, &post(60_000))),
    ("heads that do not end", |to| plain(to, b"GET /ws HTTP/1.1\r\nX: ")),
];

/// Measures beside each attack, so often, for so long.
pub(crate) fn run(
    rounds: usize,
    time: Duration,
    record: &mut dyn FnMut(usize, &str, &serde_json::Value),
) -> Result<(), String> {
    let pinned = process::pinned();
    process::settle(pinned);
    let running = Server::Gateway.start_with(pinned, &["--compression"])?;
    let mut load = Load::new(Server::Gateway.protocol(), running.address)?;
    load.connect(BYSTANDERS, BYSTANDERS)?;
    for round in 0..rounds {
        for (name, _) in ATTACKS {
            record(round, &format!("before: {name}"), &measure::latency(&running, &mut load, RATE, time)?);
            let attacker = Attacker::start(name, &running)?;
            record(round, &format!("beside: {name}"), &measure::latency(&running, &mut load, RATE, time)?);
            drop(attacker);
        }
    }
    Ok(())
}

/// An attacker's process; it ends with this.
struct Attacker(Child);

impl Attacker {
    fn start(name: &str, server: &Running) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|e| format!("this program is gone: {e}"))?;
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(program).args(["attacker", name, &server.address.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|e| format!("nice: {e}"))?;
        Ok(Self(child))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Attacks until the process is killed.
pub(crate) fn attack(name: &str, to: &str) -> Result<(), String> {
    let to = to.parse().map_err(|e| format!("{to}: {e}"))?;
    let (_, attempt) =
        ATTACKS.iter().find(|(known, _)| *known == name).ok_or(format!("there is no attack {name:?}"))?;
    loop {
        // The gateway ends most attempts, which is what it should do.
        let _ = attempt(to);
    }
}

/// A WebSocket that was welcomed.
fn websocket(to: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = connect(to)?;
    let head = "GET /ws HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    stream.write_all(&masked(Kind::Text, br#"{"op":"connect","id":1}"#))?;
    let mut read = Vec::<u8>::new();
    while !read.windows(9).any(|bytes| bytes == b"\"welcome\"") {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            size => read.extend(&buffer[..size]),
        }
    }
    Ok(stream)
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Connects, says something, and then one thing again and again until nobody takes it any more.
fn flood(to: SocketAddr, first: &[u8], again: &[u8]) -> io::Result<()> {
    let mut stream = websocket(to)?;
    stream.write_all(first)?;
    let many = again.repeat((1 << 16) / again.len() + 1);
    loop {
        stream.write_all(&many)?;
    }
}

/// Sends a request, or the beginning of one, and does not wait for long.
fn plain(to: SocketAddr, request: &[u8]) -> io::Result<()> {
    let mut stream = connect(to)?;
    stream.write_all(request)?;
    stream.read(&mut [0; 1024]).map(drop)
}

fn post(length: usize) -> Vec<u8> {
    let body = json!({ "type": "large", "text": "x".repeat(length) }).to_string();
    let head = "POST /api/groups/a/messages HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut frame = masked(Kind::Text, payload);
    // The first reserved bit says that it is.
    frame[0] |= 0x40;
    frame
}
