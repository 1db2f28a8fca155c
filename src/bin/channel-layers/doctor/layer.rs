//! The layer itself: messages that it sends to itself, in both of Django's layouts, and its canary.

use std::time::{Duration, Instant};

use channel_layers::layer::redis::{RedisConfig, RedisLayer, RedisPubSubLayer};
use channel_layers::layer::{ChannelLayer, Health, Mailbox, MailboxOptions};
use channel_layers::{ChannelName, Error, ErrorKind, GroupName, Message, Result, message};
use tokio::time::timeout;

use super::report::Report;

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the first canary may take: it is sent every few seconds.
const CANARY: Duration = Duration::from_secs(8);

/// How often is looked for it.
const GLANCE: Duration = Duration::from_millis(50);

/// Checks both layouts. The one that is not configured is only warned of: nobody may need it.
pub(super) async fn check(report: &mut Report, config: &RedisConfig, pubsub: bool) {
    let (core, published) = ("layout channels_redis.core", "layout channels_redis.pubsub");
    match RedisLayer::connect(config.clone()).await {
        Ok(layer) => travels(report, core, &layer, config, !pubsub).await,
        Err(e) => wrong(report, core, &e, !pubsub),
    }
    match RedisPubSubLayer::connect(config.clone()).await {
        Ok(layer) => travels(report, published, &layer, config, pubsub).await,
        Err(e) => wrong(report, published, &e, pubsub),
    }
}

async fn travels(report: &mut Report, about: &str, layer: &impl ChannelLayer, config: &RedisConfig, configured: bool) {
    match round_trips(layer).await {
        Ok(took) => {
            let how = if config.symmetric_encryption_keys.is_empty() { "" } else { ", encrypted" };
            let (format, took) = (&config.serializer_format, took.as_secs_f64() * 1e3);
            let finding =
                format!("messages to a group, a channel and a work queue came back as {format}{how}, in {took:.1} ms");
            report.fine(about, finding);
            if configured {
                canary(report, about, layer).await;
            }
        }
        Err(e) => wrong(report, about, &e, configured),
    }
    // It has said what it has to say; what cannot be tidied up now ends with its time.
    let _ = layer.close().await;
}

fn wrong(report: &mut Report, about: &str, error: &Error, configured: bool) {
    let remedy = match configured {
        true => "this is the layer that the settings choose: mend what the error names",
        false => "it is not the layer that the settings choose; mend it if a Django project is to use it on this Redis",
    };
    report.wrong(configured, about, error.to_string(), remedy);
}

/// Sends to a group, to a channel of this process, and to a work queue.
async fn round_trips(layer: &impl ChannelLayer) -> Result<Duration> {
    let mut mailbox = layer.mailbox("doctor", MailboxOptions::default()).await?;
    let group = GroupName::new(format!("doctor.{:016x}", fastrand::u64(..)))?;
    let work = ChannelName::new(group.as_str())?;
    layer.group_add(&group, mailbox.channel()).await?;
    let begun = Instant::now();
    layer.group_send(&group, numbered(1)).await?;
    comes(&mut mailbox, 1, "to a group").await?;
    layer.send(mailbox.channel(), numbered(2)).await?;
    comes(&mut mailbox, 2, "to a channel").await?;
    layer.group_discard(&group, mailbox.channel()).await?;
    let worked = works(layer, &work).await;
    worked.map(|()| begun.elapsed())
}

fn numbered(number: i64) -> Message {
    message! { "type": "doctor.message", "number": number }
}

async fn comes(mailbox: &mut Mailbox, number: i64, way: &str) -> Result<()> {
    let arrives = async {
        loop {
            let message = mailbox.recv().await?;
            if message.get("number").and_then(|value| value.as_int()) == Some(number) {
                return Ok(());
            }
        }
    };
    timeout(PATIENCE, arrives).await.unwrap_or_else(|_| Err(lost(way)))
}

/// A message to a work queue. Where messages do not wait, the receiver has to be there first: it is sent again until
/// then.
async fn works(layer: &impl ChannelLayer, work: &ChannelName) -> Result<()> {
    let sending = async {
        loop {
            layer.send(work, numbered(3)).await?;
            if layer.capabilities().keeps_messages {
                return std::future::pending().await;
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    let passes = async {
        tokio::select! {
            failed = sending => failed,
            received = layer.receive(work) => received.map(drop),
        }
    };
    timeout(PATIENCE, passes).await.unwrap_or_else(|_| Err(lost("to a work queue")))
}

fn lost(way: &str) -> Error {
    let text = format!("a message {way} did not come back within {PATIENCE:?}, although sending it succeeded");
    Error::new(ErrorKind::Timeout, text)
}

/// Waits for the layer to find that it carries messages.
async fn canary(report: &mut Report, about: &str, layer: &impl ChannelLayer) {
    let waiting = async {
        loop {
            let health = layer.health();
            if health.is_ready() {
                return health;
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    let health: Health = timeout(CANARY, waiting).await.unwrap_or_else(|_| layer.health());
    for host in &health.hosts {
        match (host.lag, &host.fault) {
            (Some(lag), None) => {
                report.fine(about, format!("hears itself over {} after {:.1} ms", host.host, lag.as_secs_f64() * 1e3))
            }
            (_, fault) => {
                let why = fault.as_deref().unwrap_or("nothing came");
                let finding = format!("does not hear itself over {} within {CANARY:?}: {why}", host.host);
                report.problem(about, finding, "see the findings about this Redis; readiness stays off until it does");
            }
        }
    }
}
