//! Listening as a client of a gateway.

use std::pin::Pin;

use channel_layers::client::{Client, ClientConfig, Group, GroupState, State};
use channel_layers::{Error, ErrorKind, Message};
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};

use super::print;
use crate::failure::Failure;

/// What there is to print or to say.
enum Event {
    /// A message: `group` or `channel`, its name, and what.
    Heard(&'static str, String, Result<Message, Error>),
    /// The membership in a group changed.
    Membership(String, GroupState),
}

type Events<'a> = SelectAll<Pin<Box<dyn Stream<Item = Event> + 'a>>>;

/// Listens until the client has ended, a group is refused, or nobody reads any more.
pub(super) async fn listen(
    url: &str,
    config: ClientConfig,
    groups: &[String],
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let failed = |e: Error| Failure::of(&e, url);
    let client = Client::connect(url, config).map_err(failed)?;
    let groups = groups.iter().map(|name| client.group(name)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let listened = tokio::select! {
        () = stop => Ok(()),
        listened = print_all(&client, &groups, url) => listened,
    };
    client.close().await;
    listened
}

async fn print_all(client: &Client, groups: &[Group], url: &str) -> Result<(), Failure> {
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
