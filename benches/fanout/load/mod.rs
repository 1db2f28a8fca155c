//! The load client: one thread that holds all sockets, by the kernel's own event queue, so that it costs less than the
//! servers that it measures. Every socket follows the server's [`Protocol`] until it is ready, and from then on each
//! message is checked to be the next one: a lost, doubled or swapped message is a fault, and so is a lost connection.

mod connect;
mod publish;

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Poll};

use crate::frame::{self, Frame, Kind, masked};
use crate::mark::{self, Mark};
use crate::protocol::Protocol;

/// How much is read at a time: more than one of these waits only where a server writes faster than we read.
const READ_BYTES: usize = 64 * 1024;

/// How many events one turn handles.
const EVENTS: usize = 1024;

/// The longest time in which no client becomes ready, in a burst that a server takes up side by side.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(300);

/// The longest time without a delivery while one is due.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a turn waits where nothing is due: time enough to see that patience is over.
const WAIT: Duration = Duration::from_millis(100);

/// Ends a wait for something that does not come.
struct Patience {
    limit: Duration,
    reached: u64,
    since: Instant,
}

impl Patience {
    fn of(limit: Duration) -> Self {
        Self { limit, reached: 0, since: Instant::now() }
    }

    /// To be told how far things are; an error once that has not grown for long.
    fn spent(&mut self, reached: u64) -> Result<(), ()> {
        if reached > self.reached {
            (self.reached, self.since) = (reached, Instant::now());
        }
        if self.since.elapsed() < self.limit { Ok(()) } else { Err(()) }
    }
}

/// How far a socket is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Connecting,
    Upgrading,
    /// So many answers are due before it is ready.
    Greeting(usize),
    Ready,
    /// The server would not have it.
    Refused,
}

struct Socket {
    stream: TcpStream,
    state: State,
    /// Read, but not yet a whole frame.
    rest: Vec<u8>,
    /// How many messages it has had, which is the number of the next one.
    received: u64,
}

/// All clients of one server.
pub(crate) struct Load {
    protocol: Protocol,
    address: SocketAddr,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    /// Members, and behind them the publisher.
    sockets: Vec<Socket>,
    members: usize,
    begun: Instant,
    /// When each member became ready, since the first began to connect.
    ready: Vec<Duration>,
    /// Why a member was not let in, for each that was not.
    refused: Vec<String>,
    published: u64,
    deliveries: u64,
    /// Nanoseconds that deliveries took, where they are wanted.
    latencies: Option<Vec<u64>>,
}

impl Load {
    pub(crate) fn new(protocol: Protocol, address: SocketAddr) -> Result<Self, String> {
        Ok(Self {
            protocol,
            address,
            poll: Poll::new().map_err(|e| format!("no event queue: {e}"))?,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; READ_BYTES],
            sockets: Vec::new(),
            members: 0,
            begun: Instant::now(),
            ready: Vec::new(),
            refused: Vec::new(),
            published: 0,
            deliveries: 0,
            latencies: None,
        })
    }

    /// Handles what has happened, or waits for it so long.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<(), String> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let outcome = match self.poll.poll(&mut events, Some(wait)) {
            Err(e) if e.kind() != ErrorKind::Interrupted => Err(format!("waiting for events: {e}")),
            _ => events.iter().try_for_each(|event| self.advance(event.token().0, event.is_writable())),
        };
        self.events = events;
        outcome
    }

    fn advance(&mut self, id: usize, writable: bool) -> Result<(), String> {
        let outcome = match self.sockets[id].state {
            State::Refused => return Ok(()),
            State::Connecting if writable => self.upgrade(id),
            State::Connecting => return Ok(()),
            _ => self.read(id),
        };
        match outcome {
            Err(why) if self.sockets[id].state != State::Ready && id < self.members => {
                self.sockets[id].state = State::Refused;
                self.refused.push(why);
                Ok(())
            }
            outcome => outcome.map_err(|e| format!("client {id}: {e}")),
        }
    }

    /// Reads what is there. The queue tells of new bytes only, and less than was asked for is all there is.
    fn read(&mut self, id: usize) -> Result<(), String> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = loop {
            let socket = &mut self.sockets[id];
            let kept = socket.rest.len();
            if buffer.len() < kept + READ_BYTES {
                buffer.resize(kept + READ_BYTES, 0);
            }
            buffer[..kept].copy_from_slice(&socket.rest);
            match socket.stream.read(&mut buffer[kept..]) {
                Ok(0) => break Err("the server closed the connection".into()),
                Ok(read) => {
                    let bytes = &buffer[..kept + read];
                    let used = match self.understand(id, bytes) {
                        Ok(used) => used,
                        Err(e) => break Err(e),
                    };
                    let socket = &mut self.sockets[id];
                    socket.rest.clear();
                    socket.rest.extend_from_slice(&bytes[used..]);
                    if kept + read < buffer.len() {
                        break Ok(());
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(e) => break Err(e.to_string()),
            }
        };
        self.buffer = buffer;
        outcome
    }

    /// Takes what is whole, and says how much that was.
    fn understand(&mut self, id: usize, bytes: &[u8]) -> Result<usize, String> {
        let mut at = 0;
        if self.sockets[id].state == State::Upgrading {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(0) };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                let line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
                return Err(format!("the server answered {}", String::from_utf8_lossy(line)));
            }
            at = end + 4;
            let due = usize::from(self.protocol.greets) + self.protocol.hello.len();
            let joins = usize::from(id < self.members && self.protocol.join.is_some());
            self.greet(id, due + joins)?;
        }
        let now = self.now();
        while let Some(frame) = frame::first(&bytes[at..])? {
            at += frame.size;
            self.frame(id, &frame, now)?;
        }
        Ok(at)
    }

    fn frame(&mut self, id: usize, frame: &Frame<'_>, now: u64) -> Result<(), String> {
        let payload = frame.payload;
        match frame.kind {
            Kind::Ping => return self.sockets[id].write(&masked(Kind::Pong, payload)),
            Kind::Pong => return Ok(()),
            Kind::Close => return Err(format!("the server said goodbye: {}", payload.escape_ascii())),
            Kind::Text | Kind::Binary => {}
        }
        if let Some((_, answer)) = self.protocol.pings.iter().find(|(ping, _)| ping == payload) {
            return self.sockets[id].write(answer);
        }
        if let State::Greeting(missing) = self.sockets[id].state {
            return self.greet(id, missing - 1);
        }
        // What the publisher is answered is no delivery.
        if id == self.members {
            return Ok(());
        }
        for mark in mark::all(payload) {
            self.delivered(id, mark, now)?;
        }
        Ok(())
    }

    fn delivered(&mut self, id: usize, mark: Mark, now: u64) -> Result<(), String> {
        let socket = &mut self.sockets[id];
        if mark.number != socket.received {
            return Err(format!("message {} came where {} was due", mark.number, socket.received));
        }
        socket.received += 1;
        self.deliveries += 1;
        if let Some(latencies) = &mut self.latencies {
            latencies.push(now.saturating_sub(mark.time));
        }
        Ok(())
    }

    /// Nanoseconds on this client's clock.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).expect("less than centuries")
    }
}

impl Socket {
    /// Frames are short and rare, so that there is room for them unless the server does not read.
    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = self.stream.write(bytes);
        let whole = written.and_then(|n| if n == bytes.len() { Ok(()) } else { Err(io::Error::other("it is full")) });
        whole.map_err(|e| format!("the server does not read: {e}"))
    }
}
