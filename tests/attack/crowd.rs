//! One client that comes ten thousand times.

use std::net::SocketAddr;

use channel_layers::gateway::GatewayConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::arena::Arena;
use crate::support::raw::request;
use crate::support::{PATIENCE, within};

const CROWD: usize = 10_000;

/// How many of them are under way at a time: the test has both ends of each.
const AT_ONCE: usize = 200;

/// Nobody of the crowd says anything, and nobody is to leave for that while the others come.
fn patient() -> GatewayConfig {
    GatewayConfig::default().with_connect_timeout(10 * PATIENCE)
}

/// A connection from another address than the bystander's, as far as the gateway can tell.
async fn from_elsewhere(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    within("a connection", socket.connect(to)).await.unwrap()
}

/// Asks for a WebSocket: the status of the answer, and the connection.
async fn ask(to: SocketAddr) -> (u16, TcpStream) {
    let mut stream = from_elsewhere(to).await;
    let _ = stream.write_all(request("").as_bytes()).await;
    let mut answer = [0; 12];
    let read = within("an answer", stream.read_exact(&mut answer)).await;
    let status = if read.is_ok() { std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap() } else { 0 };
    (status, stream)
}

/// All of the crowd, those that were let in stay. How many got which status.
async fn crowd(arena: &mut Arena) -> (Vec<TcpStream>, usize) {
    let address = arena.server.address;
    let (mut asking, mut inside, mut refused) = (JoinSet::new(), Vec::new(), 0);
    for n in 0..CROWD {
        asking.spawn(ask(address));
        if n % 1000 == 0 {
            arena.serves().await;
        }
        while asking.len() >= AT_ONCE || (n + 1 == CROWD && !asking.is_empty()) {
            match asking.join_next().await.unwrap().unwrap() {
                (101, stream) => inside.push(stream),
                (status, _) => {
                    assert!([429, 503].contains(&status), "{status}");
                    refused += 1;
                }
            }
        }
    }
    (inside, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_from_one_address_are_as_many_as_it_may_have() {
    let mut arena = Arena::new(patient().with_address_connections(100)).await;
    let (inside, refused) = crowd(&mut arena).await;
    assert_eq!((inside.len(), refused), (100, CROWD - 100));
    assert_eq!(arena.stats().refused, (CROWD - 100) as u64);
    arena.attacker().await;
    drop(inside);
    arena.alone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_are_no_more_than_the_gateway_takes() {
    let mut arena = Arena::new(patient().with_max_connections(1000)).await;
    let (inside, refused) = crowd(&mut arena).await;
    assert_eq!((inside.len(), refused), (999, CROWD - 999));
    assert_eq!(arena.stats().connections, 1000);
    drop(inside);
    arena.alone().await;
    arena.attacker().await;
    // A gateway that was full ends like any other.
    arena.server.stop().stopped().await;
}
