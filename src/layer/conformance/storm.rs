//! Thousands of tasks at once on several threads: nothing lost, nothing twice, each sender's order kept, and nothing
//! left when they are gone. They end by what they have sent and received, never by time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::tools::{cancelled_after, channel, group, mailed, number, numbered, settle, soon};
use super::{Factory, Settings};
use crate::layer::{ChannelLayer, MailboxOptions};
use crate::{ChannelName, ErrorKind, GroupName, Result};

/// How many messages each sender sends. A message's number is its sender's times this, and its place among the sender's.
const EACH: i64 = 20;

fn roomy() -> MailboxOptions {
    MailboxOptions::default().with_capacity(1_000_000)
}

/// Of each sender, messages come in its order and none comes twice.
fn assert_in_order(numbers: &[i64]) {
    let mut last = HashMap::new();
    for number in numbers {
        let before = last.insert(number / EACH, number);
        assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
    }
}

async fn all<T: Send + 'static>(mut tasks: JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut results = Vec::new();
    while let Some(ended) = soon(tasks.join_next()).await {
        results.push(ended.expect("no task panics")?);
    }
    Ok(results)
}

/// What the receivers of a storm have received.
struct Received {
    left: AtomicUsize,
    done: Notify,
    by_receiver: Vec<Mutex<Vec<i64>>>,
}

impl Received {
    fn note(&self, receiver: usize, number: i64) {
        self.by_receiver[receiver].lock().expect("nobody panics").push(number);
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.notify_one();
        }
    }
}

/// Receives for ever; every second time only for a moment.
async fn receive_all(
    layer: impl ChannelLayer,
    name: ChannelName,
    received: Arc<Received>,
    receiver: usize,
) -> Result<()> {
    loop {
        if let Some(message) = cancelled_after(2, layer.receive(&name)).await {
            received.note(receiver, number(&message?));
        }
        let message = layer.receive(&name).await?;
        received.note(receiver, number(&message));
    }
}

/// Sends a sender's messages, again where the channel is full.
async fn send_all(layer: impl ChannelLayer, name: ChannelName, sender: i64) -> Result<()> {
    for place in 0..EACH {
        loop {
            match layer.send(&name, numbered(sender * EACH + place)).await {
                Err(error) if error.kind() == ErrorKind::ChannelFull => tokio::task::yield_now().await,
                sent => break sent?,
            }
        }
    }
    Ok(())
}

/// A thousand senders to twenty small channels, each with ten receivers that keep giving up: every message is received
/// once, and each receiver sees each sender's messages in order.
pub async fn nothing_lost_nothing_twice_in_order(factory: &impl Factory) -> Result<()> {
    const SENDERS: i64 = 1000;
    const RECEIVERS: usize = 200;
    let layer = factory.layer(Settings { capacity: 50, ..Settings::default() }).await;
    let before = factory.held(&layer);
    let names: Vec<ChannelName> = (0..20).map(|n| channel(&format!("storm-{n}"))).collect();
    let received = Arc::new(Received {
        left: AtomicUsize::new(usize::try_from(SENDERS * EACH).expect("few")),
        done: Notify::new(),
        by_receiver: (0..RECEIVERS).map(|_| Mutex::default()).collect(),
    });
    let (mut receivers, mut senders) = (JoinSet::new(), JoinSet::new());
    for (receiver, name) in (0..RECEIVERS).zip(names.iter().cycle()) {
        receivers.spawn(receive_all(layer.clone(), name.clone(), Arc::clone(&received), receiver));
    }
    for (sender, name) in (0..SENDERS).zip(names.iter().cycle()) {
        senders.spawn(send_all(layer.clone(), name.clone(), sender));
    }
    all(senders).await?;
    soon(received.done.notified()).await;
    settle().await;
    receivers.shutdown().await;
    let mut numbers: Vec<i64> = Vec::new();
    for of_one in &received.by_receiver {
        let of_one = of_one.lock().expect("nobody panics");
        assert_in_order(&of_one);
        numbers.extend(of_one.iter().copied());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..SENDERS * EACH).collect::<Vec<_>>());
    assert_eq!(factory.held(&layer), before);
    Ok(())
}

