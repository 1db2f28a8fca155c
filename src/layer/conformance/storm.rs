//! Thousands of tasks at once on several threads: nothing lost, nothing twice, each sender's order kept, and nothing
//! left when they are gone. They end by what they have sent and received, never by time. How many there are is the
//! factory's to say ([`Factory::rounds`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::try_join_all;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::tools::{assert_held, cancelled_after, channel, group, mailed, next_if_any, number, numbered, soon};
use super::{Factory, Settings};
use crate::layer::{ChannelLayer, MailboxOptions};
use crate::{ChannelName, ErrorKind, GroupName, Result};

/// How many messages each sender sends. A message's number is its sender's times this, and its place among the sender's.
const EACH: i64 = 20;

fn roomy() -> MailboxOptions {
    MailboxOptions::default().with_capacity(1_000_000)
}

/// So many senders, tasks or rounds: a number that is meant for 1,000 rounds, for as many as the factory wants.
fn scaled(factory: &impl Factory, count: usize) -> i64 {
    let scaled = (count * factory.rounds()).div_ceil(1000).max(2);
    i64::try_from(scaled).expect("few")
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

/// The channels of a storm: half of them general ones, where those keep messages and their order.
async fn storm_channels(layer: &impl ChannelLayer) -> Result<Vec<ChannelName>> {
    let capabilities = layer.capabilities();
    let general = capabilities.keeps_messages && capabilities.ordered_general;
    let mut names = Vec::new();
    for n in 0..20 {
        names.push(if general && n % 2 == 0 {
            channel(&format!("storm-{n}"))
        } else {
            layer.new_channel("storm").await?
        });
    }
    Ok(names)
}

/// A thousand senders to twenty small channels, each with ten receivers that keep giving up: every message is received
/// once, and each receiver sees each sender's messages in order.
pub async fn nothing_lost_nothing_twice_in_order(factory: &impl Factory) -> Result<()> {
    const RECEIVERS: usize = 200;
    let sent = scaled(factory, 1000) * EACH;
    let layer = factory.layer(Settings { capacity: 50, ..Settings::default() }).await;
    // Where a full channel does not refuse, none may get full.
    let layer = match layer.capabilities().refuses_when_full {
        true => layer,
        false => factory.layer(Settings { capacity: 1_000_000, ..Settings::default() }).await,
    };
    let before = factory.held(&layer);
    let names = storm_channels(&layer).await?;
    let received = Arc::new(Received {
        left: AtomicUsize::new(usize::try_from(sent).expect("few")),
        done: Notify::new(),
        by_receiver: (0..RECEIVERS).map(|_| Mutex::default()).collect(),
    });
    let (mut receivers, mut senders) = (JoinSet::new(), JoinSet::new());
    for (receiver, name) in (0..RECEIVERS).zip(names.iter().cycle()) {
        receivers.spawn(receive_all(layer.clone(), name.clone(), Arc::clone(&received), receiver));
    }
    for (sender, name) in (0..sent / EACH).zip(names.iter().cycle()) {
        senders.spawn(send_all(layer.clone(), name.clone(), sender));
    }
    all(senders).await?;
    soon(received.done.notified()).await;
    factory.settle(&layer).await;
    receivers.shutdown().await;
    let mut numbers: Vec<i64> = Vec::new();
    for of_one in &received.by_receiver {
        let of_one = of_one.lock().expect("nobody panics");
        assert_in_order(&of_one);
        numbers.extend(of_one.iter().copied());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..sent).collect::<Vec<_>>());
    assert_held(factory, &layer, before).await;
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
    let senders = scaled(factory, 50);
    let layer = factory.layer(Settings { capacity: 1_000_000, ..Settings::default() }).await;
    let before = factory.held(&layer);
    let members = group("storm");
    let mut stay = Vec::new();
    for _ in 0..10 {
        let mailbox = layer.mailbox("stay", roomy()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        stay.push(mailbox);
    }
    let mut tasks = JoinSet::new();
    for sender in 0..senders {
        let (layer, members) = (layer.clone(), members.clone());
        tasks.spawn(async move {
            for place in 0..EACH {
                layer.group_send(&members, numbered(sender * EACH + place)).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        });
    }
    for _ in 0..scaled(factory, 200) {
        tasks.spawn(come_and_go(layer.clone(), members.clone()));
    }
    all(tasks).await?;
    for mailbox in &mut stay {
        let mut numbers = mailed(mailbox, usize::try_from(senders * EACH).expect("few")).await?;
        assert_in_order(&numbers);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..senders * EACH).collect::<Vec<_>>());
        assert!(mailbox.try_recv()?.is_none());
    }
    drop(stay);
    assert_held(factory, &layer, before).await;
    Ok(())
}

/// Joins a group, sends to it, and hears what it sent, again and again.
async fn hear_oneself(layer: impl ChannelLayer, members: GroupName, own: i64, rounds: i64) -> Result<()> {
    for round in 0..rounds {
        let mut mailbox = layer.mailbox("guest", roomy()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        let sent = own * rounds + round;
        layer.group_send(&members, numbered(sent)).await?;
        while number(&soon(mailbox.recv()).await?) != sent {}
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Groups that end with each member that leaves and begin with the next one: who has joined receives, however close the
/// end was.
pub async fn groups_end_and_begin(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings { capacity: 1_000_000, ..Settings::default() }).await;
    let before = factory.held(&layer);
    for tasks in [2, 8] {
        let mut running = JoinSet::new();
        for own in 0..tasks {
            running.spawn(hear_oneself(layer.clone(), group("storm"), own, scaled(factory, 1000)));
        }
        all(running).await?;
    }
    assert_held(factory, &layer, before).await;
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

/// Takes what waits in a channel.
async fn empty(layer: &impl ChannelLayer, name: &ChannelName) -> Result<()> {
    while next_if_any(layer, name).await?.is_some() {}
    Ok(())
}

/// Five hundred tasks do anything: the layer stays whole, and after the last message is taken nothing is left.
pub async fn everything_at_once(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let before = factory.held(&layer);
    let names: Arc<Vec<ChannelName>> = Arc::new((0..8).map(|n| channel(&format!("storm-{n}"))).collect());
    let groups: Arc<Vec<GroupName>> = Arc::new((0..4).map(|n| group(&format!("storm-{n}"))).collect());
    let mut tasks = JoinSet::new();
    for _ in 0..scaled(factory, 500) {
        tasks.spawn(anything(layer.clone(), Arc::clone(&names), Arc::clone(&groups)));
    }
    all(tasks).await?;
    for name in names.iter() {
        for members in groups.iter() {
            // Somebody may have added it after the others had left.
            layer.group_discard(members, name).await?;
        }
    }
    try_join_all(names.iter().map(|name| empty(&layer, name))).await?;
    assert_held(factory, &layer, before).await;
    let name = layer.new_channel("storm").await?;
    layer.send(&name, numbered(1)).await?;
    assert_eq!(number(&soon(layer.receive(&name)).await?), 1);
    Ok(())
}
