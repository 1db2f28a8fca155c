//! What the cases are written with.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::layer::{ChannelLayer, Mailbox};
use crate::{ChannelName, ErrorKind, GroupName, Message, Result, message};

/// How long something that must happen may take.
const SOON: Duration = Duration::from_secs(30);

/// How long nothing must come.
const QUIET: Duration = Duration::from_secs(1);

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

/// Waits until a future that runs in a task of its own waits.
pub(super) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
