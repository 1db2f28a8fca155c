//! What the memory layer's verbs cost. Its futures are ready at the first poll, so no runtime is measured; what waking a
//! task adds is the runtime's.

use channel_layers::layer::{ChannelLayer, Mailbox, MailboxOptions, MemoryConfig, MemoryLayer};
use channel_layers::{ChannelName, GroupName, Message, Result, message};
use divan::Bencher;
use divan::counter::ItemsCount;
use futures_util::FutureExt;

fn main() {
    divan::main();
}

/// The outcome of a verb, which is there at once.
fn now<T>(verb: impl Future<Output = Result<T>>) -> T {
    verb.now_or_never().expect("the memory layer waits for messages only").expect("the verb succeeds")
}

fn layer() -> MemoryLayer {
    MemoryLayer::new(MemoryConfig::default().with_capacity(1_000_000).with_max_unowned(1_000_000))
}

/// 128 bytes as JSON.
fn chat() -> Message {
    message! { "type": "chat.message", "room": "lobby", "text": "The quick brown fox jumps over the lazy dog. 0123456789 0123456789" }
}

fn mailboxes(layer: &MemoryLayer, group: &GroupName, count: usize) -> Vec<Mailbox> {
    let open = |_| {
        let mailbox = now(layer.mailbox("bench", MailboxOptions::default().with_bytes(usize::MAX)));
        now(layer.group_add(group, mailbox.channel()));
        mailbox
    };
    (0..count).map(open).collect()
}

fn drain(mailboxes: &[Mailbox]) {
    for mailbox in mailboxes {
        while mailbox.try_recv().expect("the layer is open").is_some() {}
    }
}

/// To a name that nobody owns: the channel is made by the send, and forgotten after the receive.
#[divan::bench]
fn send_and_receive_by_name(bencher: Bencher<'_, '_>) {
    let (layer, name, message) = (layer(), ChannelName::new("thumbnails").expect("valid"), chat());
    bencher.bench_local(|| {
        now(layer.send(&name, message.clone()));
        now(layer.receive(&name))
    });
}

#[divan::bench]
fn send_and_receive_by_mailbox(bencher: Bencher<'_, '_>) {
    let (layer, message) = (layer(), chat());
    let mut mailbox = now(layer.mailbox("bench", MailboxOptions::default()));
    bencher.bench_local(|| {
        now(layer.send(mailbox.channel(), message.clone()));
        now(mailbox.recv())
    });
}

/// From two threads to a mailbox each.
#[divan::bench(threads = [1, 2])]
fn send_and_try_recv(bencher: Bencher<'_, '_>) {
    let (layer, message) = (layer(), chat());
    bencher.with_inputs(|| now(layer.mailbox("bench", MailboxOptions::default()))).bench_refs(|mailbox| {
        now(layer.send(mailbox.channel(), message.clone()));
        mailbox.try_recv().expect("the layer is open")
    });
}

#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn group_send(bencher: Bencher<'_, '_>, members: usize) {
    let (layer, group, message) = (layer(), GroupName::new("chat.lobby").expect("valid"), chat());
    let mailboxes = mailboxes(&layer, &group, members);
    bencher
        .counter(ItemsCount::new(members))
        .with_inputs(|| drain(&mailboxes))
        .bench_local_values(|()| now(layer.group_send(&group, message.clone())));
}

#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn group_send_and_receive(bencher: Bencher<'_, '_>, members: usize) {
    let (layer, group, message) = (layer(), GroupName::new("chat.lobby").expect("valid"), chat());
    let mailboxes = mailboxes(&layer, &group, members);
    bencher.counter(ItemsCount::new(members)).bench_local(|| {
        now(layer.group_send(&group, message.clone()));
        for mailbox in &mailboxes {
            divan::black_box(mailbox.try_recv().expect("the layer is open"));
        }
    });
}

#[divan::bench(args = [10, 1_000, 100_000, 1_000_000])]
fn join_and_leave_a_group_of(bencher: Bencher<'_, '_>, members: usize) {
    let (layer, group) = (layer(), GroupName::new("chat.lobby").expect("valid"));
    let _members = mailboxes(&layer, &group, members);
    let guest = now(layer.mailbox("guest", MailboxOptions::default()));
    bencher.bench_local(|| {
        now(layer.group_add(&group, guest.channel()));
        now(layer.group_discard(&group, guest.channel()));
    });
}

/// With 100,000 other groups: sending to one costs the same.
#[divan::bench(args = [1, 100_000])]
fn group_send_among_groups(bencher: Bencher<'_, '_>, groups: usize) {
    let (layer, message) = (layer(), chat());
    let others: Vec<_> =
        (0..groups).map(|n| mailboxes(&layer, &GroupName::new(format!("chat.{n}")).expect("valid"), 1)).collect();
    let group = GroupName::new("chat.0").expect("valid");
    bencher.bench_local(|| {
        now(layer.group_send(&group, message.clone()));
        others[0][0].try_recv().expect("the layer is open")
    });
}

#[divan::bench]
fn new_channel(bencher: Bencher<'_, '_>) {
    let layer = layer();
    bencher.bench_local(|| now(layer.new_channel("bench")));
}

#[divan::bench]
fn open_and_drop_a_mailbox(bencher: Bencher<'_, '_>) {
    let layer = layer();
    bencher.bench_local(|| drop(now(layer.mailbox("bench", MailboxOptions::default()))));
}
