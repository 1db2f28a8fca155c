//! What the memory layer promises beyond the conformance suite: its bounds, its counters, and what it forgets.
#![cfg(not(target_family = "wasm"))]

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use channel_layers::layer::{ChannelLayer, Layer, Layers, Mailbox, MailboxOptions, MemoryConfig, MemoryLayer};
use channel_layers::{ChannelName, ErrorKind, GroupName, Message, Result, message};

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

fn hello() -> Message {
    message! { "type": "test.hello" }
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[test]
fn defaults_are_djangos() {
    let config = MemoryConfig::default();
    assert_eq!((config.capacity, config.expiry.as_secs(), config.group_expiry.as_secs()), (100, 60, 86_400));
    assert_eq!((config.max_message_size, config.channel_capacity.len()), (1 << 20, 0));
}

#[tokio::test]
async fn clones_are_the_same_layer() -> Result<()> {
    let layer = MemoryLayer::default();
    layer.clone().send(&channel("a"), hello()).await?;
    assert_eq!(layer.receive(&channel("a")).await?, hello());
    Ok(())
}

#[tokio::test]
async fn bytes_of_a_channel_are_bounded() -> Result<()> {
    let bytes = hello().size() * 2;
    let layer = MemoryLayer::new(MemoryConfig::default().with_channel_bytes(bytes));
    layer.send(&channel("a"), hello()).await?;
    layer.send(&channel("a"), hello()).await?;
    let error = layer.send(&channel("a"), hello()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ChannelFull);
    assert!(error.is_temporary() && error.to_string().contains("bytes"), "{error}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn drops_are_counted_by_reason() -> Result<()> {
    let layer = MemoryLayer::new(MemoryConfig::default());
    let members = group("g");
    let few = layer.mailbox("few", MailboxOptions::default().with_capacity(1)).await?;
    let small = layer.mailbox("small", MailboxOptions::default().with_bytes(hello().size())).await?;
    for mailbox in [&few, &small] {
        layer.group_add(&members, mailbox.channel()).await?;
    }
    for _ in 0..3 {
        layer.group_send(&members, hello()).await?;
    }
    let gone = layer.mailbox("gone", MailboxOptions::default()).await?.channel().clone();
    layer.send(&gone, hello()).await?;
    layer.send(&channel("a"), hello()).await?;
    pass(61).await;
    assert!(few.try_recv()?.is_none() && small.try_recv()?.is_none());
    let stats = layer.stats();
    assert_eq!((stats.dropped_capacity, stats.dropped_bytes), (2, 2));
    assert_eq!((stats.dropped_no_receiver, stats.dropped_expired), (1, 2));
    assert_eq!((stats.channels, stats.groups, stats.unowned), (3, 1, 1));
    assert_eq!((few.dropped(), small.dropped()), (2, 2));
    let error = layer.receive(&gone).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    Ok(())
}

#[tokio::test]
async fn names_that_nobody_owns_are_bounded() -> Result<()> {
    let layer = MemoryLayer::new(MemoryConfig::default().with_max_unowned(3));
    layer.send(&channel("a"), hello()).await?;
    layer.group_add(&group("g"), &channel("b")).await?;
    for error in [
        layer.send(&channel("c"), hello()).await.unwrap_err(),
        layer.group_add(&group("g"), &channel("a")).await.unwrap_err(),
        layer.group_add(&group("new"), &channel("c")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::ChannelFull);
        assert!(error.to_string().contains('3'), "{error}");
    }
    assert_eq!((layer.stats().channels, layer.stats().groups), (2, 1), "what was refused left nothing");
    // What is known goes on, and mailboxes do not count.
    layer.send(&channel("b"), hello()).await?;
    layer.group_add(&group("g"), &channel("b")).await?;
    let mut mailbox = layer.mailbox("m", MailboxOptions::default()).await?;
    layer.group_add(&group("g"), mailbox.channel()).await?;
    layer.group_send(&group("g"), hello()).await?;
    mailbox.recv().await?;
    // What is received makes room.
    layer.receive(&channel("a")).await?;
    layer.send(&channel("c"), hello()).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn abandoned_names_are_forgotten_as_others_come() -> Result<()> {
    let layer = MemoryLayer::default();
    for n in 0..10_000 {
        layer.send(&channel(&format!("abandoned-{n}")), hello()).await?;
    }
    assert_eq!(layer.stats().unowned, 10_000);
    pass(61).await;
    for n in 0..20_000 {
        let name = channel(&format!("used-{n}"));
        layer.send(&name, hello()).await?;
        layer.receive(&name).await?;
    }
    let stats = layer.stats();
    assert_eq!((stats.channels, stats.unowned), (0, 0));
    assert_eq!(stats.dropped_expired, 10_000);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn ended_memberships_are_forgotten_as_others_join() -> Result<()> {
    let layer = MemoryLayer::new(MemoryConfig::default().with_group_expiry(Duration::from_secs(10)));
    for n in 0..1_000 {
        layer.group_add(&group(&format!("g-{}", n % 100)), &channel(&format!("abandoned-{n}"))).await?;
    }
    assert_eq!(layer.stats().unowned, 2_000);
    pass(11).await;
    let mailbox = layer.mailbox("m", MailboxOptions::default()).await?;
    for n in 0..5_000 {
        let members = group(&format!("h-{n}"));
        layer.group_add(&members, mailbox.channel()).await?;
        layer.group_discard(&members, mailbox.channel()).await?;
    }
    let stats = layer.stats();
    assert_eq!((stats.channels, stats.groups, stats.unowned), (1, 0, 0));
    Ok(())
}

/// A task that, when it is woken, uses the layer and drops a mailbox: what a task does that is dropped by its waker.
struct Reenters {
    layer: MemoryLayer,
    mailbox: Mutex<Option<Mailbox>>,
}

impl Wake for Reenters {
    fn wake(self: Arc<Self>) {
        let mailbox = self.mailbox.lock().unwrap().take();
        let mut cx = Context::from_waker(Waker::noop());
        if let Some(mailbox) = &mailbox {
            let verb = pin!(self.layer.group_add(&GroupName::new("g").unwrap(), mailbox.channel())).poll(&mut cx);
            assert!(verb.is_ready());
        }
        drop(mailbox);
        self.layer.stats();
    }
}

#[tokio::test]
async fn wakers_run_outside_every_lock() -> Result<()> {
    let layer = MemoryLayer::default();
    let members = group("g");
    let listen = async |layer: &MemoryLayer| {
        let mut mailbox = layer.mailbox("m", MailboxOptions::default()).await?;
        layer.group_add(&members, mailbox.channel()).await?;
        let task = Arc::new(Reenters { layer: layer.clone(), mailbox: Mutex::default() });
        let waker = Waker::from(Arc::clone(&task));
        assert!(mailbox.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        let name = mailbox.channel().clone();
        *task.mailbox.lock().unwrap() = Some(mailbox);
        Ok::<_, channel_layers::Error>(name)
    };
    listen(&layer).await?;
    layer.group_send(&members, hello()).await?;
    let name = listen(&layer).await?;
    layer.send(&name, hello()).await?;
    assert_eq!((layer.stats().channels, layer.stats().groups), (0, 0));
    listen(&layer).await?;
    layer.flush().await?;
    layer.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_mailbox_of_another_layer() -> Result<()> {
    let given_back = Arc::new(AtomicUsize::new(0));
    let options = MailboxOptions::default().with_capacity(2);
    let count = Arc::clone(&given_back);
    let (sender, mut mailbox) = Mailbox::pair(channel("other.1!2"), &options, move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(mailbox.channel().as_str(), "other.1!2");
    sender.send(hello())?;
    assert!(sender.group_send(hello()));
    assert!(!sender.group_send(hello()));
    let error = sender.send(hello()).unwrap_err();
    assert!(error.kind() == ErrorKind::ChannelFull && error.to_string().contains('2'), "{error}");
    assert_eq!((mailbox.dropped(), mailbox.dropped()), (1, 0));
    mailbox.recv().await?;
    let other = sender.clone();
    drop(sender);
    other.send(hello())?;
    drop(other);
    // What was queued can be received, then it is over.
    mailbox.recv().await?;
    mailbox.recv().await?;
    assert_eq!(mailbox.recv().await.unwrap_err().kind(), ErrorKind::Closed);

    let (sender, mailbox) = Mailbox::pair(channel("other.1!3"), &options, || {});
    drop(mailbox);
    assert_eq!(sender.send(hello()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(given_back.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test]
async fn a_mailbox_of_another_layer_is_given_back_once() {
    let given_back = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given_back);
    let (sender, mailbox) = Mailbox::pair(channel("other.1!2"), &MailboxOptions::default(), move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    sender.close();
    drop(mailbox);
    assert_eq!(given_back.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn aliases_name_layers() -> Result<()> {
    let (one, two) = (Layer::default(), Layer::memory(MemoryConfig::default().with_capacity(1)));
    let layers = Layers::new(one).with("background", two);
    layers.get("background")?.send(&channel("a"), hello()).await?;
    let full = layers.get("background")?.send(&channel("a"), hello()).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::ChannelFull);
    let quiet = layers.get(Layers::DEFAULT)?;
    let nothing = pin!(quiet.receive(&channel("a"))).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(nothing, Poll::Pending), "layers share nothing");
    assert_eq!(layers.iter().map(|(alias, _)| alias).collect::<Vec<_>>(), ["background", "default"]);
    let error = Layers::default().get("default").unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Config, r#"no channel layer "default": there is none"#)
    );
    Ok(())
}
