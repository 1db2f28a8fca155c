//! How a Redis layer ends: work that it had in hand goes to others, and nothing of it stays in Redis.
#![cfg(not(target_family = "wasm"))]

use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer};
use channel_layers::layer::{ChannelLayer, MailboxOptions};
use channel_layers::{ChannelName, GroupName, Message, Result, message};
use rig::{RedisServer, until, within};

async fn open(server: &RedisServer) -> Result<RedisLayer> {
    RedisLayer::connect(RedisConfig::new([Host::url(&server.url())?])).await
}

fn number(message: &Message) -> i64 {
    message.get("number").and_then(|number| number.as_int()).unwrap()
}

/// Workers come and close while work is sent: each message is received once, by one of them or by the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_closes_loses_no_work() -> Result<()> {
    const ROUNDS: i64 = 30;
    let server = RedisServer::start().await;
    let (sender, work) = (open(&server).await?, ChannelName::new("work")?);
    let mut received = Vec::new();
    for round in 0..ROUNDS {
        let worker = open(&server).await?;
        let receiving = tokio::spawn({
            let (worker, work) = (worker.clone(), work.clone());
            async move { worker.receive(&work).await }
        });
        let sending = tokio::spawn({
            let (sender, work) = (sender.clone(), work.clone());
            async move { sender.send(&work, message! { "type": "job", "number": round }).await }
        });
        // The reader is there, so that some rounds close in the middle of a pop and some before it.
        if round % 2 == 0 {
            until!("the worker pops", server.clients().await.iter().any(|client| client["cmd"].contains("pop")));
        }
        worker.close().await?;
        within("the message is sent", sending).await.unwrap()?;
        received.extend(within("the worker ends", receiving).await.unwrap().ok());
    }
    while i64::try_from(received.len()).unwrap() < ROUNDS {
        received.push(within("what was given back", sender.receive(&work)).await?);
    }
    let mut numbers: Vec<_> = received.iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..ROUNDS).collect::<Vec<_>>());
    Ok(())
}

/// A layer that closes, and a mailbox that is dropped, leave the groups; the connections end.
#[tokio::test]
async fn nothing_of_a_layer_stays() -> Result<()> {
    let server = RedisServer::start().await;
    let before = server.clients().await.len();
    let layer = open(&server).await?;
    let group = GroupName::new("chat")?;
    let (stays, goes) = (
        layer.mailbox("test", MailboxOptions::default()).await?,
        layer.mailbox("test", MailboxOptions::default()).await?,
    );
    layer.group_add(&group, stays.channel()).await?;
    layer.group_add(&group, goes.channel()).await?;
    let members = async || server.ok(&["ZRANGE", "asgi:group:chat", "0", "-1"]).await.texts();
    drop(goes);
    until!("the dropped mailbox has left", members().await == [stays.channel().as_str()]);
    layer.close().await?;
    assert_eq!(members().await, [""; 0]);
    until!("the connections end", server.clients().await.len() == before);
    Ok(())
}

/// Handles that are dropped without closing end the connections too, once the last mailbox is gone.
#[tokio::test]
async fn a_layer_that_is_dropped_ends() -> Result<()> {
    let server = RedisServer::start().await;
    let before = server.clients().await.len();
    let layer = open(&server).await?;
    let other = open(&server).await?;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    drop(layer);
    other.send(mailbox.channel(), message! { "type": "test", "number": 1 }).await?;
    assert_eq!(number(&within("a mailbox keeps its layer", mailbox.recv()).await?), 1);
    drop((mailbox, other));
    until!("the connections end", server.clients().await.len() == before);
    Ok(())
}
