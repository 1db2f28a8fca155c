//! Two instances of a layer on the same servers, as two processes have them. A layer that reaches one process has no
//! second instance, and its cases end at once.

use std::time::Duration;

use tokio::task::JoinSet;

use super::tools::{assert_kind, assert_quiet, channel, group, mailed, number, numbered, numbers, soon};
use super::{Factory, Settings};
use crate::layer::{ChannelLayer, MailboxOptions, Reach};
use crate::{ErrorKind, Result};

/// How long one of several attempts may take.
const ATTEMPT: Duration = Duration::from_millis(200);

/// Two instances, if the layer reaches several processes.
async fn two<F: Factory>(factory: &F) -> Option<(F::Layer, F::Layer)> {
    let layer = factory.layer(Settings::default()).await;
    let peer = factory.peer(&layer).await;
    let alone = peer.is_none();
    assert!(!alone || layer.capabilities().reach == Reach::Process, "a layer of several processes needs a peer");
    Some((layer, peer?))
}

/// What another instance sends to a channel of this one arrives, in its order.
pub async fn what_another_sends_arrives_in_order(factory: &impl Factory) -> Result<()> {
    let Some((one, two)) = two(factory).await else { return Ok(()) };
    let name = two.new_channel("test").await?;
    let mut mailbox = two.mailbox("test", MailboxOptions::default()).await?;
    for number in 0..50 {
        one.send(&name, numbered(number)).await?;
        one.send(mailbox.channel(), numbered(number)).await?;
    }
    assert_eq!(numbers(&two, &name, 50).await?, (0..50).collect::<Vec<_>>());
    assert_eq!(mailed(&mut mailbox, 50).await?, (0..50).collect::<Vec<_>>());
    Ok(())
}

/// Members on either instance receive what either sends to the group, each sender's in its order, and once.
pub async fn a_group_spans_instances(factory: &impl Factory) -> Result<()> {
    let Some((one, two)) = two(factory).await else { return Ok(()) };
    let members = group("test-group");
    let mut mailboxes = Vec::new();
    for layer in [&one, &two, &one, &two] {
        let mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        mailboxes.push(mailbox);
    }
    for number in 0..20 {
        one.group_send(&members, numbered(number)).await?;
        two.group_send(&members, numbered(100 + number)).await?;
    }
    for mailbox in &mut mailboxes {
        let received = mailed(mailbox, 40).await?;
        let of = |sender: i64| received.iter().copied().filter(move |number| number / 100 == sender);
        assert!(of(0).eq(0..20) && of(1).eq(100..120), "{received:?}");
    }
    drop(mailboxes.remove(0));
    two.group_send(&members, numbered(7)).await?;
    for mailbox in &mut mailboxes {
        assert_eq!(mailed(mailbox, 1).await?, [7], "one member left, the others stay");
    }
    Ok(())
}

/// Receivers of a general channel on both instances share its messages: each is received once. Where the layer has no
/// work queues, each instance receives each message once.
pub async fn work_is_done_once(factory: &impl Factory) -> Result<()> {
    let Some((one, two)) = two(factory).await else { return Ok(()) };
    let name = channel("test-work");
    let copies = if one.capabilities().work_queues { 1 } else { 2 };
    for round in 0..10 {
        let mut receivers = JoinSet::new();
        for layer in [&one, &two] {
            let (layer, name) = (layer.clone(), name.clone());
            receivers.spawn(async move { layer.receive(&name).await });
        }
        factory.settle(&one).await;
        factory.settle(&two).await;
        // As many as there are receivers for, so that all of them end.
        for part in 0..2 / copies {
            one.send(&name, numbered(i64::from(2 * round + part))).await?;
        }
        let mut received = Vec::new();
        while let Some(ended) = soon(receivers.join_next()).await {
            received.push(number(&ended.expect("the receiver ends")?));
        }
        received.sort_unstable();
        let sent: Vec<_> = (0..2).map(|receiver| i64::from(2 * round + receiver / copies)).collect();
        assert_eq!(received, sent);
    }
    assert_quiet(&one, &name).await;
    assert_quiet(&two, &name).await;
    Ok(())
}

