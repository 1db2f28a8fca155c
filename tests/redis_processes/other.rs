//! The other process: a layer, and whoever started it says what to do with it. It ends when that connection does.

use std::collections::HashMap;
use std::env;

use channel_layers::Result;
use channel_layers::config::LayersConfig;
use channel_layers::layer::{ChannelLayer, Layer, LayerEvent, Layers, MailboxOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;
use tokio::task::AbortHandle;

use super::wire::{self, Reply, Request, Verb};

/// What the test binary is started with to be the other process.
pub(crate) const ARGUMENTS: [&str; 4] = ["--exact", "other::serve", "--ignored", "--nocapture"];

/// So many messages wait in a mailbox here, which all go on at once: its own bounds are kept on the other side.
const ROOM: usize = 1_000_000;

/// Serves the process that started this one, on one thread, so that verbs begin in the order in which they are asked for.
#[tokio::test]
#[ignore = "it is the other process, which the tests start themselves"]
async fn serve() {
    let address = env::var(wire::ADDRESS).expect("the tests of this binary start this one themselves");
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (requests, mut replies) = stream.into_split();
    let config = LayersConfig::from_env().unwrap();
    let layer = Layer::connect(config.get(Layers::DEFAULT).unwrap().clone()).await.unwrap();

    let (out, mut said) = wire::outbox();
    wire::put(&out, Reply::Open(wire::words(&layer.capabilities())));
    tokio::spawn(tell_events(layer.clone(), out.clone()));
    tokio::spawn(async move {
        while let Some(reply) = said.recv().await {
            replies.write_all(wire::line(&reply).as_bytes()).await.expect("the other side reads until it is gone");
        }
    });

    let mut under_way: HashMap<u64, AbortHandle> = HashMap::new();
    let mut requests = BufReader::new(requests).lines();
    while let Ok(Some(line)) = requests.next_line().await {
        under_way.retain(|_, task| !task.is_finished());
        match wire::read(&line) {
            Request::Do(id, verb) => {
                let task = tokio::spawn(answer(layer.clone(), id, verb, out.clone()));
                under_way.insert(id, task.abort_handle());
            }
            Request::Drop(id) => under_way.remove(&id).iter().for_each(AbortHandle::abort),
        }
    }
}

async fn tell_events(layer: Layer, out: Sender<Reply>) {
    let mut events = layer.events();
    while let Some(event) = events.next().await {
        if event == LayerEvent::Flushed {
            wire::put(&out, Reply::Flushed);
        }
    }
    wire::put(&out, Reply::Ended);
}

/// Does what is wanted and says what came of it. That nobody listens any more is no error: the process is about to end.
async fn answer(layer: Layer, id: u64, verb: Verb, out: Sender<Reply>) {
    let reply = perform(&layer, id, verb, &out).await.unwrap_or_else(|error| wire::failed(id, &error));
    wire::put(&out, reply);
}

async fn perform(layer: &Layer, id: u64, verb: Verb, out: &Sender<Reply>) -> Result<Reply> {
    match verb {
        Verb::Receive(channel) => {
            let message = layer.receive(&channel).await?;
            return Ok(Reply::Received(id, channel, wire::text(&message)));
        }
        Verb::NewChannel(prefix) => return Ok(Reply::Done(id, Some(layer.new_channel(&prefix).await?))),
        Verb::Mailbox(prefix) => return forward(layer, id, &prefix, out).await,
        Verb::Send(channel, text) => layer.send(&channel, wire::message(text)).await?,
        Verb::GroupAdd(group, channel) => layer.group_add(&group, &channel).await?,
        Verb::GroupDiscard(group, channel) => layer.group_discard(&group, &channel).await?,
        Verb::GroupSend(group, text) => layer.group_send(&group, wire::message(text)).await?,
        Verb::Flush => layer.flush().await?,
        Verb::Close => layer.close().await?,
    }
    Ok(Reply::Done(id, None))
}

/// Opens a mailbox, and passes on what it receives until this is dropped or the layer closed.
async fn forward(layer: &Layer, id: u64, prefix: &str, out: &Sender<Reply>) -> Result<Reply> {
    let mut mailbox = layer.mailbox(prefix, MailboxOptions::default().with_capacity(ROOM)).await?;
    let channel = mailbox.channel().clone();
    wire::put(out, Reply::Done(id, Some(channel.clone())));
    loop {
        let message = mailbox.recv().await?;
        wire::put(out, Reply::Received(id, channel.clone(), wire::text(&message)));
    }
}
