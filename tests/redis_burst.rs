//! A burst of Django's that is larger than what Django lets wait for one process: nothing of it is lost here.
#![cfg(not(target_family = "wasm"))]

use std::collections::HashSet;

use channel_layers::GroupName;
use channel_layers::layer::redis::{Host, RedisConfig, RedisLayer};
use channel_layers::layer::{ChannelLayer, MailboxOptions};
use rig::django::{Backend, Django};
use rig::{RedisServer, within};
use serde_json::json;

const GROUPS: usize = 50;
const MESSAGES: usize = 1000;

/// As a gateway has it: one mailbox for each group, and Django's settings as they come.
#[tokio::test]
async fn a_burst_of_djangos_over_fifty_groups_arrives_whole() {
    let server = RedisServer::start().await;
    let layer = RedisLayer::connect(RedisConfig::new([Host::url(&server.url()).unwrap()])).await.unwrap();
    let groups: Vec<_> = (0..GROUPS).map(|n| format!("room.{n}")).collect();
    let mut mailboxes = Vec::new();
    for group in &groups {
        let mailbox = layer.mailbox("room", MailboxOptions::default()).await.unwrap();
        layer.group_add(&GroupName::new(group).unwrap(), mailbox.channel()).await.unwrap();
        mailboxes.push(mailbox);
    }
    let django = Django::start().await.layer(Backend::Core, json!({"hosts": [server.url()]})).await;
    // redis allows a hundred connections by default, and each send that is under way has one.
    let raised = django.burst(&groups, MESSAGES, 80, json!({"type": "chat.message"})).await;
    assert!(raised.is_empty(), "{raised:?}");
    for (at, mailbox) in mailboxes.iter_mut().enumerate() {
        let mut received = HashSet::new();
        for _ in 0..MESSAGES / GROUPS {
            let message = within("every message", mailbox.recv()).await.unwrap();
            received.insert(message.get("n").and_then(|n| n.as_int()).unwrap());
        }
        let sent = (0..MESSAGES).filter(|n| n % GROUPS == at).map(|n| i64::try_from(n).unwrap());
        assert_eq!(received, sent.collect());
        assert!(mailbox.try_recv().unwrap().is_none(), "nothing twice");
    }
    assert_eq!(layer.stats().local.dropped_capacity, 0);
    django.close().await.unwrap();
}
