//! A server that says it is an old Redis, and knows as little: a new one behind a wire that refuses what came later.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::reply::{Reply, ask, read};

/// What came after Redis 5, of what a layer uses.
const LATER: [&str; 2] = ["HELLO", "BZMPOP"];

/// It listens on a free port, and speaks only RESP2.
pub struct OldRedis {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl OldRedis {
    /// Serves what this server has, as a Redis of another version.
    pub async fn before(server: SocketAddr, version: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, version) = (listener.local_addr().unwrap(), version.to_owned());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, server, version.clone()));
            }
        });
        Self { address, task }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

impl Drop for OldRedis {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, server: SocketAddr, version: String) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut client, mut server) = (BufReader::new(client), BufReader::new(server));
    while let Ok(Reply::List(words)) = read(&mut client).await {
        let words: Vec<_> = words.into_iter().map(Reply::data).collect();
        let name = String::from_utf8_lossy(&words[0]).to_uppercase();
        let reply = match LATER.contains(&name.as_str()) {
            true => Ok(Reply::Error(unknown(&name, &version))),
            false => ask(&mut server, &words).await,
        };
        let reply = match reply {
            Ok(Reply::Data(info)) if name == "INFO" => Reply::Data(aged(&info, &version)),
            Ok(reply) => reply,
            Err(_) => return,
        };
        if client.write_all(&reply.bytes()).await.is_err() {
            return;
        }
    }
}

/// What the version says to a command that it does not know.
fn unknown(name: &str, version: &str) -> String {
    match version.starts_with("4.") {
        true => format!("ERR unknown command '{name}'"),
        false => format!("ERR unknown command `{name}`, with args beginning with: "),
    }
}

fn aged(info: &[u8], version: &str) -> Vec<u8> {
    let info = String::from_utf8_lossy(info);
    let lines = info.split_inclusive("\r\n").map(|line| match line.starts_with("redis_version:") {
        true => format!("redis_version:{version}\r\n"),
        false => line.to_owned(),
    });
    lines.collect::<String>().into_bytes()
}
