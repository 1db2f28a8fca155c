//! Several receivers.

use super::tools::{channel, number, numbered, soon};
use super::{Factory, Settings};
use crate::layer::ChannelLayer;
use crate::{ChannelName, Message, Result};
use tokio::task::JoinHandle;

fn spawn_receive(layer: &(impl ChannelLayer + Clone), name: &ChannelName) -> JoinHandle<Result<Message>> {
    let (layer, name) = (layer.clone(), name.clone());
    tokio::spawn(async move { layer.receive(&name).await })
}

/// With ten receivers on a channel each message reaches one of them, and each receiver gets one.
pub async fn each_message_goes_to_one(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    let receivers: Vec<_> = (0..10).map(|_| spawn_receive(&layer, &name)).collect();
    factory.settle(&layer).await;
    for number in 0..10 {
        layer.send(&name, numbered(number)).await?;
    }
    let mut received = Vec::new();
    for receiver in receivers {
        received.push(number(&soon(receiver).await.expect("the receiver ends")?));
    }
    received.sort_unstable();
    assert_eq!(received, (0..10).collect::<Vec<_>>());
    Ok(())
}

/// A second receiver that waits is served after the first one, whatever happened in between.
pub async fn the_second_waiter_is_served(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = channel("test-channel");
    let receivers = [spawn_receive(&layer, &name), spawn_receive(&layer, &name)];
    factory.settle(&layer).await;
    layer.send(&name, numbered(1)).await?;
    factory.settle(&layer).await;
    layer.send(&name, numbered(2)).await?;
    let mut received = Vec::new();
    for receiver in receivers {
        received.push(number(&soon(receiver).await.expect("the receiver ends")?));
    }
    received.sort_unstable();
    assert_eq!(received, [1, 2]);
    Ok(())
}

/// Receivers are served in the order in which they began to wait, where one process can tell.
pub async fn waiting_is_in_turn(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let name = layer.new_channel("test").await?;
    let mut receivers = Vec::new();
    for _ in 0..5 {
        receivers.push(spawn_receive(&layer, &name));
        factory.settle(&layer).await;
    }
    for (sent, receiver) in receivers.into_iter().enumerate() {
        layer.send(&name, numbered(i64::try_from(sent).expect("five"))).await?;
        let received = soon(receiver).await.expect("the receiver ends")?;
        assert_eq!(usize::try_from(number(&received)).expect("five"), sent);
    }
    Ok(())
}

/// Messages that pile up in one channel do not keep another channel's from arriving.
pub async fn a_busy_channel_does_not_hold_up_a_quiet_one(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(Settings::default()).await;
    let (busy, quiet) = (channel("busy"), layer.new_channel("quiet").await?);
    for number in 0..100 {
        layer.send(&busy, numbered(number)).await?;
    }
    layer.send(&quiet, numbered(1000)).await?;
    assert_eq!(number(&soon(layer.receive(&quiet)).await?), 1000);
    Ok(())
}
