//! What the cases are written with.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Factory;
use crate::layer::{ChannelLayer, Mailbox, MailboxOptions, Reach};
use crate::{ChannelName, ErrorKind, GroupName, Message, Result, message};

/// How long something that must happen may take.
const SOON: Duration = Duration::from_secs(30);

/// How long nothing must come.
const QUIET: Duration = Duration::from_secs(1);

/// So many polls are enough for any verb of any layer that is up.
const MOST_POLLS: usize = 1_000_000;

/// How often is looked at what the layer does in the background.
const TRIES: usize = 200;

pub(super) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("the cases' names are valid")
}

pub(super) fn group(name: &str) -> GroupName {
    GroupName::new(name).expect("the cases' names are valid")
}

/// A message that is told from others by a number.
pub(super) fn numbered(number: i64) -> Message {
    message! { "type": "test.message", "number": number }
}

pub(super) fn number(message: &Message) -> i64 {
    message.get("number").and_then(|value| value.as_int()).expect("the cases' messages have a number")
}

/// A message of this many bytes as JSON.
pub(super) fn sized(bytes: usize) -> Message {
    let text =
        format!(r#"{{"type":"test.big","text":"{}"}}"#, "x".repeat(bytes - r#"{"type":"test.big","text":""}"#.len()));
    Message::from_json(text).expect("it is one map")
}

pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("it is ready in time")
}

/// Receives messages, and returns their numbers.
pub(super) async fn numbers(layer: &impl ChannelLayer, channel: &ChannelName, count: usize) -> Result<Vec<i64>> {
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(number(&soon(layer.receive(channel)).await?));
    }
    Ok(numbers)
}

/// Receives messages of a mailbox, and returns their numbers.
pub(super) async fn mailed(mailbox: &mut Mailbox, count: usize) -> Result<Vec<i64>> {
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(number(&soon(mailbox.recv()).await?));
    }
    Ok(numbers)
}

/// Nothing comes on a channel.
pub(super) async fn assert_quiet(layer: &impl ChannelLayer, channel: &ChannelName) {
    let received = tokio::time::timeout(QUIET, layer.receive(channel)).await;
    assert!(received.is_err(), "nothing was to come on {channel}, but {received:?}");
}

pub(super) fn assert_kind<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind) -> String {
    let error = result.expect_err("it was to fail");
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

/// Polls a future at most `polls` times, with other tasks running in between, and drops it. Returns what it came to, if
/// it did.
pub(super) async fn cancelled_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// How often a future is polled before it is dropped, in one round after the other: each of the first few counts, for
/// the points at which a verb can wait, and then ever fewer, for answers that are on their way.
pub(super) fn poll_counts() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(0), |polls| Some(polls + 1 + polls / 8)).take_while(|polls| *polls < MOST_POLLS)
}

/// Lets other tasks run until they wait, and lets what was sent arrive: over a server, what the layer sends itself comes
/// after it.
pub(super) async fn settle(layer: &impl ChannelLayer) {
    let others = async || {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    };
    others().await;
    if layer.capabilities().reach != Reach::Process {
        // A layer that was closed carries nothing any more.
        let Ok(mut own) = layer.mailbox("settle", MailboxOptions::default()).await else { return };
        layer.send(own.channel(), numbered(0)).await.expect("the layer's server is up");
        soon(own.recv()).await.expect("the layer is open");
        drop(own);
        others().await;
    }
}

/// The layer holds what it held before, at once or as soon as it has tidied up in the background.
pub(super) async fn assert_held<F: Factory>(factory: &F, layer: &F::Layer, before: Option<usize>) {
    for _ in 0..TRIES {
        if factory.held(layer) == before {
            return;
        }
        factory.settle(layer).await;
    }
    assert_eq!(factory.held(layer), before, "something was left behind");
}

/// This many messages did not fit into a mailbox, once all have arrived.
pub(super) async fn assert_dropped<F: Factory>(factory: &F, layer: &F::Layer, mailbox: &Mailbox, expected: u64) {
    let mut dropped = mailbox.dropped();
    for _ in 0..TRIES {
        if dropped >= expected {
            break;
        }
        factory.settle(layer).await;
        dropped += mailbox.dropped();
    }
    factory.settle(layer).await;
    assert_eq!(dropped + mailbox.dropped(), expected);
}

/// The next message of a channel, if one is there or on its way.
pub(super) async fn next_if_any(layer: &impl ChannelLayer, channel: &ChannelName) -> Result<Option<Message>> {
    let receiving = layer.receive(channel);
    match layer.capabilities().reach {
        Reach::Process => cancelled_after(50, receiving).await.transpose(),
        Reach::Processes => tokio::time::timeout(QUIET, receiving).await.ok().transpose(),
    }
}
