//! `channel-layers listen`: what groups and channels hear, one JSON object a line.

mod gateway;
mod layer;

use std::io::Write;

use channel_layers::Message;
use serde_json::Value;

use crate::access::TokenArgs;
use crate::failure::Failure;
use crate::layer::{Direct, LayerArgs};
use crate::signal::stop_signal;

const EXAMPLES: &str = r#"Examples:
  channel-layers listen --group chat.lobby
  channel-layers listen --group chat.lobby --backend redis --redis-url redis://localhost:6379/1
  channel-layers listen --channel thumbnails-generate --redis-url redis://localhost:6379/1"#;

/// Print what is sent to groups, one JSON object a line: {"group": …, "message": …}.
///
/// Also prints what is sent to the connection's own channel, as {"channel": …, "message": …}. Reconnects by itself and
/// joins again; ends when it is interrupted, or when the gateway ends it for good.
///
/// With --backend or --redis-url it listens on a channel layer itself, without a gateway, and can then be a worker that
/// takes messages off a channel.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Listen {
    /// A group to join; may be given several times.
    #[arg(long = "group", short, value_name = "GROUP")]
    groups: Vec<String>,

    /// A channel to take messages off, each of which only one of those who listen gets; may be given several times.
    /// Needs --backend or --redis-url.
    #[arg(long = "channel", short, value_name = "CHANNEL", conflicts_with = "to")]
    channels: Vec<String>,

    /// The gateway: ws://HOST:PORT/ws or http://HOST:PORT; wss:// and https:// with TLS.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000", conflicts_with = "layer")]
    to: String,

    #[command(flatten)]
    token: TokenArgs,

    #[command(flatten)]
    layer: LayerArgs,
}

impl Listen {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal()?;
        match self.layer.direct()? {
            Some(Direct { config, name }) => layer::listen(config, &name, &self.groups, &self.channels, stop).await,
            None if self.channels.is_empty() => {
                gateway::listen(&self.to, self.token.client(), &self.groups, stop).await
            }
            None => {
                let text = "--channel takes messages off a channel layer itself: add --backend or --redis-url";
                Err(Failure::usage(text))
            }
        }
    }
}

/// Prints one line; false when nobody reads any more, as behind `| head`.
fn print(place: &str, name: &str, message: &Message) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    let name = Value::from(name);
    match writeln!(out, r#"{{"{place}":{name},"message":{message}}}"#).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::failed(format!("standard output cannot be written: {e}"))),
    }
}
