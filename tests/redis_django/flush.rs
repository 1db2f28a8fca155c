//! What a flush of one side does to the other.

use std::time::{Duration, Instant};

use channel_layers::layer::ChannelLayer;
use rig::django::Backend;
use rig::{until, within};
use serde_json::json;

use super::sides::{PAUSE, Sides, next, numbered};

/// Python deletes every key of the prefix, our memberships too. Open mailboxes are members again within seconds.
#[tokio::test]
async fn memberships_of_open_mailboxes_survive_a_flush_of_python() {
    let sides = Sides::open(Backend::Core, 3, json!({})).await;
    let Sides { python, rust, .. } = &sides;
    let groups = ["room-1", "lobby", "news", "a", "b"];
    let mailbox = rust.mailbox().await;
    for group in groups {
        rust.group_add(group, mailbox.channel().as_str()).await;
    }
    rust.send("jobs", &numbered(0)).await.unwrap();
    until!("the layer has looked at every server", rust.layer().health().hosts.iter().all(|host| host.lag.is_some()));

    let flushed = Instant::now();
    python.flush().await.unwrap();
    for group in groups {
        until!("the membership is back", {
            python.group_send(group, json!({"type": group})).await.unwrap();
            // What comes late was sent to the group before.
            std::iter::from_fn(|| mailbox.try_recv().unwrap()).any(|message| message.kind().as_deref() == Some(group))
        });
    }
    assert!(flushed.elapsed() < Duration::from_secs(10), "{:?}", flushed.elapsed());
    assert!(rust.stats().data_lost >= 1);
    assert!(python.receive_many("jobs", 1, Duration::from_millis(100)).await.unwrap().is_empty());
}

/// What waits for Python goes with a flush of ours, and so do its memberships; both sides work on.
#[tokio::test]
async fn a_flush_of_ours_empties_pythons() {
    let sides = Sides::open(Backend::Core, 3, json!({})).await;
    let Sides { python, rust, .. } = &sides;
    let theirs = python.new_channel().await;
    python.group_add("g", &theirs).await.unwrap();
    for n in 0..3 {
        python.send("jobs", numbered(n)).await.unwrap();
        rust.send(&theirs, &numbered(n)).await.unwrap();
    }
    within("a flush", rust.layer().flush()).await.unwrap();
    rust.group_send("g", &numbered(8)).await;
    for server in &sides.servers {
        // Others wait while a server looks through all of its keys at once.
        let used = server.info().await;
        assert!(used.contains_key("cmdstat_scan") && !used.contains_key("cmdstat_keys"), "{used:?}");
        assert!(server.ok(&["KEYS", "*"]).await.list().is_empty());
    }
    python.group_add("g", &theirs).await.unwrap();
    rust.group_send("g", &numbered(9)).await;
    assert_eq!(python.receive_many(&theirs, 2, PAUSE).await.unwrap(), [numbered(9)]);
}

/// With pub/sub each process has its own groups, and a flush ends its own alone.
#[tokio::test]
async fn a_flush_of_pubsub_is_ones_own() {
    let sides = Sides::open(Backend::PubSub, 1, json!({})).await;
    let Sides { python, rust, .. } = &sides;
    let (theirs, mut ours) = (python.new_channel().await, rust.mailbox().await);
    python.group_add("g", &theirs).await.unwrap();
    rust.group_add("g", ours.channel().as_str()).await;
    sides.group_subscribed("g", 2).await;
    python.flush().await.unwrap();
    sides.group_subscribed("g", 1).await;
    python.group_send("g", numbered(1)).await.unwrap();
    assert_eq!(next(&mut ours).await, numbered(1));

    let theirs = python.new_channel().await;
    python.group_add("g", &theirs).await.unwrap();
    sides.group_subscribed("g", 2).await;
    within("a flush", rust.layer().flush()).await.unwrap();
    sides.group_subscribed("g", 1).await;
    rust.group_send("g", &numbered(2)).await;
    assert_eq!(python.receive(&theirs).await.unwrap(), numbered(2));
}
