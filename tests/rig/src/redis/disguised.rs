//! A server that pretends to be another one: an old Redis that knows as little as one, or one whose clock is wrong.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::reply::{Reply, ask, read};

/// It listens on a free port, and speaks only RESP2.
pub struct DisguisedRedis {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What it pretends.
#[derive(Clone)]
enum Disguise {
    Version(String),
    /// Seconds that its clock is ahead.
    Ahead(i64),
}

impl DisguisedRedis {
    /// Serves what this server has, as a Redis of another version, before 6.
    pub async fn old(server: SocketAddr, version: &str) -> Self {
        Self::start(server, Disguise::Version(version.to_owned())).await
    }

    /// Serves what this server has, with a clock that is so many seconds ahead.
    pub async fn ahead(server: SocketAddr, seconds: i64) -> Self {
        Self::start(server, Disguise::Ahead(seconds)).await
    }

    async fn start(server: SocketAddr, disguise: Disguise) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, server, disguise.clone()));
            }
        });
        Self { address, task }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

impl Drop for DisguisedRedis {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, server: SocketAddr, disguise: Disguise) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut client, mut server) = (BufReader::new(client), BufReader::new(server));
    while let Ok(Reply::List(words)) = read(&mut client).await {
        let words: Vec<_> = words.into_iter().map(Reply::data).collect();
        let name = String::from_utf8_lossy(&words[0]).to_uppercase();
        let reply = match disguise.knows(&name) {
            true => ask(&mut server, &words).await,
            false => Ok(Reply::Error(disguise.unknown(&name))),
        };
        let Ok(reply) = reply else { return };
        if client.write_all(&disguise.put_on(&name, reply).bytes()).await.is_err() {
            return;
        }
    }
}

impl Disguise {
    /// Whether it knows a command, of those that a layer uses: Redis 5 has no `BZMPOP`, and the wire here could not carry
    /// what `HELLO` asks for.
    fn knows(&self, name: &str) -> bool {
        match self {
            Self::Version(_) => !["HELLO", "BZMPOP"].contains(&name),
            Self::Ahead(_) => name != "HELLO",
        }
    }

    /// What it says to a command that it does not know.
    fn unknown(&self, name: &str) -> String {
        match self {
            Self::Version(version) if version.starts_with("4.") => format!("ERR unknown command '{name}'"),
            _ => format!("ERR unknown command `{name}`, with args beginning with: "),
        }
    }

    /// An answer of the server as it passes it on.
    fn put_on(&self, command: &str, reply: Reply) -> Reply {
        match (self, command, reply) {
            (Self::Version(version), "INFO", Reply::Data(info)) => Reply::Data(aged(&info, version)),
            (Self::Ahead(seconds), "TIME", Reply::List(time)) => {
                let now = time[0].text().parse::<i64>().unwrap() + seconds;
                Reply::List(vec![Reply::Data(now.to_string().into_bytes()), time[1].clone()])
            }
            (_, _, reply) => reply,
        }
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