/// Is a member for a moment, again and again.
async fn come_and_go(layer: impl ChannelLayer, members: GroupName) -> Result<()> {
    for round in 0..10 {
        let mut mailbox = layer.mailbox("guest", roomy()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        let mut seen = Vec::new();
        for _ in 0..round {
            if let Some(message) = cancelled_after(2, mailbox.recv()).await {
                seen.push(number(&message?));
            }
        }
        if round % 2 == 0 {
            layer.group_discard(&members, mailbox.channel()).await?;
        }
        assert_in_order(&seen);
    }
    Ok(())
}

/// Two hundred guests come and go while fifty senders send to the group: the members that stay receive everything, once
/// and in each sender's order, and nothing is left of the guests.
pub async fn members_come_and_go(factory: &impl Factory) -> Result<()> {
    const SENDERS: i64 = 50;
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let members = group("storm");
    let mut stay = Vec::new();
    for _ in 0..10 {
        let mailbox = layer.mailbox("stay", roomy()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        stay.push(mailbox);
    }
    let mut tasks = JoinSet::new();
    for sender in 0..SENDERS {
        let (layer, members) = (layer.clone(), members.clone());
        tasks.spawn(async move {
            for place in 0..EACH {
                layer.group_send(&members, numbered(sender * EACH + place)).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        });
    }
    for _ in 0..200 {
        tasks.spawn(come_and_go(layer.clone(), members.clone()));
    }
    all(tasks).await?;
    for mailbox in &mut stay {
        let mut numbers = mailed(mailbox, usize::try_from(SENDERS * EACH).expect("few")).await?;
        assert_in_order(&numbers);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..SENDERS * EACH).collect::<Vec<_>>());
        assert!(mailbox.try_recv()?.is_none());
    }
    drop(stay);
    settle().await;
    assert_eq!(factory.held(&layer), before);
    Ok(())
}

/// Joins a group, sends to it, and hears what it sent, again and again.
async fn hear_oneself(layer: impl ChannelLayer, members: GroupName, own: i64) -> Result<()> {
    const ROUNDS: i64 = 1000;
    for round in 0..ROUNDS {
        let mut mailbox = layer.mailbox("guest", roomy()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        let sent = own * ROUNDS + round;
        layer.group_send(&members, numbered(sent)).await?;
        while number(&soon(mailbox.recv()).await?) != sent {}
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Groups that end with each member that leaves and begin with the next one: who has joined receives, however close the
/// end was.
pub async fn groups_end_and_begin(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    for tasks in [2, 8] {
        let mut running = JoinSet::new();
        for own in 0..tasks {
            running.spawn(hear_oneself(layer.clone(), group("storm"), own));
        }
        all(running).await?;
    }
    settle().await;
    assert_eq!(factory.held(&layer), before);
    Ok(())
}

/// Uses every verb in any order, on names and groups that others use too, and leaves its groups in the end.
async fn anything(layer: impl ChannelLayer, names: Arc<Vec<ChannelName>>, groups: Arc<Vec<GroupName>>) -> Result<()> {
    let some = |count: usize| fastrand::usize(..count);
    for _ in 0..50 {
        let (name, members) = (&names[some(names.len())], &groups[some(groups.len())]);
        match some(7) {
            0 => layer.group_add(members, name).await?,
            1 => layer.group_discard(members, name).await?,
            2 => layer.group_send(members, numbered(0)).await?,
            3 => drop(layer.send(name, numbered(0)).await),
            4 => drop(cancelled_after(some(3), layer.receive(name)).await),
            5 => {
                let mailbox = layer.mailbox("storm", MailboxOptions::default()).await?;
                layer.group_add(members, mailbox.channel()).await?;
            }
            _ => drop(layer.new_channel("storm").await?),
        }
    }
    for members in groups.iter() {
        for name in names.iter() {
            layer.group_discard(members, name).await?;
        }
    }
    Ok(())
}

/// Five hundred tasks do anything: the layer stays whole, and after the last message is taken nothing is left.
pub async fn everything_at_once(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let names: Arc<Vec<ChannelName>> = Arc::new((0..8).map(|n| channel(&format!("storm-{n}"))).collect());
    let groups: Arc<Vec<GroupName>> = Arc::new((0..4).map(|n| group(&format!("storm-{n}"))).collect());
    let mut tasks = JoinSet::new();
    for _ in 0..500 {
        tasks.spawn(anything(layer.clone(), Arc::clone(&names), Arc::clone(&groups)));
    }
    all(tasks).await?;
    for name in names.iter() {
        for members in groups.iter() {
            // Somebody may have added it after the others had left.
            layer.group_discard(members, name).await?;
        }
        while cancelled_after(50, layer.receive(name)).await.transpose()?.is_some() {}
    }
    settle().await;
    assert_eq!(factory.held(&layer), before);
    layer.send(&names[0], numbered(1)).await?;
    assert_eq!(number(&soon(layer.receive(&names[0])).await?), 1);
    Ok(())
}
