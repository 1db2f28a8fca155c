//! A small HTTP server around the gateway's routes, which owns every task that it starts.
//!
//! It exists beside `axum::serve` because that one gives no hold on upgraded connections (a graceful shutdown leaves
//! them running), and wraps each stream so that the TCP socket cannot be had back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::listener::Listener;
use super::patience::Patient;
use super::stats::Counters;
use super::tls::{Tls, TlsStream};

/// How long a client may take to send the headers of a request.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of one request's headers; hyper's own limit is 400 KiB.
const HEADERS_LIMIT: usize = 16 * 1024;

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long accepting rests after it failed once, and how long at most after it failed again and again.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// What a server consists of, beside its socket.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) router: Router,
    /// The most connections at a time that are no WebSockets yet.
    pub(crate) limit: usize,
    pub(crate) counters: Arc<Counters>,
}

/// Answers requests until `stop` says so, then lets requests that are under way finish. Dropping it cuts them.
pub(crate) async fn serve(listener: Listener, server: Server, mut stop: watch::Receiver<bool>) {
    let Listener { tcp, tls } = listener;
    let mut requests = JoinSet::new();
    let mut trouble = Trouble::default();
    loop {
        tokio::select! {
            accepted = trouble.accept(&tcp), if requests.len() < server.limit => match accepted {
                Ok((stream, peer)) => {
                    trouble.end();
                    requests.spawn(answer(stream, peer, tls.clone(), server.clone(), stop.clone()));
                }
                Err(e) if is_the_peers(&e) => {}
                Err(error) => {
                    server.counters.accept_failures.add(1);
                    trouble.add(&error);
                }
            },
            Some(_) = requests.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(tcp);
    while requests.join_next().await.is_some() {}
}

/// Accepting fails, which mostly means that the process has no file descriptor left: it rests longer each time, so that those
/// who are connected are served meanwhile, and says so once.
#[derive(Default)]
struct Trouble {
    times: u64,
    pause: Duration,
    until: Option<Instant>,
}

impl Trouble {
    async fn accept(&self, tcp: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        if let Some(until) = self.until {
            sleep_until(until).await;
        }
        tcp.accept().await
    }

    fn add(&mut self, error: &io::Error) {
        if self.times == 0 {
            tracing::warn!(
                %error,
                "connections cannot be accepted, and wait; where there are too many open files, raise the limit (ulimit -n)"
            );
        }
        let (first, last) = ACCEPT_PAUSE;
        self.times += 1;
        self.pause = (self.pause * 2).clamp(first, last);
        self.until = Some(Instant::now() + self.pause);
    }

    fn end(&mut self) {
        if self.times > 0 {
            tracing::info!(failures = self.times, "connections are accepted again");
            *self = Self::default();
        }
    }
}

/// Waits until it is time to stop, which it also is when nobody can say so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Whether an accept failed because the peer had gone already.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Answers the requests of one connection. Ends when it becomes a WebSocket, which then belongs to a shard.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
    server: Server,
    mut stop: watch::Receiver<bool>,
) {
    // Frames are small and wait for nothing; without this Nagle's algorithm holds them back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    // The HTTP server takes 10 KB, which it mostly gives back a moment after the request is there. Taken only then, it is
    // the same 10 KB for all of those who connect at once, and no holes between what lasts.
    let mut first = [0];
    let speaks = tokio::select! {
        peeked = timeout(HEADERS_TIMEOUT, stream.peek(&mut first)) => matches!(peeked, Ok(Ok(1))),
        () = stopped(&mut stop) => false,
    };
    match tls {
        _ if !speaks => {}
        None => Box::pin(serve_http(stream, peer, server.router, stop)).await,
        Some(tls) => {
            let secured = tokio::select! {
                secured = secure(stream, peer, &tls, &server.counters) => secured,
                () = stopped(&mut stop) => None,
            };
            if let Some(stream) = secured {
                Box::pin(serve_http(stream, peer, server.router, stop)).await;
            }
        }
    }
}

/// The TLS handshake; nothing where it fails.
async fn secure(stream: TcpStream, peer: SocketAddr, tls: &Tls, counters: &Counters) -> Option<TlsStream> {
    let why: &dyn std::fmt::Display = match timeout(HANDSHAKE_TIMEOUT, Box::pin(tls.accept(stream))).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => &error.to_string(),
        Err(_) => &"it took too long",
    };
    counters.handshake_failures.add(1);
    tracing::debug!(%peer, error = %why, "a TLS handshake failed");
    None
}

async fn serve_http<S>(stream: S, peer: SocketAddr, router: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADERS_LIMIT);
    let stream = TokioIo::new(Patient::new(stream));
    let mut connection = std::pin::pin!(http.serve_connection(stream, service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "an HTTP connection ended");
    }
}
