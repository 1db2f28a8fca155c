//! Listening on a channel layer itself: a mailbox for each group, and receiving on channels as a worker does.

use std::pin::{Pin, pin};

use channel_layers::config::LayerConfig;
use channel_layers::layer::{ChannelLayer, Layer, LayerEvent, Mailbox, MailboxOptions};
use channel_layers::{ChannelName, Error, GroupName, Message, Result};
use futures_util::Stream;
use futures_util::stream::{SelectAll, StreamExt, poll_fn, unfold};

use super::print;
use crate::failure::Failure;

/// How many messages wait for a slow reader of standard output before some are left out.
const WAITING: usize = 10_000;

/// A message: `group` or `channel`, its name, and what.
type Heard = (&'static str, String, Result<Message>);
type Messages<'a> = SelectAll<Pin<Box<dyn Stream<Item = Heard> + 'a>>>;

/// Listens until it is asked to stop, the layer fails, or nobody reads any more.
pub(super) async fn listen(
    config: LayerConfig,
    name: &str,
    groups: &[String],
    channels: &[String],
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let failed = |e: Error| Failure::of_layer(&e);
    let groups = groups.iter().map(GroupName::new).collect::<Result<Vec<_>>>().map_err(failed)?;
    let channels = channels.iter().map(ChannelName::new).collect::<Result<Vec<_>>>().map_err(failed)?;
    let mut stop = pin!(stop);
    let layer = tokio::select! {
        () = &mut stop => return Ok(()),
        layer = Layer::connect(config) => layer.map_err(failed)?,
    };
    tracing::info!("connected to {name}");
    let listened = tokio::select! {
        () = &mut stop => Ok(()),
        listened = print_all(&layer, &groups, &channels) => listened,
    };
    // What cannot be taken back from a server that is away expires there.
    let _ = layer.close().await;
    listened
}

async fn print_all(layer: &Layer, groups: &[GroupName], channels: &[ChannelName]) -> Result<(), Failure> {
    let mut events = layer.events();
    let mut messages = messages(layer, groups, channels).await.map_err(|e| Failure::of_layer(&e))?;
    loop {
        let heard = tokio::select! {
            Some(event) = events.next() => {
                tell(&event);
                continue;
            }
            heard = messages.next() => heard,
        };
        match heard {
            Some((place, name, Ok(message))) => {
                if !print(place, &name, &message)? {
                    return Ok(());
                }
            }
            Some((_, _, Err(e))) => return Err(Failure::of_layer(&e)),
            None => return Err(Failure::failed("the layer has ended")),
        }
    }
}

async fn messages<'a>(layer: &'a Layer, groups: &[GroupName], channels: &'a [ChannelName]) -> Result<Messages<'a>> {
    let options = MailboxOptions::default().with_capacity(WAITING);
    let mut messages: Messages<'a> = SelectAll::new();
    for channel in channels {
        let received =
            unfold(
                (),
                move |()| async move { Some((("channel", channel.to_string(), layer.receive(channel).await), ())) },
            );
        messages.push(received.boxed_local());
        tracing::info!("receiving on {channel}");
    }
    // One mailbox for each group, as a message does not tell which group it came through.
    for group in groups {
        let mailbox = layer.mailbox("listen", options.clone()).await?;
        layer.group_add(group, mailbox.channel()).await?;
        tracing::info!("joined {group}");
        messages.push(stream("group", group.to_string(), mailbox).boxed_local());
    }
    if groups.is_empty() && channels.is_empty() {
        let mailbox = layer.mailbox("listen", options).await?;
        tracing::info!(channel = %mailbox.channel(), "listening on a channel of its own");
        messages.push(stream("channel", mailbox.channel().to_string(), mailbox).boxed_local());
    }
    Ok(messages)
}

/// What a mailbox receives, and a warning where it had no room for some.
fn stream(place: &'static str, name: String, mut mailbox: Mailbox) -> impl Stream<Item = Heard> {
    let mut ended = false;
    poll_fn(move |cx| {
        if ended {
            return std::task::Poll::Ready(None);
        }
        mailbox.poll_recv(cx).map(|message| {
            let dropped = mailbox.dropped();
            if dropped > 0 {
                tracing::warn!("{name}: {dropped} messages were left out, as they came faster than they were read");
            }
            ended = message.is_err();
            Some((place, name.clone(), message))
        })
    })
}

/// Says on standard error how the connections are.
fn tell(event: &LayerEvent) {
    match event {
        LayerEvent::Disconnected { host, reason } => tracing::warn!("not connected to {host}: {reason}; trying again"),
        LayerEvent::Reconnected { host, after } => {
            tracing::info!("connected to {host} again after {after:.1?}; messages in between may be missing");
        }
        LayerEvent::DataLost { host } => tracing::warn!("{host} had lost its data; messages may be missing"),
        _ => {}
    }
}
