//! Groups.

use super::tools::{assert_held, assert_quiet, channel, group, mailed, number, numbered, numbers, soon};
use super::{Factory, Settings};
use crate::Result;
use crate::layer::{ChannelLayer, MailboxOptions};

/// Who was added receives, who was removed does not.
pub async fn members_receive_and_others_do_not(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let members = group("test-group");
    let mut names = Vec::new();
    for prefix in ["one", "two", "three"] {
        let name = layer.new_channel(prefix).await?;
        layer.group_add(&members, &name).await?;
        names.push(name);
    }
    layer.group_discard(&members, &names[1]).await?;
    layer.group_send(&members, numbered(1)).await?;
    layer.group_send(&members, numbered(2)).await?;
    assert_eq!(numbers(&layer, &names[0], 2).await?, [1, 2]);
    assert_eq!(numbers(&layer, &names[2], 2).await?, [1, 2]);
    assert_quiet(&layer, &names[1]).await;
    Ok(())
}

/// Members that wait, in a task each, are woken for a group's message.
pub async fn waiting_members_are_woken(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let members = group("test-group");
    let mut receivers = Vec::new();
    for number in 0..10 {
        let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        let layer = layer.clone();
        receivers.push(tokio::spawn(async move {
            // Every second one by the layer's verb.
            if number % 2 == 0 { mailbox.recv().await } else { layer.receive(mailbox.channel()).await }
        }));
    }
    factory.settle(&layer).await;
    layer.group_send(&members, numbered(1)).await?;
    for receiver in receivers {
        assert_eq!(number(&soon(receiver).await.expect("the receiver ends")?), 1);
    }
    Ok(())
}

/// Members that share the part up to the `!` each receive.
pub async fn members_of_one_prefix_all_receive(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let members = group("test-group");
    let mut names = Vec::new();
    for _ in 0..3 {
        let name = layer.new_channel("test").await?;
        layer.group_add(&members, &name).await?;
        names.push(name);
    }
    layer.group_send(&members, numbered(1)).await?;
    for name in &names {
        assert_eq!(numbers(&layer, name, 1).await?, [1]);
    }
    Ok(())
}

/// Groups of 1, 10 and 100 members, and again after every second one has left.
pub async fn groups_of_any_size(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    for size in [1, 10, 100] {
        let members = group(&format!("test-group-{size}"));
        let mut mailboxes = Vec::new();
        for _ in 0..size {
            let mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
            layer.group_add(&members, mailbox.channel()).await?;
            mailboxes.push(mailbox);
        }
        layer.group_send(&members, numbered(1)).await?;
        factory.settle(&layer).await;
        for mailbox in mailboxes.iter().skip(1).step_by(2) {
            layer.group_discard(&members, mailbox.channel()).await?;
        }
        layer.group_send(&members, numbered(2)).await?;
        factory.settle(&layer).await;
        for (at, mailbox) in mailboxes.iter_mut().enumerate() {
            let expected: &[i64] = if at % 2 == 0 { &[1, 2] } else { &[1] };
            assert_eq!(mailed(mailbox, expected.len()).await?, expected);
            assert!(mailbox.try_recv()?.is_none());
        }
    }
    Ok(())
}

/// A member that was added twice receives once, and leaves at once.
pub async fn adding_twice_delivers_once(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    layer.group_add(&members, &name).await?;
    layer.group_send(&members, numbered(1)).await?;
    assert_eq!(numbers(&layer, &name, 1).await?, [1]);
    assert_quiet(&layer, &name).await;
    layer.group_discard(&members, &name).await?;
    layer.group_send(&members, numbered(2)).await?;
    assert_quiet(&layer, &name).await;
    Ok(())
}

/// Removing a channel that is no member does nothing, whether or not the group is known.
pub async fn discarding_a_stranger_is_harmless(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_discard(&members, &name).await?;
    let member = layer.new_channel("test").await?;
    layer.group_add(&members, &member).await?;
    layer.group_discard(&members, &name).await?;
    layer.group_send(&members, numbered(1)).await?;
    assert_eq!(numbers(&layer, &member, 1).await?, [1]);
    Ok(())
}

