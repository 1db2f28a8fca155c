//! `channel-layers listen`: what groups hear, one JSON object a line.

use std::io::{ErrorKind, Write};

use channel_layers::client::{Client, ClientConfig, Group, State};
use channel_layers::{Error, Message};
use futures_util::stream::{SelectAll, select_all};
use futures_util::{Stream, StreamExt};

use crate::failure::Failure;
use crate::serve::stop_signal;

/// Print what is sent to groups, one JSON object a line: {"group": …, "message": …}.
///
/// Also prints what is sent to the connection's own channel, as {"channel": …, "message": …}. Reconnects by itself and
/// joins again; ends when it is interrupted, or when the gateway ends it for good.
#[derive(Debug, clap::Args)]
pub(crate) struct Listen {
    /// A group to join; may be given several times.
    #[arg(long = "group", short, value_name = "GROUP")]
    groups: Vec<String>,

    /// The gateway: ws://HOST:PORT/ws or http://HOST:PORT.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    to: String,
}

/// Something that was heard: where, its name, and what.
type Heard = (&'static str, String, Result<Message, Error>);

impl Listen {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let failed = |e: Error| Failure::of(&e, &self.to);
        let client = Client::connect(&self.to, ClientConfig::default()).map_err(failed)?;
        let groups =
            self.groups.iter().map(|name| client.group(name)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let listened = tokio::select! {
            () = stop_signal()? => Ok(()),
            listened = listen(&client, &groups, &self.to) => listened,
        };
        client.close().await;
        listened
    }
}

/// Prints until the client has ended, a group is refused, or nobody reads any more.
async fn listen(client: &Client, groups: &[Group], url: &str) -> Result<(), Failure> {
    let mut states = client.states();
    let mut heard = all(client, groups);
    loop {
        tokio::select! {
            Some(state) = states.next() => tell(client, &state, url),
            next = heard.next() => match next {
                Some((place, name, Ok(message))) => {
                    if !print(place, &name, &message)? {
                        return Ok(());
                    }
                }
                Some((_, name, Err(e))) if e.kind() == channel_layers::ErrorKind::Lagged => {
                    tracing::warn!("{name}: {e}");
                }
                Some((_, _, Err(e))) => return Err(Failure::of(&e, url)),
                None => return Err(Failure::failed(format!("the connection to {url} has ended"))),
            },
        }
    }
}

fn all<'a>(client: &'a Client, groups: &'a [Group]) -> SelectAll<std::pin::Pin<Box<dyn Stream<Item = Heard> + 'a>>> {
    let own = client.stream().map(|message| {
        let name = client.channel().map(|channel| channel.to_string());
        ("channel", name.unwrap_or_default(), message)
    });
    let groups = groups.iter().map(|group| {
        let heard = group.stream().map(|message| ("group", group.name().to_string(), message));
        Box::pin(heard) as std::pin::Pin<Box<dyn Stream<Item = Heard> + 'a>>
    });
    select_all(groups.chain([Box::pin(own) as _]))
}

/// Says on standard error how the connection is.
fn tell(client: &Client, state: &State, url: &str) {
    match state {
        State::Connected => {
            let channel = client.channel().map(|channel| channel.to_string()).unwrap_or_default();
            tracing::info!(%channel, "connected to {url}");
        }
        State::Connecting { retry_in, reason, code, .. } if *code != 0 => {
            tracing::warn!(code, "not connected to {url}: {reason}; trying again in {retry_in:.1?}");
        }
        _ => {}
    }
}

/// Prints one line; false when nobody reads any more, as behind `| head`.
fn print(place: &str, name: &str, message: &Message) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    let name = serde_json::Value::from(name);
    match writeln!(out, r#"{{"{place}":{name},"message":{message}}}"#).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::failed(format!("standard output cannot be written: {e}"))),
    }
}
