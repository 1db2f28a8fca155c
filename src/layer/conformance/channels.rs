//! Sending to one channel and receiving from it; names.

use std::collections::HashSet;

use super::tools::{assert_held, assert_kind, assert_quiet, channel, group, number, numbered, numbers, sized, soon};
use super::{Factory, Settings};
use crate::layer::{ChannelLayer, MailboxOptions};
use crate::{ErrorKind, Result, message};

/// A message arrives with its content.
pub async fn send_receive(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    let sent = message! { "type": "test.message", "text": "Ahoy-hoy!" };
    layer.send(&name, sent.clone()).await?;
    assert_eq!(soon(layer.receive(&name)).await?, sent);
    Ok(())
}

/// What was sent first is received first.
pub async fn first_in_first_out(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    for number in 0..3 {
        layer.send(&name, numbered(number)).await?;
    }
    assert_eq!(numbers(&layer, &name, 3).await?, [0, 1, 2]);
    Ok(())
}

/// A fresh name is one of this process, and works as a channel.
pub async fn fresh_channel_works(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    assert!(name.is_local() && name.as_str().starts_with("test."), "{name}");
    layer.send(&name, numbered(1)).await?;
    layer.send(&name, numbered(2)).await?;
    assert_eq!(numbers(&layer, &name, 2).await?, [1, 2]);
    Ok(())
}

/// A receiver that waits gets what is sent, also on a name that nobody made.
pub async fn a_waiting_receiver_is_served(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = channel("test-channel");
    let receiver = tokio::spawn({
        let (layer, name) = (layer.clone(), name.clone());
        async move { layer.receive(&name).await }
    });
    factory.settle(&layer).await;
    layer.send(&name, numbered(1)).await?;
    assert_eq!(number(&soon(receiver).await.expect("the receiver ends")?), 1);
    Ok(())
}

/// Two channels that share the part up to the `!` do not mix.
pub async fn local_channels_are_received_by_full_name(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let (one, two) = (layer.new_channel("test").await?, layer.new_channel("test").await?);
    assert_eq!(one.non_local(), two.non_local());
    layer.send(&one, numbered(1)).await?;
    layer.send(&two, numbered(2)).await?;
    assert_eq!(numbers(&layer, &two, 1).await?, [2]);
    assert_eq!(numbers(&layer, &one, 1).await?, [1]);
    assert_quiet(&layer, &one).await;
    Ok(())
}

/// Nothing of a layer belongs to the runtime that made it: short-lived ones can send and add to groups.
pub async fn other_runtimes_can_send(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    let members = group("test-group");
    for number in 0..3 {
        let (layer, name, members) = (layer.clone(), name.clone(), members.clone());
        let in_another = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                layer.group_add(&members, &name).await?;
                layer.group_send(&members, numbered(number)).await
            })
        };
        tokio::task::spawn_blocking(in_another).await.expect("it does not panic")?;
    }
    assert_eq!(numbers(&layer, &name, 3).await?, [0, 1, 2]);
    Ok(())
}

/// What is sent before anybody receives is kept, or lost where the layer says so.
pub async fn messages_wait_for_a_receiver(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = channel("test-channel");
    layer.send(&name, numbered(1)).await?;
    if layer.capabilities().keeps_messages {
        assert_eq!(numbers(&layer, &name, 1).await?, [1]);
    } else {
        factory.settle(&layer).await;
    }
    assert_quiet(&layer, &name).await;
    Ok(())
}

/// A receiver that gave up takes nothing with it.
pub async fn receive_that_timed_out_leaves_nothing(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    let before = factory.held(&layer);
    for _ in 0..3 {
        assert_quiet(&layer, &name).await;
    }
    assert_held(factory, &layer, before).await;
    layer.send(&name, numbered(1)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [1]);
    Ok(())
}

/// Every type of value arrives as it was.
pub async fn all_values_arrive(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    let sent = message! {
        "type": "test.message", "bytes": vec![0u8, 255, 128], "text": "héllo ☃ 日本", "empty": "",
        "low": i64::MIN, "high": i64::MAX, "zero": 0, "float": 0.1, "small": f64::MIN_POSITIVE,
        "list": [1, 2, 3], "nothing": null, "yes": true, "no": false
    };
    layer.send(&name, sent.clone()).await?;
    let received = soon(layer.receive(&name)).await?;
    assert_eq!(received.to_map(), sent.to_map());
    Ok(())
}

/// A message of 1 MiB as JSON passes, alone and through a group.
pub async fn a_mebibyte_passes(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    let (big, members) = (sized(1 << 20), group("test-group"));
    layer.group_add(&members, &name).await?;
    layer.send(&name, big.clone()).await?;
    layer.group_send(&members, big.clone()).await?;
    assert_eq!(soon(layer.receive(&name)).await?, big);
    assert_eq!(soon(layer.receive(&name)).await?, big);
    Ok(())
}

/// A message beyond the layer's bound is refused, and nothing of it stays.
pub async fn too_large_is_refused(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let max = layer.capabilities().max_message_size;
    assert!(max >= 1 << 20, "every layer takes 1 MiB");
    let name = layer.new_channel("test").await?;
    let members = group("test-group");
    layer.group_add(&members, &name).await?;
    let text = assert_kind(layer.send(&name, sized(max + 1)).await, ErrorKind::MessageTooLarge);
    assert!(text.contains(&max.to_string()), "{text}");
    assert_kind(layer.group_send(&members, sized(max + 1)).await, ErrorKind::MessageTooLarge);
    assert_quiet(&layer, &name).await;
    Ok(())
}

/// No name comes twice, whichever instance made it, and each has the form that is documented.
pub async fn fresh_names_are_fresh(factory: &impl Factory) -> Result<()> {
    let mut names = HashSet::new();
    for _ in 0..2 {
        let layer = factory.layer(Settings::default()).await;
        for _ in 0..500 {
            let name = layer.new_channel("test").await?;
            let parts: Vec<&str> = name.as_str().split(['.', '!']).collect();
            let digits = |part: &str| part.len() == 32 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            assert!(parts.len() == 3 && parts[0] == "test" && digits(parts[1]) && digits(parts[2]), "{name}");
            assert!(names.insert(name));
        }
    }
    let instances: HashSet<&str> = names.iter().map(|name| name.non_local()).collect();
    assert_eq!(instances.len(), 2, "one part for each instance");
    Ok(())
}

/// A prefix that makes no valid name is refused, by both verbs that take one.
pub async fn bad_prefixes_are_refused(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let longest = "a".repeat(33);
    layer.new_channel(&longest).await?;
    let (long, options) = ("a".repeat(34), MailboxOptions::default);
    for prefix in ["", "a!", "=+135!", "a b", "¯\\_(ツ)_/¯", "a\n", &long] {
        assert_kind(layer.new_channel(prefix).await, ErrorKind::InvalidName);
        assert_kind(layer.mailbox(prefix, options()).await, ErrorKind::InvalidName);
    }
    Ok(())
}
