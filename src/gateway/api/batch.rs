//! Many messages in one request, each with a result of its own.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

use super::Failure;
use super::caller::Caller;
use super::failure::FailureBody;
use super::messages::{self, Accepted};
use super::reply::Reply;
use crate::gateway::shared::Shared;
use crate::layer::ChannelLayer;
use crate::protocol::{ErrorCode, Message, Target, Value};

/// One message and where it goes, or why it goes nowhere.
pub(super) type Item = Result<(Target, Message), Failure>;

/// What became of the messages, in their order.
#[derive(Serialize)]
struct Results<'a> {
    results: Vec<Outcome<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<'a> {
    Ok(&'a Accepted),
    Error(FailureBody<'a>),
}

/// The messages of a request's body. What is wrong with one is told of that one.
pub(super) fn items(body: &Message, limit: usize) -> Result<Vec<Item>, Failure> {
    let Some(entries) = body.list("items") else {
        return Err(Failure::new(ErrorCode::BAD_REQUEST, "a batch is a map with a list \"items\""));
    };
    if entries.len() > limit {
        let reason = format!("a batch has at most {limit} items, and this one {}", entries.len());
        return Err(Failure::new(ErrorCode::LIMIT_EXCEEDED, reason));
    }
    Ok(entries.into_iter().map(item).collect())
}

fn item(entry: Option<Message>) -> Item {
    let wrong = |reason: &str| Failure::new(ErrorCode::BAD_REQUEST, reason);
    let entry = entry.ok_or_else(|| wrong("an item is a map with \"group\" or \"channel\", and \"message\""))?;
    let target = match (entry.get("group"), entry.get("channel")) {
        (Some(Value::Str(name)), None) => messages::group(name)?,
        (None, Some(Value::Str(name))) => messages::channel(name)?,
        _ => return Err(wrong("an item has either \"group\" or \"channel\", which is text")),
    };
    let message = entry.nested("message").ok_or_else(|| wrong("an item has \"message\", which is a map"))?;
    Ok((target, message))
}

/// Sends the messages one after the other, so that they keep their order. Once the layer or the gateway is not
/// available, those that follow are not tried: each might wait as long as the one before.
pub(super) async fn send<L: ChannelLayer>(shared: Arc<Shared<L>>, caller: Caller, items: Vec<Item>) -> Reply {
    let mut outcomes: Vec<Result<Accepted, Failure>> = Vec::with_capacity(items.len());
    for item in items {
        let down = outcomes.last().and_then(|last| last.as_ref().err());
        outcomes.push(match (down.filter(|failure| failure.code() == ErrorCode::NOT_AVAILABLE), item) {
            (Some(failure), Ok(_)) => Err(failure.clone()),
            (_, Ok((target, message))) => send_one(&shared, &caller, &target, message).await,
            (_, Err(failure)) => Err(failure),
        });
    }
    let failures = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    failures.for_each(|failure| shared.counters.rejected(failure.code()));
    let done = outcomes.iter().any(Result::is_ok);
    let results = outcomes.iter().map(|outcome| match outcome {
        Ok(accepted) => Outcome::Ok(accepted),
        Err(failure) => Outcome::Error(failure.body()),
    });
    Reply::new(StatusCode::OK, &Results { results: results.collect() }, done)
}

async fn send_one<L: ChannelLayer>(
    shared: &Shared<L>,
    caller: &Caller,
    target: &Target,
    message: Message,
) -> Result<Accepted, Failure> {
    let limit = shared.config.frame_limit;
    if message.size() > limit {
        let reason = format!("the message has {} bytes, {limit} are allowed", message.size());
        return Err(Failure::new(ErrorCode::MESSAGE_TOO_LARGE, reason));
    }
    messages::send(shared, caller, target, message).await
}
