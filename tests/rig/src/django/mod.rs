//! Django's side: a Python process that holds real layers of channels_redis and does what it is told, and the project
//! of examples/django.

mod site;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::task::JoinHandle;

use crate::{PATIENCE, within};

pub use site::Site;

/// Bytes in a message, as the driver's JSON spells them.
pub fn bytes(bytes: &[u8]) -> Value {
    json!({"$bytes": BASE64_STANDARD.encode(bytes)})
}

/// One of the two layers of channels_redis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backend {
    Core,
    PubSub,
}

/// What a call raised in Python.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// The name of the exception's type, such as `ChannelFull`.
    pub kind: String,
    pub text: String,
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

type Calls = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// A Python process with layers. It ends when this and all its layers are dropped.
#[derive(Clone)]
pub struct Django(Arc<Driver>);

struct Driver {
    /// Killed when dropped; ends by itself, too, when its input does.
    _child: Child,
    input: AsyncMutex<ChildStdin>,
    calls: Calls,
    reader: JoinHandle<()>,
    next: AtomicU64,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Django {
    /// Starts the process. Whatever Python complains about goes to the test's standard error.
    pub async fn start() -> Self {
        let mut child = Command::new(python())
            .arg(project().join("tests/django/driver.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}: run scripts/setup-python", python().display()));
        let calls = Calls::default();
        let output = child.stdout.take().expect("a pipe was asked for");
        let reader = tokio::spawn(read(output, calls.clone()));
        let input = AsyncMutex::new(child.stdin.take().expect("a pipe was asked for"));
        Self(Arc::new(Driver { _child: child, input, calls, reader, next: AtomicU64::new(0) }))
    }

    /// Opens a layer with Django's `CONFIG`. Its hosts get `"socket_timeout": None`, without which redis 8 ends an idle
    /// receive after 5 s, unless they say otherwise.
    pub async fn layer(&self, backend: Backend, config: Value) -> DjangoLayer {
        self.try_layer(backend, config).await.unwrap_or_else(|raised| panic!("{raised}"))
    }

    /// The same for a `CONFIG` that may be refused.
    ///
    /// # Errors
    ///
    /// What the layer's constructor raises.
    pub async fn try_layer(&self, backend: Backend, config: Value) -> Result<DjangoLayer, Raised> {
        let layer = self.0.next.fetch_add(1, Ordering::Relaxed);
        let backend = match backend {
            Backend::Core => "core",
            Backend::PubSub => "pubsub",
        };
        self.call(json!({"call": "open", "layer": layer, "backend": backend, "config": config}), PATIENCE).await?;
        Ok(DjangoLayer { django: self.clone(), layer })
    }

    async fn call(&self, mut call: Value, patience: Duration) -> Result<Value, Raised> {
        let what = call.to_string();
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        call["id"] = id.into();
        let (answer, answered) = oneshot::channel();
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        let line = format!("{call}\n");
        within(&what, async { self.0.input.lock().await.write_all(line.as_bytes()).await }).await.unwrap();
        let mut answer = match tokio::time::timeout(patience, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => panic!("Python ended during {what}"),
            Err(_) => panic!("{what}: not within {patience:?}"),
        };
        match answer.get_mut("error") {
            None => Ok(answer["ok"].take()),
            Some(error) => Err(Raised { kind: text(&error["kind"]), text: text(&error["text"]) }),
        }
    }
}

/// Hands each answer to who waits for it. Who waits when the process ends is told by the end of the map.
async fn read(output: ChildStdout, calls: Calls) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let id = answer["id"].as_u64().expect("an answer has the id of its call");
        let waiting = calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }
    calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// A layer of channels_redis.
#[derive(Clone)]
pub struct DjangoLayer {
    django: Django,
    layer: u64,
}

impl DjangoLayer {
    async fn call(&self, verb: &str, arguments: Value) -> Result<Value, Raised> {
        self.call_within(verb, arguments, PATIENCE).await
    }

    async fn call_within(&self, verb: &str, arguments: Value, patience: Duration) -> Result<Value, Raised> {
        let mut call = Map::from_iter([("call".to_owned(), verb.into()), ("layer".to_owned(), self.layer.into())]);
        if let Value::Object(arguments) = arguments {
            call.extend(arguments);
        }
        self.django.call(call.into(), patience).await
    }

    /// A new channel under the layer's default prefix.
    pub async fn new_channel(&self) -> String {
        text(&self.call("new_channel", json!({})).await.unwrap_or_else(|raised| panic!("{raised}")))
    }

    /// A new channel under this prefix.
    ///
    /// # Errors
    ///
    /// As each of these: what the call raises in Python.
    pub async fn new_channel_with(&self, prefix: &str) -> Result<String, Raised> {
        Ok(text(&self.call("new_channel", json!({"prefix": prefix})).await?))
    }

    pub async fn send(&self, channel: &str, message: Value) -> Result<(), Raised> {
        self.call("send", json!({"channel": channel, "message": message})).await.map(drop)
    }

    /// The next message, which must come.
    pub async fn receive(&self, channel: &str) -> Result<Value, Raised> {
        let mut messages = self.receive_many(channel, 1, PATIENCE).await?;
        Ok(messages.pop().unwrap_or_else(|| panic!("nothing on {channel} within {PATIENCE:?}")))
    }

    /// The next messages until there are so many, or the next one takes longer than the pause.
    pub async fn receive_many(&self, channel: &str, count: usize, pause: Duration) -> Result<Vec<Value>, Raised> {
        let arguments = json!({"channel": channel, "count": count, "timeout": pause.as_secs_f64()});
        // Every message may take as long as the pause.
        let patience = PATIENCE + pause * u32::try_from(count).unwrap_or(u32::MAX);
        match self.call_within("receive", arguments, patience).await? {
            Value::Array(messages) => Ok(messages),
            other => panic!("not a list of messages: {other}"),
        }
    }

    pub async fn group_add(&self, group: &str, channel: &str) -> Result<(), Raised> {
        self.call("group_add", json!({"group": group, "channel": channel})).await.map(drop)
    }

    pub async fn group_discard(&self, group: &str, channel: &str) -> Result<(), Raised> {
        self.call("group_discard", json!({"group": group, "channel": channel})).await.map(drop)
    }

    pub async fn group_send(&self, group: &str, message: Value) -> Result<(), Raised> {
        self.call("group_send", json!({"group": group, "message": message})).await.map(drop)
    }

    /// Sends `count` messages to the groups in turn, `concurrency` at a time, each with its number as `n`. How often
    /// each kind of exception was raised. redis 8 raises `MaxConnectionsError` beyond 100 at a time by default.
    pub async fn burst(
        &self,
        groups: &[String],
        count: usize,
        concurrency: usize,
        message: Value,
    ) -> HashMap<String, u64> {
        let arguments = json!({"groups": groups, "count": count, "concurrency": concurrency, "message": message});
        let raised = self.call("burst", arguments).await.unwrap_or_else(|raised| panic!("{raised}"));
        let Value::Object(raised) = raised else { panic!("not a map: {raised}") };
        raised.into_iter().map(|(kind, times)| (kind, times.as_u64().expect("a count"))).collect()
    }

    pub async fn flush(&self) -> Result<(), Raised> {
        self.call("flush", json!({})).await.map(drop)
    }

    /// Closes the layer's connections. It is of no use afterwards.
    pub async fn close(self) -> Result<(), Raised> {
        self.call("close", json!({})).await.map(drop)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// The folder of the project.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python that scripts/setup-python made, with channels_redis.
pub fn python() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    project().join(target).join("python/bin/python")
}
