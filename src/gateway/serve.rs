//! A small HTTP server around the gateway's routes, which owns every task that it starts.
//!
//! It exists beside `axum::serve` because that one gives no hold on upgraded connections (a graceful shutdown leaves
//! them running), and wraps each stream so that the TCP socket cannot be had back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::patience::Patient;

/// How long a client may take to send the headers of a request.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of one request's headers; hyper's own limit is 400 KiB.
const HEADERS_LIMIT: usize = 16 * 1024;

/// How long accepting rests after it failed, which mostly means that the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until `stop` says so, then lets requests that are under way finish. Dropping it cuts them.
pub(crate) async fn serve(listener: TcpListener, router: Router, limit: usize, mut stop: watch::Receiver<bool>) {
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if requests.len() < limit => match accepted {
                Ok((stream, peer)) => {
                    requests.spawn(answer(stream, peer, router.clone(), stop.clone()));
                }
                Err(e) if is_the_peers(&e) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = requests.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    while requests.join_next().await.is_some() {}
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
async fn answer(stream: TcpStream, peer: SocketAddr, router: Router, mut stop: watch::Receiver<bool>) {
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
    if speaks {
        Box::pin(serve_http(stream, peer, router, stop)).await;
    }
}

async fn serve_http(stream: TcpStream, peer: SocketAddr, router: Router, mut stop: watch::Receiver<bool>) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADERS_LIMIT);
    let mut connection =
        std::pin::pin!(http.serve_connection(TokioIo::new(Patient::new(stream)), service).with_upgrades());
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