/// A channel of one instance is added to a group, and removed from it, by the other one; or that is refused.
pub async fn members_are_added_by_others(factory: &impl Factory) -> Result<()> {
    let Some((one, two)) = two(factory).await else { return Ok(()) };
    let members = group("test-group");
    let mut mailbox = two.mailbox("test", MailboxOptions::default()).await?;
    let added = one.group_add(&members, mailbox.channel()).await;
    if !one.capabilities().foreign_members {
        let text = assert_kind(added, ErrorKind::InvalidName);
        assert!(text.contains(mailbox.channel().as_str()), "{text}");
        return Ok(());
    }
    added?;
    two.group_send(&members, numbered(1)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [1]);
    one.group_discard(&members, mailbox.channel()).await?;
    two.group_send(&members, numbered(2)).await?;
    two.send(mailbox.channel(), numbered(3)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [3]);
    Ok(())
}

/// A channel of one instance is received on there alone: another one that tries is refused, and takes nothing.
pub async fn others_do_not_receive_for_the_owner(factory: &impl Factory) -> Result<()> {
    let Some((one, two)) = two(factory).await else { return Ok(()) };
    if one.capabilities().reach == Reach::Process {
        return Ok(());
    }
    let name = two.new_channel("test").await?;
    one.send(&name, numbered(1)).await?;
    let text = assert_kind(soon(one.receive(&name)).await, ErrorKind::InvalidName);
    assert!(text.contains(name.as_str()), "{text}");
    assert_eq!(numbers(&two, &name, 1).await?, [1]);
    Ok(())
}

/// After one instance flushed, members of the other one are in their groups again before long, or at least once they
/// are added again, and channels go on working.
pub async fn another_flush_is_healed(factory: &impl Factory) -> Result<()> {
    let Some((one, two)) = two(factory).await else { return Ok(()) };
    let members = group("test-group");
    let mut mailbox = two.mailbox("test", MailboxOptions::default()).await?;
    two.group_add(&members, mailbox.channel()).await?;
    let keeps = one.capabilities().reach == Reach::Processes;
    one.flush().await?;
    if !keeps {
        two.group_add(&members, mailbox.channel()).await?;
    }
    let heard = async {
        loop {
            one.group_send(&members, numbered(1)).await?;
            if let Ok(received) = tokio::time::timeout(ATTEMPT, mailbox.recv()).await {
                return received;
            }
        }
    };
    assert_eq!(number(&soon(heard).await?), 1);
    let name = two.new_channel("test").await?;
    one.send(&name, numbered(1)).await?;
    assert_eq!(numbers(&two, &name, 1).await?, [1]);
    Ok(())
}

/// Closing one instance of a layer on a server leaves the other one open.
pub async fn closing_one_leaves_the_other(factory: &impl Factory) -> Result<()> {
    let Some((one, two)) = two(factory).await else { return Ok(()) };
    if one.capabilities().reach == Reach::Process {
        return Ok(());
    }
    let members = group("test-group");
    let left = one.mailbox("test", MailboxOptions::default()).await?;
    one.group_add(&members, left.channel()).await?;
    let mut mailbox = two.mailbox("test", MailboxOptions::default()).await?;
    two.group_add(&members, mailbox.channel()).await?;
    one.close().await?;
    two.group_send(&members, numbered(1)).await?;
    two.send(mailbox.channel(), numbered(2)).await?;
    let mut received = mailed(&mut mailbox, 2).await?;
    received.sort_unstable();
    assert_eq!(received, [1, 2]);
    assert_kind(one.send(mailbox.channel(), numbered(3)).await, ErrorKind::Closed);
    Ok(())
}
