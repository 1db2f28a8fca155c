//! What the verbs cost a Redis: how often a sender waits for it, and how often a receiver asks it.
#![cfg(not(target_family = "wasm"))]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use channel_layers::layer::redis::{Host, RedisConfig};
use channel_layers::layer::{ChannelLayer, Layer, MailboxOptions};
use channel_layers::{ChannelName, GroupName, message};
use rig::{RedisServer, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A wire to a server that counts round trips: how often a client began to write after the server had.
struct Counting {
    address: SocketAddr,
    trips: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Counting {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, trips) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&trips);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(count(client, TcpStream::connect(server).await.unwrap(), Arc::clone(&counted)));
            }
        });
        Self { address, trips, task }
    }

    fn trips(&self) -> usize {
        self.trips.load(Ordering::SeqCst)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn count(mut client: TcpStream, mut server: TcpStream, trips: Arc<AtomicUsize>) {
    let (mut asked, mut answered) = ([0; 65536], [0; 65536]);
    let mut asking = false;
    loop {
        let passed = tokio::select! {
            Ok(read @ 1..) = client.read(&mut asked) => {
                if !std::mem::replace(&mut asking, true) {
                    trips.fetch_add(1, Ordering::SeqCst);
                }
                server.write_all(&asked[..read]).await
            }
            Ok(read @ 1..) = server.read(&mut answered) => {
                asking = false;
                client.write_all(&answered[..read]).await
            }
            else => return,
        };
        if passed.is_err() {
            return;
        }
    }
}

/// How many times each verb is called. A layer asks its servers for a sign of life now and then, which is a round trip of
/// its own: fewer than this share of them in as long as a hundred calls take.
const CALLS: usize = 100;
const SIGNS: usize = 50;

async fn round_trips(wire: &Counting, verb: impl AsyncFn()) -> usize {
    // A server that sees a script for the first time is told what it says.
    verb().await;
    let before = wire.trips();
    for _ in 0..CALLS {
        verb().await;
    }
    wire.trips() - before
}

fn is_each(trips: usize, expected: usize) -> bool {
    (expected * CALLS..expected * CALLS + SIGNS).contains(&trips)
}

#[tokio::test]
async fn sending_is_one_round_trip_and_sending_to_a_group_is_two() {
    let server = RedisServer::start().await;
    let wire = Counting::to(server.address()).await;
    let over = |url: &str| RedisConfig::new([Host::url(url).unwrap()]).with_capacity(10 * CALLS);
    let far = over(&server.url_through(wire.address));
    let (peer, layer) = (Layer::redis(over(&server.url())).unwrap(), Layer::redis(far.clone()).unwrap());
    let (work, group) = (ChannelName::new("work").unwrap(), GroupName::new("chat.lobby").unwrap());
    let mut members = Vec::new();
    for _ in 0..40 {
        let mailbox = peer.mailbox("member", MailboxOptions::default().with_capacity(10 * CALLS)).await.unwrap();
        peer.group_add(&group, mailbox.channel()).await.unwrap();
        members.push(mailbox);
    }
    let sent = round_trips(&wire, async || layer.send(&work, message! { "type": "job" }).await.unwrap()).await;
    assert!(is_each(sent, 1), "{sent} round trips for {CALLS} messages");
    let sent = round_trips(&wire, async || layer.group_send(&group, message! { "type": "chat" }).await.unwrap()).await;
    assert!(is_each(sent, 2), "{sent} round trips for {CALLS} messages to a group of {}", members.len());
    for member in &mut members {
        within("what was sent", member.recv()).await.unwrap();
    }

    let layer = Layer::redis_pubsub(far).unwrap();
    // Its own canaries go over this wire as well, one a few seconds.
    let sent = round_trips(&wire, async || layer.group_send(&group, message! { "type": "chat" }).await.unwrap()).await;
    assert!(is_each(sent, 1), "{sent} round trips for {CALLS} messages published");
}

#[tokio::test]
async fn receiving_takes_what_is_there_in_one_pop() {
    let server = RedisServer::start().await;
    let layer = Layer::redis(RedisConfig::new([Host::url(&server.url()).unwrap()])).unwrap();
    let channel = layer.new_channel("burst").await.unwrap();
    for number in 0..CALLS {
        layer.send(&channel, message! { "type": "chat", "number": number }).await.unwrap();
    }
    let key = format!("asgi{}", channel.non_local());
    assert_eq!(server.ok(&["ZCARD", &key]).await.int(), 100);
    let popped = server.info().await.contains_key("cmdstat_bzmpop");
    assert!(!popped, "nobody has received yet");
    within("a message", layer.receive(&channel)).await.unwrap();
    assert_eq!(server.ok(&["ZCARD", &key]).await.int(), 0);
    for _ in 1..CALLS {
        within("a message", layer.receive(&channel)).await.unwrap();
    }
}
