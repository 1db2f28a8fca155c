//! `channel-layers listen`: what groups hear, one JSON object a line.

use std::io::Write;
use std::pin::Pin;

use channel_layers::client::{Client, ClientConfig, Group, GroupState, State};
use channel_layers::{Error, ErrorKind, Message};
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};

use crate::failure::Failure;
use crate::signal::stop_signal;

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

/// What there is to print or to say.
enum Event {
    /// A message: `group` or `channel`, its name, and what.
    Heard(&'static str, String, Result<Message, Error>),
    /// The membership in a group changed.
    Membership(String, GroupState),
}

type Events<'a> = SelectAll<Pin<Box<dyn Stream<Item = Event> + 'a>>>;

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
    let mut events = events(client, groups);
    loop {
        let event = tokio::select! {
            Some(state) = states.next() => {
                tell(client, &state, url);
                continue;
            }
            event = events.next() => event,
        };
        match event {
            Some(Event::Heard(place, name, Ok(message))) => {
                if !print(place, &name, &message)? {
                    return Ok(());
                }
            }
            Some(Event::Heard(_, name, Err(e))) if e.kind() == ErrorKind::Lagged => tracing::warn!("{name}: {e}"),
            Some(Event::Heard(_, _, Err(e))) => return Err(Failure::of(&e, url)),
            Some(Event::Membership(name, GroupState::Joined { .. })) => tracing::info!("joined {name}"),
            Some(Event::Membership(..)) => {}
            None => return Err(Failure::failed(format!("the connection to {url} has ended"))),
        }
    }
}

fn events<'a>(client: &'a Client, groups: &'a [Group]) -> Events<'a> {
    let own = client.stream().map(|message| {
        let name = client.channel().map(|channel| channel.to_string());
        Event::Heard("channel", name.unwrap_or_default(), message)
    });
    let mut events: Events<'a> = SelectAll::new();
    events.push(own.boxed_local());
    for group in groups {
        let name = || group.name().to_string();
        events.push(group.states().map(move |state| Event::Membership(name(), state)).boxed_local());
        events.push(group.stream().map(move |message| Event::Heard("group", name(), message)).boxed_local());
    }
    events
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
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::failed(format!("standard output cannot be written: {e}"))),
    }
}
