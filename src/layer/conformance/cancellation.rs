//! Dropping a future at every point where it waits: each verb is polled once, twice, … and dropped, until a number of
//! polls is enough for it to be ready. Then nothing may be lost, doubled or left behind.

use std::time::Duration;

use super::tools::{
    assert_held, assert_quiet, cancelled_after, channel, group, number, numbered, numbers, poll_counts, soon,
};
use super::{Factory, Settings};
use crate::layer::{ChannelLayer, MailboxOptions};
use crate::{ChannelName, Result};

/// Settings under which nothing is dropped for lack of room.
fn roomy() -> Settings {
    Settings { capacity: 1_000_000, ..Settings::default() }
}

/// A `send` that was dropped has sent the message once or not at all.
pub async fn send_at_every_point(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(roomy()).await;
    let before = factory.held(&layer);
    let name = layer.new_channel("test").await?;
    for polls in poll_counts() {
        let sent = cancelled_after(polls, layer.send(&name, numbered(1))).await.transpose()?.is_some();
        layer.send(&name, numbered(2)).await?;
        let first = numbers(&layer, &name, 1).await?[0];
        assert!(!sent || first == 1, "the message was sent, and is lost");
        if first == 1 {
            assert_eq!(numbers(&layer, &name, 1).await?, [2], "the message was sent twice");
        }
        if sent {
            assert_held(factory, &layer, before).await;
            return Ok(());
        }
    }
    panic!("send is not ready however often it is polled");
}

/// A `receive` that was dropped has taken no message, whether one was there before it or came while it waited.
pub async fn receive_at_every_point(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(roomy()).await;
    receive_at_every_point_of(factory, &layer, layer.new_channel("test").await?).await?;
    if layer.capabilities().keeps_messages {
        receive_at_every_point_of(factory, &layer, channel("test-channel")).await?;
    }
    Ok(())
}

async fn receive_at_every_point_of<F: Factory>(factory: &F, layer: &F::Layer, name: ChannelName) -> Result<()> {
    let before = factory.held(layer);
    for polls in poll_counts() {
        layer.send(&name, numbered(1)).await?;
        let received = cancelled_after(polls, layer.receive(&name)).await.transpose()?;
        if let Some(received) = received {
            assert_eq!(number(&received), 1);
            assert_quiet(layer, &name).await;
            break;
        }
        assert_eq!(numbers(layer, &name, 1).await?, [1], "dropped after {polls} polls");
    }
    for polls in 0..20 {
        let nothing = cancelled_after(polls, layer.receive(&name)).await;
        assert!(nothing.is_none());
        layer.send(&name, numbered(2)).await?;
        assert_eq!(numbers(layer, &name, 1).await?, [2], "dropped after {polls} polls");
    }
    assert_held(factory, layer, before).await;
    Ok(())
}

/// Sending, and a receiver that is aborted after a while, a hundred times: what was not received is still there.
pub async fn receive_cancelled_at_any_time(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings { capacity: 30, ..Settings::default() }).await;
    let name = layer.new_channel("test").await?;
    let mut received = Vec::new();
    for round in 0..100u64 {
        let task = tokio::spawn({
            let (layer, name) = (layer.clone(), name.clone());
            async move { layer.receive(&name).await }
        });
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        layer.send(&name, numbered(i64::try_from(round).expect("a hundred"))).await?;
        tokio::time::sleep(Duration::from_millis(round % 11)).await;
        task.abort();
        match task.await {
            Ok(message) => received.push(number(&message?)),
            Err(cancelled) => assert!(cancelled.is_cancelled()),
        }
        if round % 10 == 9 {
            let missing = usize::try_from(round).expect("a hundred") + 1 - received.len();
            received.extend(numbers(&layer, &name, missing).await?);
        }
    }
    received.sort_unstable();
    assert_eq!(received, (0..100).collect::<Vec<_>>());
    Ok(())
}

