//! Flushing, closing, and what a layer says of itself.

use std::time::Duration;

use super::tools::{assert_held, assert_kind, assert_quiet, channel, group, mailed, number, numbered, numbers, soon};
use super::{Factory, Settings};
use crate::layer::{ChannelLayer, LayerEvent, MailboxOptions};
use crate::{ErrorKind, Result};

/// After `flush` there is no message and no group, for anybody.
pub async fn flush_empties(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let (members, local) = (group("test-group"), layer.new_channel("test").await?);
    let names = [channel("one"), channel("two"), local];
    for name in &names {
        layer.group_add(&members, name).await?;
        layer.send(name, numbered(1)).await?;
    }
    layer.group_send(&members, numbered(2)).await?;
    factory.settle(&layer).await;
    layer.flush().await?;
    assert_held(factory, &layer, before).await;
    layer.group_send(&members, numbered(3)).await?;
    for name in &names {
        assert_quiet(&layer, name).await;
    }
    layer.group_add(&members, &names[2]).await?;
    layer.group_send(&members, numbered(4)).await?;
    assert_eq!(numbers(&layer, &names[2], 1).await?, [4]);
    Ok(())
}

/// `flush` empties mailboxes and takes them out of groups, but they and receivers that wait go on.
pub async fn flush_keeps_mailboxes_and_receivers(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let members = group("test-group");
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    layer.group_add(&members, mailbox.channel()).await?;
    layer.group_send(&members, numbered(1)).await?;
    let name = layer.new_channel("test").await?;
    let receiver = tokio::spawn({
        let (layer, name) = (layer.clone(), name.clone());
        async move { layer.receive(&name).await }
    });
    factory.settle(&layer).await;
    layer.flush().await?;
    layer.group_send(&members, numbered(2)).await?;
    factory.settle(&layer).await;
    assert!(mailbox.try_recv()?.is_none());
    layer.send(&name, numbered(3)).await?;
    assert_eq!(number(&soon(receiver).await.expect("the receiver ends")?), 3);
    layer.group_add(&members, mailbox.channel()).await?;
    layer.group_send(&members, numbered(4)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [4]);
    layer.send(mailbox.channel(), numbered(5)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [5]);
    Ok(())
}

/// After `close` every verb fails with it, on every clone, and nothing is held.
pub async fn close_fails_every_verb(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let (members, name) = (group("test-group"), channel("test-channel"));
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    layer.group_add(&members, &name).await?;
    layer.group_add(&members, mailbox.channel()).await?;
    layer.group_send(&members, numbered(1)).await?;
    layer.clone().close().await?;
    assert_kind(layer.send(&name, numbered(2)).await, ErrorKind::Closed);
    assert_kind(layer.send(mailbox.channel(), numbered(2)).await, ErrorKind::Closed);
    assert_kind(soon(layer.receive(&name)).await, ErrorKind::Closed);
    assert_kind(soon(layer.receive(mailbox.channel())).await, ErrorKind::Closed);
    assert_kind(layer.new_channel("test").await, ErrorKind::Closed);
    assert_kind(layer.mailbox("test", MailboxOptions::default()).await, ErrorKind::Closed);
    assert_kind(layer.group_add(&members, &name).await, ErrorKind::Closed);
    assert_kind(layer.group_discard(&members, &name).await, ErrorKind::Closed);
    assert_kind(layer.group_send(&members, numbered(2)).await, ErrorKind::Closed);
    assert_kind(layer.flush().await, ErrorKind::Closed);
    assert_kind(soon(mailbox.recv()).await, ErrorKind::Closed);
    assert_kind(mailbox.try_recv(), ErrorKind::Closed);
    layer.close().await?;
    drop(mailbox);
    assert_held(factory, &layer, before).await;
    Ok(())
}

/// Receivers that wait, of channels and of mailboxes, wake when the layer is closed.
pub async fn close_wakes_receivers(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    let mut receivers = vec![tokio::spawn(async move { mailbox.recv().await })];
    for name in [channel("test-channel"), channel("test-channel"), layer.new_channel("test").await?] {
        let layer = layer.clone();
        receivers.push(tokio::spawn(async move { layer.receive(&name).await }));
    }
    factory.settle(&layer).await;
    layer.close().await?;
    for receiver in receivers {
        assert_kind(soon(receiver).await.expect("the receiver ends"), ErrorKind::Closed);
    }
    Ok(())
}

/// What a layer says of itself is what it was set up with.
pub async fn capabilities_tell_the_settings(factory: &impl Factory) -> Result<()> {
    let (expiry, group_expiry) = (Duration::from_secs(7), Duration::from_secs(11));
    let layer = factory.layer(Settings { expiry, group_expiry, ..Settings::default() }).await;
    let capabilities = layer.capabilities();
    assert_eq!((capabilities.expiry, capabilities.group_expiry), (expiry, group_expiry));
    assert!(!capabilities.name.is_empty());
    let standard = factory.layer(Settings::default()).await.capabilities();
    assert_eq!((standard.expiry.as_secs(), standard.group_expiry.as_secs()), (60, 86_400));
    Ok(())
}

/// Whoever listens is told of a flush, each time, and that the layer was closed.
pub async fn events_tell_of_flush_and_end(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut events = [layer.events(), layer.clone().events()];
    for _ in 0..2 {
        layer.flush().await?;
        for events in &mut events {
            while soon(events.next()).await.expect("the layer is open") != LayerEvent::Flushed {}
        }
    }
    layer.close().await?;
    for mut events in events.into_iter().chain([layer.events()]) {
        while let Some(event) = soon(events.next()).await {
            assert_ne!(event, LayerEvent::Flushed, "nobody flushed it again");
        }
    }
    Ok(())
}