/// Sending to a group that nobody is in succeeds, and keeps nothing.
pub async fn unknown_groups_have_no_members(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    layer.group_send(&group("test-group"), numbered(1)).await?;
    layer.group_send(&group("test-group"), numbered(2)).await?;
    assert_held(factory, &layer, before).await;
    Ok(())
}

/// A channel in several groups receives of each, and leaving one leaves the others.
pub async fn a_channel_in_several_groups(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let name = layer.new_channel("test").await?;
    let groups: Vec<_> = (0..5).map(|n| group(&format!("test-group-{n}"))).collect();
    for members in &groups {
        layer.group_add(members, &name).await?;
    }
    layer.group_discard(&groups[2], &name).await?;
    for (number, members) in (0i64..).zip(&groups) {
        layer.group_send(members, numbered(number)).await?;
    }
    let mut received = numbers(&layer, &name, 4).await?;
    if !layer.capabilities().ordered_ways {
        received.sort_unstable();
    }
    assert_eq!(received, [0, 1, 3, 4]);
    for members in &groups {
        layer.group_discard(members, &name).await?;
    }
    assert_held(factory, &layer, before).await;
    Ok(())
}

/// Names without a `!` can be members.
pub async fn general_channels_can_be_members(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let members = group("test-group");
    let names = ["gr-chan-1", "gr-chan-2", "gr-chan-3"].map(channel);
    for name in &names {
        layer.group_add(&members, name).await?;
    }
    layer.group_discard(&members, &names[1]).await?;
    layer.group_send(&members, numbered(1)).await?;
    if layer.capabilities().keeps_messages {
        assert_eq!(numbers(&layer, &names[0], 1).await?, [1]);
        assert_eq!(numbers(&layer, &names[2], 1).await?, [1]);
    }
    assert_quiet(&layer, &names[1]).await;
    Ok(())
}

/// What one sender sends to a channel, directly or through one group, arrives in that order.
pub async fn order_is_kept(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    for number in 0..50 {
        layer.send(&name, numbered(number)).await?;
    }
    assert_eq!(numbers(&layer, &name, 50).await?, (0..50).collect::<Vec<i64>>());
    for number in 0..50 {
        layer.group_send(&members, numbered(number)).await?;
    }
    assert_eq!(numbers(&layer, &name, 50).await?, (0..50).collect::<Vec<i64>>());
    Ok(())
}

/// What one sender sends to a member, directly and through its group by turns, all arrives: in that order, where the
/// layer says so, and otherwise in the order of each way.
pub async fn order_is_kept_between_ways(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    for number in 0..50 {
        if number % 2 == 0 {
            layer.group_send(&members, numbered(number)).await?;
        } else {
            layer.send(&name, numbered(number)).await?;
        }
    }
    let mut received = numbers(&layer, &name, 50).await?;
    if !layer.capabilities().ordered_ways {
        let of_way = |way| received.iter().filter(|number| *number % 2 == way).is_sorted();
        assert!(of_way(0) && of_way(1), "{received:?}");
        received.sort_unstable();
    }
    assert_eq!(received, (0..50).collect::<Vec<i64>>());
    Ok(())
}

/// Messages of several senders reach all members in one order, where the layer says so.
pub async fn members_agree_on_the_order(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let members = group("test-group");
    let mut mailboxes = Vec::new();
    for _ in 0..4 {
        let mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        mailboxes.push(mailbox);
    }
    let senders: Vec<_> = (0..5)
        .map(|sender| {
            let (layer, members) = (layer.clone(), members.clone());
            tokio::spawn(async move {
                for number in 0..10 {
                    layer.group_send(&members, numbered(sender * 10 + number)).await?;
                    tokio::task::yield_now().await;
                }
                Result::<()>::Ok(())
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("the sender ends")?;
    }
    let mut orders = Vec::new();
    for mailbox in &mut mailboxes {
        orders.push(mailed(mailbox, 50).await?);
    }
    if layer.capabilities().total_order {
        assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
    }
    for order in &mut orders {
        order.sort_unstable();
        assert_eq!(*order, (0..50).collect::<Vec<_>>());
    }
    Ok(())
}
