//! Mailboxes: channels that are owned.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::task::AtomicWaker;
use futures_util::{FutureExt, StreamExt};

use super::tools::{
    assert_dropped, assert_held, assert_kind, assert_quiet, cancelled_after, group, mailed, number, numbered, sized,
    soon,
};
use super::{Factory, Settings};
use crate::layer::{ChannelLayer, Mailbox, MailboxOptions, MessageSink, NoRoom};
use crate::{ErrorKind, Message, Result};

/// A mailbox receives what is sent to its channel and to its groups.
pub async fn mailbox_receives(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    let members = group("test-group");
    assert!(mailbox.channel().as_str().starts_with("test.") && mailbox.channel().is_local());
    assert!(mailbox.try_recv()?.is_none());
    layer.group_add(&members, mailbox.channel()).await?;
    layer.send(mailbox.channel(), numbered(1)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [1]);
    layer.group_send(&members, numbered(2)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [2]);
    assert!(mailbox.recv().now_or_never().is_none());
    layer.send(mailbox.channel(), numbered(3)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [3]);
    Ok(())
}

/// A mailbox is a stream, which ends when the layer is closed.
pub async fn mailbox_is_a_stream(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    layer.send(mailbox.channel(), numbered(1)).await?;
    layer.send(mailbox.channel(), numbered(2)).await?;
    assert_eq!(soon(mailbox.next()).await.as_ref().map(number), Some(1));
    assert_eq!(soon(mailbox.next()).await.as_ref().map(number), Some(2));
    layer.close().await?;
    assert!(soon(mailbox.next()).await.is_none());
    Ok(())
}

/// A mailbox with a sink hands messages over where they arrive, in order, and its refusals are the sender's or are told;
/// dropped, it hands over no more.
pub async fn mailbox_with_a_sink(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let (sink, members) = (Arc::new(Sink::default()), group("test-group"));
    let mailbox = layer.mailbox("test", MailboxOptions::default().with_sink(Arc::clone(&sink) as _)).await?;
    layer.group_add(&members, mailbox.channel()).await?;
    layer.send(mailbox.channel(), numbered(1)).await?;
    sink.holds(&[1]).await;
    layer.group_send(&members, numbered(2)).await?;
    sink.holds(&[1, 2]).await;
    assert!(mailbox.try_recv()?.is_none(), "nothing waits in the mailbox itself");

    sink.full.store(true, Ordering::SeqCst);
    let refused = layer.send(mailbox.channel(), numbered(3)).await;
    if layer.capabilities().mailboxes_refuse {
        assert_kind(refused, ErrorKind::ChannelFull);
        layer.group_send(&members, numbered(4)).await?;
    } else {
        refused?;
    }
    assert_dropped(factory, &layer, &mailbox, 1).await;
    sink.full.store(false, Ordering::SeqCst);
    layer.send(mailbox.channel(), numbered(5)).await?;
    sink.holds(&[1, 2, 5]).await;

    let channel = mailbox.channel().clone();
    drop(mailbox);
    layer.send(&channel, numbered(6)).await?;
    layer.group_send(&members, numbered(7)).await?;
    factory.settle(&layer).await;
    assert_eq!(sink.numbers(), [1, 2, 5]);
    Ok(())
}

/// Notes what it is given, and refuses all of it on demand.
#[derive(Default)]
struct Sink {
    taken: Mutex<Vec<Message>>,
    full: AtomicBool,
    waiting: AtomicWaker,
}

impl Sink {
    fn numbers(&self) -> Vec<i64> {
        self.taken.lock().expect("no holder panics").iter().map(number).collect()
    }

    /// Waits until it was given these.
    async fn holds(&self, numbers: &[i64]) {
        let reached = poll_fn(|cx| {
            self.waiting.register(cx.waker());
            if self.numbers().len() < numbers.len() { Poll::Pending } else { Poll::Ready(()) }
        });
        soon(reached).await;
        assert_eq!(self.numbers(), numbers);
    }
}

impl MessageSink for Sink {
    fn deliver(&self, message: &Message) -> std::result::Result<Option<Waker>, NoRoom> {
        if self.full.load(Ordering::SeqCst) {
            return Err(NoRoom);
        }
        self.taken.lock().expect("no holder panics").push(message.clone());
        Ok(self.waiting.take())
    }
}

