//! How a client becomes ready: it connects, upgrades to WebSocket, and says what the protocol has it say.

use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Token};

use super::{Load, PATIENCE_TO_CONNECT, Patience, Socket, State, WAIT};

/// How many connect between two looks at what has happened.
const STEP: usize = 64;

/// How connecting went.
pub(crate) struct Connected {
    /// When each member was ready, in order.
    pub(crate) ready: Vec<Duration>,
    /// Why each of the others was not.
    pub(crate) refused: Vec<String>,
}

impl Load {
    /// Connects the members, so many at once, and then the publisher.
    pub(crate) fn connect(&mut self, members: usize, at_once: usize) -> Result<Connected, String> {
        self.members = members;
        let begun = Instant::now();
        let mut patience = Patience::of(PATIENCE_TO_CONNECT);
        while self.ready.len() + self.refused.len() < members {
            let settled = self.ready.len() + self.refused.len();
            let under_way = self.sockets.len() - settled;
            let more = at_once.saturating_sub(under_way).min(members - self.sockets.len());
            // In small steps, so that those who are connected are not kept waiting by those who are not.
            for _ in 0..more.min(STEP) {
                self.open()?;
            }
            self.turn(if more > STEP { Duration::ZERO } else { WAIT })?;
            patience
                .spent(settled as u64)
                .map_err(|()| format!("{settled} of {members} clients were ready, then none"))?;
        }
        let since = |at: &Duration| *at - (begun - self.begun);
        let ready = self.ready.iter().map(since).collect();
        self.open()?;
        let mut patience = Patience::of(PATIENCE_TO_CONNECT);
        while self.sockets[members].state != State::Ready {
            self.turn(WAIT)?;
            patience.spent(0).map_err(|()| "the publisher was not let in")?;
        }
        Ok(Connected { ready, refused: std::mem::take(&mut self.refused) })
    }

    fn open(&mut self) -> Result<(), String> {
        let id = Token(self.sockets.len());
        let mut stream = TcpStream::connect(self.address).map_err(|e| format!("connecting: {e}"))?;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, id, both).map_err(|e| format!("a socket's events: {e}"))?;
        self.sockets.push(Socket { stream, state: State::Connecting, rest: Vec::new(), received: 0 });
        Ok(())
    }

    pub(super) fn upgrade(&mut self, id: usize) -> Result<(), String> {
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

    /// Says what is due while so many answers are missing.
    pub(super) fn greet(&mut self, id: usize, missing: usize) -> Result<(), String> {
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
}
