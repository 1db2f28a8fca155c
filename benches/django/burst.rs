//! A burst of Django's: what arrives of it at mailboxes of ours, one for each group as in a gateway, and at consumers of
//! channels_redis.

use std::time::Duration;

use channel_layers::GroupName;
use channel_layers::layer::{ChannelLayer, Layer, MailboxOptions};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::peer::Python;

const GROUPS: usize = 50;

/// Sends so many messages and says how many arrived on each side.
pub(crate) async fn run(layer: &Layer, sender: &mut Python, consumers: &mut Python, messages: usize) -> (usize, u64) {
    let names = |side| (0..GROUPS).map(|n| format!("burst.{side}.{n}")).collect::<Vec<_>>();
    let mut receivers = JoinSet::new();
    for name in names("rust") {
        let mut mailbox = layer.mailbox("burst", MailboxOptions::default()).await.expect("a mailbox");
        layer.group_add(&GroupName::new(name).expect("a name"), mailbox.channel()).await.expect("a member");
        receivers.spawn(async move {
            let mut received = 0;
            while timeout(Duration::from_secs(2), mailbox.recv()).await.is_ok_and(|message| message.is_ok()) {
                received += 1;
            }
            received
        });
    }
    sender.order(json!({"what": "burst", "groups": names("rust"), "messages": messages})).await;
    let rust = receivers.join_all().await.into_iter().sum();
    consumers.order(json!({"what": "consume", "groups": names("python")})).await;
    sender.order(json!({"what": "burst", "groups": names("python"), "messages": messages})).await;
    let python = consumers.order(json!({"what": "counted"})).await;
    (rust, python.as_u64().expect("a count"))
}
