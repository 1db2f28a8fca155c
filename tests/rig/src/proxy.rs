//! A network that fails on command: TCP between a client and a server, with latency, silence and cuts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// How many reads a direction holds back before it stops reading.
const HELD: usize = 4096;

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flow {
    /// They arrive this much later; zero is a plain wire.
    Delay(Duration),
    /// They are taken and held back, until the flow is another one again.
    Stall,
}

#[derive(Clone)]
struct Wire {
    requests: Flow,
    replies: Flow,
    /// Connections through which nothing passes, by the port that the server sees.
    silent: Arc<[u16]>,
    /// Connections whose requests alone do not pass.
    unheard: Arc<[u16]>,
    /// Counts the cuts: a connection lasts as long as this stands still.
    cuts: u64,
    open: bool,
}

impl Wire {
    fn requests_of(&self, port: u16) -> Flow {
        if self.unheard.contains(&port) { Flow::Stall } else { self.both_ways(port, self.requests) }
    }

    fn replies_of(&self, port: u16) -> Flow {
        self.both_ways(port, self.replies)
    }

    fn both_ways(&self, port: u16, flow: Flow) -> Flow {
        if self.silent.contains(&port) { Flow::Stall } else { flow }
    }
}

/// Listens on a free port and passes on what it gets. Everything is switched while it runs, for connections that are
/// open too.
pub struct Proxy {
    address: SocketAddr,
    wire: watch::Sender<Wire>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let plain = Flow::Delay(Duration::ZERO);
        let (silent, unheard) = Default::default();
        let wire = Wire { requests: plain, replies: plain, silent, unheard, cuts: 0, open: true };
        let (wire, state) = watch::channel(wire);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                if state.borrow().open {
                    connections.spawn(connect(client, server, state.clone()));
                }
            }
        });
        Self { address, wire, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes everything, at once.
    pub fn pass(&self) {
        self.delay(Duration::ZERO);
    }

    /// Passes everything, each way this much later.
    pub fn delay(&self, latency: Duration) {
        self.flow(Flow::Delay(latency), Flow::Delay(latency));
    }

    /// Takes bytes both ways and passes none on. Nobody is told: connections stay open, new ones are accepted.
    pub fn stall(&self) {
        self.flow(Flow::Stall, Flow::Stall);
    }

    /// Sets each direction by itself, and accepts connections.
    pub fn flow(&self, requests: Flow, replies: Flow) {
        self.wire.send_modify(|wire| {
            let (silent, unheard) = Default::default();
            *wire = Wire { requests, replies, silent, unheard, open: true, cuts: wire.cuts };
        });
    }

    /// Stalls these connections alone, which are known by the ports that the server sees.
    pub fn silence(&self, ports: &[u16]) {
        self.wire.send_modify(|wire| wire.silent = ports.into());
    }

    /// Stalls the requests of these connections alone.
    pub fn unhear(&self, ports: &[u16]) {
        self.wire.send_modify(|wire| wire.unheard = ports.into());
    }

    /// Closes the connections that are open. New ones are accepted.
    pub fn cut(&self) {
        self.wire.send_modify(|wire| wire.cuts += 1);
    }

    /// Closes the connections that are open, and new ones at once, until told to pass.
    pub fn refuse(&self) {
        self.wire.send_modify(|wire| {
            wire.cuts += 1;
            wire.open = false;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(client: TcpStream, server: SocketAddr, state: watch::Receiver<Wire>) {
    let cuts = state.borrow().cuts;
    let mut cut = state.clone();
    let passing = async {
        let Ok(server) = TcpStream::connect(server).await else { return };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let port = server.local_addr().unwrap().port();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let requests = direction(from_client, to_server, state.clone(), move |wire| wire.requests_of(port));
        let replies = direction(from_server, to_client, state.clone(), move |wire| wire.replies_of(port));
        tokio::join!(requests, replies);
    };
    tokio::select! {
        () = passing => {}
        _ = cut.wait_for(|wire| wire.cuts != cuts) => {}
    }
}

/// Passes one direction on until its end or an error, which the other side then sees as an end.
async fn direction(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<Wire>,
    flow: impl Fn(&Wire) -> Flow,
) {
    let (held, mut due) = mpsc::channel(HELD);
    let reading = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if held.send((Instant::now(), buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let writing = async move {
        while let Some((arrived, bytes)) = due.recv().await {
            let now = flow(&state.borrow());
            if let Flow::Delay(latency) = now {
                sleep_until(arrived + latency).await;
            }
            let flows = state.wait_for(|wire| flow(wire) != Flow::Stall).await.is_ok();
            if !flows || to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(reading, writing);
}
