//! What goes between the two processes: one value of JSON a line. Messages are in it as the JSON that they are, so their
//! sizes and all of their values stay what they were.

use channel_layers::layer::Capabilities;
use channel_layers::{ChannelName, Error, ErrorKind, GroupName, Message};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Where the other process connects to, in its environment.
pub(crate) const ADDRESS: &str = "CHANNEL_LAYERS_TEST_ADDRESS";

/// What is wanted of the other process. The number is the request's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Do(u64, Verb),
    /// Nobody waits for that any more: a verb under way is dropped, and a mailbox that was opened too.
    Drop(u64),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Verb {
    Send(ChannelName, String),
    Receive(ChannelName),
    NewChannel(String),
    Mailbox(String),
    GroupAdd(GroupName, ChannelName),
    GroupDiscard(GroupName, ChannelName),
    GroupSend(GroupName, String),
    Flush,
    Close,
}

/// What the other process says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The layer is open, and these are its capabilities.
    Open(String),
    /// A verb has been done. A receiver that got a message is not told this way.
    Done(u64, Option<ChannelName>),
    /// A verb has failed, with this kind and text.
    Failed(u64, String, String),
    /// The receiver or the mailbox of this request, and of this channel, got a message.
    Received(u64, ChannelName, String),
    /// The layer was flushed, as its events say.
    Flushed,
    /// The layer's events have ended.
    Ended,
}

/// The kinds of error that verbs fail with.
const KINDS: [ErrorKind; 7] = [
    ErrorKind::InvalidName,
    ErrorKind::ChannelFull,
    ErrorKind::MessageTooLarge,
    ErrorKind::Closed,
    ErrorKind::Timeout,
    ErrorKind::Disconnected,
    ErrorKind::Unavailable,
];

pub(crate) fn failed(id: u64, error: &Error) -> Reply {
    Reply::Failed(id, format!("{:?}", error.kind()), error.to_string())
}

pub(crate) fn error(kind: &str, text: String) -> Error {
    match KINDS.into_iter().find(|known| format!("{known:?}") == kind) {
        Some(kind) => Error::new(kind, text),
        None => panic!("no verb fails with {kind}: {text}"),
    }
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8(message.json().to_vec()).unwrap()
}

pub(crate) fn message(text: String) -> Message {
    Message::from_json(text).unwrap()
}

/// What waits to be written. No case has so much under way.
pub(crate) fn outbox<T>() -> (Sender<T>, Receiver<T>) {
    mpsc::channel(100_000)
}

/// Has it written. Returns whether the other side is still there.
pub(crate) fn put<T>(outbox: &Sender<T>, value: T) -> bool {
    match outbox.try_send(value) {
        Ok(()) => true,
        Err(TrySendError::Closed(_)) => false,
        Err(TrySendError::Full(_)) => panic!("too much waits to be written"),
    }
}

/// Capabilities in words, to compare.
pub(crate) fn words(capabilities: &Capabilities) -> String {
    format!("{capabilities:?}")
}

pub(crate) fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap() + "\n"
}

pub(crate) fn read<T: DeserializeOwned>(line: &str) -> T {
    serde_json::from_str(line).unwrap()
}
