//! Messages and memberships end.

use std::time::Duration;

use super::tools::{assert_held, assert_quiet, channel, group, mailed, numbered, numbers};
use super::{Factory, Settings};
use crate::Result;
use crate::layer::{ChannelLayer, MailboxOptions};

const EXPIRY: Duration = Duration::from_secs(3);

fn short() -> Settings {
    Settings { capacity: 3, expiry: EXPIRY, ..Settings::default() }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Of messages sent at 0, 2 and 4 seconds the first has expired after 3 seconds.
pub async fn old_messages_are_not_delivered(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(short()).await;
    let name = layer.new_channel("test").await?;
    for number in 0..3 {
        layer.send(&name, numbered(number)).await?;
        pass(if number < 2 { 2 } else { 0 }).await;
    }
    assert_eq!(numbers(&layer, &name, 2).await?, [1, 2]);
    assert_quiet(&layer, &name).await;
    layer.send(&name, numbered(3)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [3]);
    Ok(())
}

/// Messages of 0, 1 and 2 seconds are all there.
pub async fn young_messages_are_delivered(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(short()).await;
    let name = layer.new_channel("test").await?;
    for number in 0..3 {
        layer.send(&name, numbered(number)).await?;
        pass(if number < 2 { 1 } else { 0 }).await;
    }
    assert_eq!(numbers(&layer, &name, 3).await?, [0, 1, 2]);
    assert_quiet(&layer, &name).await;
    Ok(())
}

/// Messages to a group expire like others.
pub async fn old_group_messages_are_not_delivered(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(short()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    for number in 0..3 {
        layer.group_send(&members, numbered(number)).await?;
        pass(if number < 2 { 2 } else { 0 }).await;
    }
    assert_eq!(numbers(&layer, &name, 2).await?, [1, 2]);
    assert_quiet(&layer, &name).await;
    Ok(())
}

/// A channel full of messages that have expired takes new ones. (Django's in-memory layer refuses them.)
pub async fn expired_messages_make_room(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(short()).await;
    let name = layer.new_channel("test").await?;
    for number in 0..3 {
        layer.send(&name, numbered(number)).await?;
    }
    pass(4).await;
    layer.send(&name, numbered(3)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [3]);
    assert_quiet(&layer, &name).await;
    Ok(())
}

/// A direct message that has expired takes no group message's place.
pub async fn expired_messages_make_room_for_group_messages(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(short()).await;
    let members = group("test-group");
    let (one, two) = (layer.new_channel("one").await?, layer.new_channel("two").await?);
    layer.group_add(&members, &one).await?;
    layer.group_add(&members, &two).await?;
    layer.send(&one, numbered(0)).await?;
    pass(2).await;
    layer.group_send(&members, numbered(1)).await?;
    layer.group_send(&members, numbered(2)).await?;
    pass(2).await;
    layer.group_send(&members, numbered(3)).await?;
    assert_eq!(numbers(&layer, &one, 3).await?, [1, 2, 3]);
    assert_eq!(numbers(&layer, &two, 3).await?, [1, 2, 3]);
    assert_quiet(&layer, &one).await;
    assert_quiet(&layer, &two).await;
    Ok(())
}

/// A channel whose messages have expired leaves nothing behind once somebody has looked.
pub async fn expired_messages_are_forgotten(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(short()).await;
    let before = factory.held(&layer);
    let (one, two) = (channel("test-channel-1"), channel("test-channel-2"));
    layer.send(&one, numbered(1)).await?;
    layer.send(&two, numbered(2)).await?;
    pass(4).await;
    assert_quiet(&layer, &one).await;
    assert_quiet(&layer, &two).await;
    assert_held(factory, &layer, before).await;
    Ok(())
}

/// A membership ends `group_expiry` after it was added.
pub async fn memberships_end(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings { group_expiry: EXPIRY, ..Settings::default() }).await;
    let before = factory.held(&layer);
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    pass(2).await;
    layer.group_send(&members, numbered(1)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [1]);
    pass(2).await;
    layer.group_send(&members, numbered(2)).await?;
    assert_quiet(&layer, &name).await;
    assert_held(factory, &layer, before).await;
    layer.group_add(&members, &name).await?;
    layer.group_send(&members, numbered(3)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [3]);
    Ok(())
}

/// Adding a member again begins its time anew.
pub async fn adding_again_renews(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings { group_expiry: EXPIRY, ..Settings::default() }).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    for _ in 0..3 {
        layer.group_add(&members, &name).await?;
        pass(2).await;
    }
    layer.group_send(&members, numbered(1)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [1]);
    Ok(())
}

/// A member does not lose its membership because a message to it expired. (A layer may end it then; none here does.)
pub async fn membership_outlives_expired_messages(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(short()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    layer.group_send(&members, numbered(1)).await?;
    pass(4).await;
    layer.group_send(&members, numbered(2)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [2]);
    Ok(())
}

/// A mailbox stays a member as long as it is open, however short `group_expiry` is, while others' memberships end.
pub async fn a_mailbox_stays_a_member(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings { group_expiry: EXPIRY, ..Settings::default() }).await;
    let before = factory.held(&layer);
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    layer.group_add(&members, mailbox.channel()).await?;
    layer.group_add(&members, &name).await?;
    for number in 0..3 {
        pass(4).await;
        layer.group_send(&members, numbered(number)).await?;
        assert_eq!(mailed(&mut mailbox, 1).await?, [number]);
    }
    assert_quiet(&layer, &name).await;
    drop(mailbox);
    factory.settle(&layer).await;
    layer.group_send(&members, numbered(3)).await?;
    assert_held(factory, &layer, before).await;
    Ok(())
}