/// Batches stop at either bound, have at least one message, and wake the task when more comes.
pub async fn mailbox_drains_in_batches(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    for number in 0..5 {
        layer.send(mailbox.channel(), numbered(number)).await?;
    }
    let mut out = Vec::new();
    while out.len() < 3 {
        soon(poll_fn(|cx| mailbox.poll_drain(cx, 3, usize::MAX, &mut out))).await?;
    }
    assert_eq!(soon(poll_fn(|cx| mailbox.poll_drain(cx, 3, usize::MAX, &mut out))).await?, 0, "`out` has no room");
    assert_eq!(soon(poll_fn(|cx| mailbox.poll_drain(cx, 9, 1, &mut out))).await?, 1, "one message is above the bound");
    let channel = mailbox.channel().clone();
    let sender = {
        let layer = layer.clone();
        tokio::spawn(async move { layer.send(&channel, numbered(5)).await })
    };
    while out.len() < 6 {
        soon(poll_fn(|cx| mailbox.poll_drain(cx, 9, usize::MAX, &mut out))).await?;
    }
    sender.await.expect("the sender ends")?;
    assert_eq!(out.iter().map(number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    layer.close().await?;
    let closed = soon(poll_fn(|cx| mailbox.poll_drain(cx, 9, usize::MAX, &mut out))).await;
    assert_eq!(closed.expect_err("it is closed").kind(), ErrorKind::Closed);
    Ok(())
}

/// A mailbox that one task polled and left wakes the task that receives now, whichever way either does it.
pub async fn mailbox_polls_move_between_tasks(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    let mut cx = Context::from_waker(Waker::noop());
    for sent in 0..3 {
        match sent {
            0 => assert!(mailbox.poll_drain(&mut cx, 1, 1, &mut Vec::new()).is_pending()),
            1 => assert!(mailbox.poll_recv(&mut cx).is_pending()),
            _ => assert!(mailbox.poll_next_unpin(&mut cx).is_pending()),
        }
        let channel = mailbox.channel().clone();
        let receiver = tokio::spawn(async move {
            let received = mailbox.recv().await;
            (mailbox, received)
        });
        factory.settle(&layer).await;
        layer.send(&channel, numbered(sent)).await?;
        let received;
        (mailbox, received) = soon(receiver).await.expect("the receiver ends");
        assert_eq!(number(&received?), sent);
    }
    Ok(())
}

/// A `recv` that was dropped gives up its turn: another receiver of the channel is woken.
pub async fn mailbox_gives_up_its_turn(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
    assert!(cancelled_after(3, mailbox.recv()).await.is_none());
    let (receiver, channel) = (layer.clone(), mailbox.channel().clone());
    let receiver = tokio::spawn(async move { receiver.receive(&channel).await });
    factory.settle(&layer).await;
    layer.send(mailbox.channel(), numbered(1)).await?;
    assert_eq!(number(&soon(receiver).await.expect("the receiver ends")?), 1);
    Ok(())
}

/// Its bounds are those it was opened with: messages, and bytes that let one message through always. What does not fit
/// is refused, or dropped and told to the owner, as the layer says.
pub async fn mailbox_bounds_count(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut few = layer.mailbox("test", MailboxOptions::default().with_capacity(2)).await?;
    layer.send(few.channel(), numbered(1)).await?;
    layer.send(few.channel(), numbered(2)).await?;
    if let Some(text) = one_too_many(factory, &layer, &few, numbered(3)).await? {
        assert!(text.contains('2'), "{text}");
    }
    assert_eq!(mailed(&mut few, 2).await?, [1, 2]);

    let mut small = layer.mailbox("test", MailboxOptions::default().with_bytes(1000)).await?;
    layer.send(small.channel(), sized(5000)).await?;
    one_too_many(factory, &layer, &small, sized(100)).await?;
    assert_eq!(soon(small.recv()).await?, sized(5000));
    layer.send(small.channel(), sized(400)).await?;
    layer.send(small.channel(), sized(400)).await?;
    one_too_many(factory, &layer, &small, sized(400)).await?;
    Ok(())
}

/// Sends to a mailbox that is full; returns what the refusal says, if the layer's mailboxes refuse.
async fn one_too_many<F: Factory>(
    factory: &F,
    layer: &F::Layer,
    mailbox: &Mailbox,
    message: Message,
) -> Result<Option<String>> {
    let sent = layer.send(mailbox.channel(), message).await;
    if layer.capabilities().mailboxes_refuse {
        return Ok(Some(assert_kind(sent, ErrorKind::ChannelFull)));
    }
    sent?;
    assert_dropped(factory, layer, mailbox, 1).await;
    Ok(None)
}

/// The owner learns how many group messages did not fit, once.
pub async fn dropped_group_messages_are_told(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let mut mailbox = layer.mailbox("test", MailboxOptions::default().with_capacity(3)).await?;
    let members = group("test-group");
    layer.group_add(&members, mailbox.channel()).await?;
    for number in 0..8 {
        layer.group_send(&members, numbered(number)).await?;
    }
    assert_dropped(factory, &layer, &mailbox, 5).await;
    assert_eq!(mailed(&mut mailbox, 3).await?, [0, 1, 2]);
    layer.group_send(&members, numbered(8)).await?;
    assert_eq!(mailed(&mut mailbox, 1).await?, [8]);
    assert_eq!(mailbox.dropped(), 0);
    Ok(())
}

/// Dropping a mailbox leaves nothing of it, in whatever state it is.
pub async fn dropping_leaves_groups_and_frees_the_name(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let groups = [group("test-group-1"), group("test-group-2")];
    for state in 0..4 {
        let mut mailbox = layer.mailbox("test", MailboxOptions::default()).await?;
        for members in &groups {
            layer.group_add(members, mailbox.channel()).await?;
        }
        match state {
            0 => {}
            1 => layer.group_send(&groups[0], numbered(1)).await?,
            2 => drop(cancelled_after(1, mailbox.recv()).await),
            _ => assert!(mailbox.poll_recv(&mut Context::from_waker(Waker::noop())).is_pending()),
        }
        drop(mailbox);
        assert_held(factory, &layer, before).await;
    }
    Ok(())
}

/// What is sent to a mailbox that is gone is dropped, and keeps nothing.
pub async fn sending_to_a_dropped_mailbox_is_harmless(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let members = group("test-group");
    let gone = layer.mailbox("test", MailboxOptions::default()).await?.channel().clone();
    let mut there = layer.mailbox("test", MailboxOptions::default()).await?;
    layer.group_add(&members, &gone).await?;
    layer.group_add(&members, there.channel()).await?;
    layer.send(&gone, numbered(1)).await?;
    layer.group_send(&members, numbered(2)).await?;
    layer.group_discard(&members, &gone).await?;
    assert_eq!(mailed(&mut there, 1).await?, [2]);
    drop(there);
    assert_held(factory, &layer, before).await;
    let other = layer.new_channel("test").await?;
    assert_quiet(&layer, &other).await;
    Ok(())
}
