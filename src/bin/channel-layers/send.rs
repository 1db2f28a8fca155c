//! `channel-layers group-send` and `channel-layers send`.

use std::io::Read;

use channel_layers::client::Client;
use channel_layers::layer::{ChannelLayer, Layer};
use channel_layers::{ChannelName, GroupName, Message};

use crate::access::AccessArgs;
use crate::failure::Failure;
use crate::layer::{Direct, LayerArgs};
use crate::post::post;

/// Where to send, shared by both commands.
#[derive(Debug, clap::Args)]
struct Destination {
    /// The gateway: http://HOST:PORT to post the message, or ws://HOST:PORT/ws to send it as a client does; https:// and
    /// wss:// with TLS.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000", conflicts_with = "layer")]
    to: String,

    #[command(flatten)]
    access: AccessArgs,

    #[command(flatten)]
    layer: LayerArgs,
}

const GROUP_SEND_EXAMPLES: &str = r#"Examples, through a gateway and straight into the Redis that it shares with Django:
  channel-layers group-send chat.lobby '{"type": "chat.message", "text": "hello"}'
  channel-layers group-send --backend redis --redis-url redis://localhost:6379/1 chat.lobby '{"type": "chat.message"}'"#;

const SEND_EXAMPLES: &str = r#"Examples, through a gateway and straight into the Redis that it shares with Django:
  channel-layers send thumbnails-generate '{"type": "generate", "id": 7}'
  channel-layers send --backend redis --redis-url redis://localhost:6379/1 thumbnails-generate '{"type": "generate"}'"#;

/// Send a message to every member of a group.
///
/// Through a gateway, or with --backend or --redis-url through a channel layer itself.
#[derive(Debug, clap::Args)]
#[command(after_help = GROUP_SEND_EXAMPLES)]
pub(crate) struct GroupSend {
    /// The group's name.
    group: String,
    /// The message, a JSON map; `-` reads it from standard input.
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    message: String,
    #[command(flatten)]
    destination: Destination,
}

/// Send a message to one channel: a connection's own, or a worker's.
///
/// Through a gateway, or with --backend or --redis-url through a channel layer itself.
#[derive(Debug, clap::Args)]
#[command(after_help = SEND_EXAMPLES)]
pub(crate) struct Send {
    /// The channel's name.
    channel: String,
    /// The message, a JSON map; `-` reads it from standard input.
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    message: String,
    #[command(flatten)]
    destination: Destination,
}

impl GroupSend {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Destination { to, access, layer } = &self.destination;
        let group = GroupName::new(&self.group).map_err(|e| Failure::of(&e, to))?;
        let message = read(self.message)?;
        if let Some(direct) = layer.direct()? {
            let layer = open(direct).await?;
            return settle(&layer, layer.group_send(&group, message).await).await;
        }
        if !is_websocket(to)? {
            let path = format!("/api/groups/{group}/messages");
            return post(to, &path, access.bearer(), &message).await.map(report);
        }
        let client = connect(to, access)?;
        let sent = match client.group(&group) {
            Ok(group) => group.send(message).await,
            Err(e) => Err(e),
        };
        finish(&client, sent, to).await
    }
}

impl Send {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Destination { to, access, layer } = &self.destination;
        let channel = ChannelName::new(&self.channel).map_err(|e| Failure::of(&e, to))?;
        let message = read(self.message)?;
        if let Some(direct) = layer.direct()? {
            let layer = open(direct).await?;
            return settle(&layer, layer.send(&channel, message).await).await;
        }
        if !is_websocket(to)? {
            // Of the characters of a channel name, `!` is the only one that some shells and proxies would touch.
            let path = format!("/api/channels/{}/messages", channel.as_str().replace('!', "%21"));
            return post(to, &path, access.bearer(), &message).await.map(report);
        }
        let client = connect(to, access)?;
        let sent = client.send(&channel, message).await;
        finish(&client, sent, to).await
    }
}

fn report(local: u64) {
    tracing::info!(local, "sent: {local} connections of this gateway were in reach");
}

fn read(message: String) -> Result<Message, Failure> {
    let text = match message.as_str() {
        "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|e| Failure::usage(format!("standard input cannot be read: {e}")))?;
            text
        }
        _ => message,
    };
    let example = r#"write a JSON map, such as '{"type": "chat.message", "text": "hello"}'"#;
    Message::from_json(text).map_err(|e| Failure::usage(format!("{e}; {example}")))
}

/// Whether an address is that of a WebSocket; otherwise it is one to post to.
fn is_websocket(url: &str) -> Result<bool, Failure> {
    match url.split_once("://") {
        Some(("ws" | "wss", _)) => Ok(true),
        Some(("http" | "https", _)) => Ok(false),
        _ => Err(Failure::usage(format!("{url} is no gateway's address: write http://HOST:PORT or ws://HOST:PORT/ws"))),
    }
}

fn connect(url: &str, access: &AccessArgs) -> Result<Client, Failure> {
    Client::connect(url, access.client()).map_err(|e| Failure::of(&e, url))
}

async fn finish(client: &Client, sent: channel_layers::Result<()>, url: &str) -> Result<(), Failure> {
    client.close().await;
    sent.map_err(|e| Failure::of(&e, url))
}

async fn open(direct: Direct) -> Result<Layer, Failure> {
    Layer::connect(direct.config).await.map_err(|e| Failure::of_layer(&e))
}

async fn settle(layer: &Layer, sent: channel_layers::Result<()>) -> Result<(), Failure> {
    // Nothing is lost by a connection that does not end well: the server has accepted the message or `sent` says so.
    let _ = layer.close().await;
    sent.map_err(|e| Failure::of_layer(&e))
}