/// Of two receivers the first is woken for a message and dropped before it runs: the second one gets it.
pub async fn a_woken_receiver_that_is_cancelled_loses_nothing(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    for round in 0..20 {
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let (layer, name) = (layer.clone(), name.clone());
                tokio::spawn(async move { layer.receive(&name).await })
            })
            .collect();
        factory.settle(&layer).await;
        layer.send(&name, numbered(round)).await?;
        let mut received = Vec::new();
        receivers[0].abort();
        let mut receivers = receivers.into_iter();
        match receivers.next().expect("there are two").await {
            Ok(message) => received.push(number(&message?)),
            Err(cancelled) => assert!(cancelled.is_cancelled()),
        }
        let second = receivers.next().expect("there are two");
        if received.is_empty() {
            received.push(number(&soon(second).await.expect("the receiver ends")?));
        } else {
            second.abort();
            assert!(second.await.is_err(), "the message came twice");
        }
        assert_eq!(received, [round]);
    }
    Ok(())
}

/// A name or a mailbox that nobody got leaves nothing behind.
pub async fn new_channel_and_mailbox_at_every_point(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    for polls in poll_counts() {
        let name = cancelled_after(polls, layer.new_channel("test")).await.transpose()?;
        let mailbox = cancelled_after(polls, layer.mailbox("test", MailboxOptions::default())).await.transpose()?;
        let done = name.is_some() && mailbox.is_some();
        drop(mailbox);
        assert_held(factory, &layer, before).await;
        if done {
            return Ok(());
        }
    }
    panic!("they are not ready however often they are polled");
}

/// A `group_add` or `group_discard` that was dropped has happened or not, and the next one makes it good.
pub async fn membership_at_every_point(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(roomy()).await;
    let before = factory.held(&layer);
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    for polls in poll_counts() {
        let added = cancelled_after(polls, layer.group_add(&members, &name)).await.transpose()?.is_some();
        if added {
            layer.group_send(&members, numbered(1)).await?;
            assert_eq!(numbers(&layer, &name, 1).await?, [1]);
        }
        layer.group_add(&members, &name).await?;
        let discarded = cancelled_after(polls, layer.group_discard(&members, &name)).await.transpose()?.is_some();
        if !discarded {
            layer.group_discard(&members, &name).await?;
        }
        layer.group_send(&members, numbered(2)).await?;
        // One that is on its way could still arrive after the next round's `group_add`.
        factory.settle(&layer).await;
        assert_held(factory, &layer, before).await;
        if added && discarded {
            assert_quiet(&layer, &name).await;
            return Ok(());
        }
    }
    panic!("they are not ready however often they are polled");
}

/// A `group_send` that was dropped has reached each member once or not at all.
pub async fn group_send_at_every_point(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(roomy()).await;
    let members = group("test-group");
    let mut mailboxes = Vec::new();
    for _ in 0..5 {
        let mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        mailboxes.push(mailbox);
    }
    for polls in poll_counts() {
        let sent = cancelled_after(polls, layer.group_send(&members, numbered(1))).await.transpose()?.is_some();
        layer.group_send(&members, numbered(2)).await?;
        for mailbox in &mut mailboxes {
            let first = number(&soon(mailbox.recv()).await?);
            assert!(!sent || first == 1, "the message was sent, and is lost");
            if first == 1 {
                assert_eq!(number(&soon(mailbox.recv()).await?), 2, "the message was sent twice");
            }
        }
        if sent {
            return Ok(());
        }
    }
    panic!("group_send is not ready however often it is polled");
}

/// A `flush` or `close` that was dropped can be done again.
pub async fn flush_and_close_at_every_point(factory: &impl Factory) -> Result<()> {
    for polls in poll_counts() {
        let layer = factory.layer(roomy()).await;
        let before = factory.held(&layer);
        let name = channel("test-channel");
        layer.send(&name, numbered(1)).await?;
        let flushed = cancelled_after(polls, layer.flush()).await.transpose()?.is_some();
        layer.flush().await?;
        assert_held(factory, &layer, before).await;
        let closed = cancelled_after(polls, layer.close()).await.transpose()?.is_some();
        layer.close().await?;
        assert!(layer.send(&name, numbered(2)).await.is_err());
        assert_held(factory, &layer, before).await;
        if flushed && closed {
            return Ok(());
        }
    }
    panic!("they are not ready however often they are polled");
}
