//! The load client: one thread that holds all sockets, by the kernel's own event queue, so that it costs less than the
//! servers that it measures. Every socket follows the server's [`Protocol`] until it is ready, and from then on each
//! message is checked to be the next one: a lost, doubled or swapped message is a fault, and so is a lost connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::frame::{self, Kind, masked};
use crate::mark::{self, Mark};
use crate::protocol::Protocol;

/// How much is read at a time: more than one of these waits only where a server writes faster than we read.
const READ_BYTES: usize = 64 * 1024;

/// How many events one turn handles.
const EVENTS: usize = 1024;

/// The longest time without any progress.
const PATIENCE: Duration = Duration::from_secs(20);

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
    refused: usize,
    published: u64,
    deliveries: u64,
    /// Nanoseconds that deliveries took, where they are wanted.
    latencies: Option<Vec<u64>>,
}

/// How connecting went.
pub(crate) struct Connected {
    /// When each member was ready, in order.
    pub(crate) ready: Vec<Duration>,
    pub(crate) refused: usize,
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
            refused: 0,
            published: 0,
            deliveries: 0,
            latencies: None,
        })
    }

    /// Connects the members, so many at once, and then the publisher.
    pub(crate) fn connect(&mut self, members: usize, at_once: usize) -> Result<Connected, String> {
        self.members = members;
        let begun = Instant::now();
        let mut last = (0, begun);
        while self.ready.len() + self.refused < members {
            let under_way = self.sockets.len() - self.ready.len() - self.refused;
            let more = at_once.saturating_sub(under_way).min(members - self.sockets.len());
            // In small steps, so that those who are connected are not kept waiting by those who are not.
            for _ in 0..more.min(64) {
                self.open()?;
            }
            let wait = if more > 64 { Duration::ZERO } else { Duration::from_millis(100) };
            self.turn(wait)?;
            let settled = self.ready.len() + self.refused;
            match settled > last.0 {
                true => last = (settled, Instant::now()),
                false if last.1.elapsed() > PATIENCE => {
                    return Err(format!("{settled} of {members} clients were ready, and no more came"));
                }
                false => {}
            }
        }
        let since = |at: &Duration| *at - (begun - self.begun);
        let ready = self.ready.iter().map(since).collect();
        self.open()?;
        while self.sockets[members].state != State::Ready {
            self.turn(Duration::from_millis(100))?;
        }
        Ok(Connected { ready, refused: self.refused })
    }

    fn open(&mut self) -> Result<(), String> {
        let id = Token(self.sockets.len());
        let mut stream = TcpStream::connect(self.address).map_err(|e| format!("connecting: {e}"))?;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, id, both).map_err(|e| format!("a socket's events: {e}"))?;
        self.sockets.push(Socket { stream, state: State::Connecting, rest: Vec::new(), received: 0 });
        Ok(())
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
            Err(_) if self.sockets[id].state != State::Ready && id < self.members => {
                self.sockets[id].state = State::Refused;
                self.refused += 1;
                Ok(())
            }
            outcome => outcome.map_err(|e| format!("client {id}: {e}")),
        }
    }

    fn upgrade(&mut self, id: usize) -> Result<(), String> {
        let path = if id < self.members { self.protocol.path } else { self.protocol.publisher_path };
        let subprotocol = self.protocol.subprotocol;
        let subprotocol = subprotocol.map_or(String::new(), |name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
        let address = self.address;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {subprotocol}\r\n"
        );
        let socket = &mut self.sockets[id];
        socket.stream.take_error().map_err(|e| e.to_string())?.map_or(Ok(()), |e| Err(e.to_string()))?;
        socket.stream.set_nodelay(true).map_err(|e| e.to_string())?;
        // Room in its buffer is always there, and would only wake us.
        let registry = self.poll.registry();
        registry.reregister(&mut socket.stream, Token(id), Interest::READABLE).map_err(|e| e.to_string())?;
        socket.state = State::Upgrading;
        socket.write(request.as_bytes())
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
        while let Some((kind, payload, size)) = frame::first(&bytes[at..])? {
            self.frame(id, kind, payload, now)?;
            at += size;
        }
        Ok(at)
    }

    /// Says what is due while so many answers are missing.
    fn greet(&mut self, id: usize, missing: usize) -> Result<(), String> {
        self.sockets[id].state = State::Greeting(missing);
        let joins = id < self.members && self.protocol.join.is_some();
        let hello = &self.protocol.hello;
        let said = match missing {
            0 => {
                self.sockets[id].state = State::Ready;
                if id < self.members {
                    self.ready.push(self.begun.elapsed());
                }
                return Ok(());
            }
            1 if joins => self.protocol.join.as_ref(),
            // The greeting of the server is still to come.
            _ => hello.len().checked_sub(missing - usize::from(joins)).map(|at| &hello[at]),
        };
        said.map_or(Ok(()), |frame| self.sockets[id].write(frame))
    }

    fn frame(&mut self, id: usize, kind: Kind, payload: &[u8], now: u64) -> Result<(), String> {
        match kind {
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

    /// Sends a message to all members, which says that it was sent at that time.
    pub(crate) fn publish(&mut self, time: u64) -> Result<(), String> {
        Mark { time, number: self.published }.write_into(&mut self.protocol.publish);
        self.published += 1;
        let publisher = &mut self.sockets[self.members];
        publisher.write(&self.protocol.publish).map_err(|e| format!("the publisher: {e}"))
    }

    pub(crate) fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// How many messages have not reached everybody yet, counting a partly delivered one whole.
    pub(crate) fn outstanding(&self) -> u64 {
        (self.published * self.members as u64 - self.deliveries).div_ceil(self.members as u64)
    }

    /// Turns until at most so many messages are outstanding.
    pub(crate) fn reach(&mut self, outstanding: u64) -> Result<(), String> {
        let mut last = (self.deliveries, Instant::now());
        while self.outstanding() > outstanding {
            self.turn(Duration::from_millis(100))?;
            if self.deliveries > last.0 {
                last = (self.deliveries, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                let missing = self.published * self.members as u64 - self.deliveries;
                return Err(format!("{missing} deliveries were missing, and no more came"));
            }
        }
        Ok(())
    }

    /// From now on keeps how long deliveries take.
    pub(crate) fn watch(&mut self) {
        self.latencies = Some(Vec::new());
    }

    /// How long they took, in nanoseconds, in order.
    pub(crate) fn watched(&mut self) -> Vec<u64> {
        let mut latencies = self.latencies.take().unwrap_or_default();
        latencies.sort_unstable();
        latencies
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
