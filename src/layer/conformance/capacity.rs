//! What happens at capacity.

use super::tools::{assert_kind, assert_quiet, channel, group, numbered, numbers, soon};
use super::{Factory, Settings};
use crate::layer::{Capabilities, ChannelLayer, Pattern};
use crate::{ChannelName, ErrorKind, Result};

fn three() -> Settings {
    Settings { capacity: 3, ..Settings::default() }
}

/// What [`taken`] gives up at.
const MANY: usize = 50;

/// How many messages a channel takes before it refuses one, up to a bound.
async fn taken(layer: &impl ChannelLayer, name: &ChannelName) -> usize {
    for taken in 0..MANY {
        if let Err(error) = soon(layer.send(name, numbered(0))).await {
            assert_eq!(error.kind(), ErrorKind::ChannelFull);
            return taken;
        }
    }
    MANY
}

/// Sending to a full channel fails at once with an error that names the channel and its capacity; once a message is
/// received there is room again. Where the layer does not refuse, the newest message is dropped.
pub async fn full_channel_refuses(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(three()).await;
    let name = layer.new_channel("test").await?;
    for number in 0..3 {
        layer.send(&name, numbered(number)).await?;
    }
    if !layer.capabilities().refuses_when_full {
        layer.send(&name, numbered(3)).await?;
        factory.settle(&layer).await;
        assert_eq!(numbers(&layer, &name, 3).await?, [0, 1, 2]);
        layer.send(&name, numbered(4)).await?;
        assert_eq!(numbers(&layer, &name, 1).await?, [4]);
        return Ok(());
    }
    let text = assert_kind(soon(layer.send(&name, numbered(3))).await, ErrorKind::ChannelFull);
    assert!(text.contains(name.as_str()) && text.contains('3'), "{text}");
    assert_eq!(numbers(&layer, &name, 1).await?, [0]);
    layer.send(&name, numbered(4)).await?;
    assert_eq!(numbers(&layer, &name, 3).await?, [1, 2, 4]);
    Ok(())
}

/// The first pattern that matches the full name sets the capacity, whether a glob or a regular expression. A layer that
/// does not refuse takes everything.
pub async fn first_pattern_that_matches_counts(factory: &impl Factory) -> Result<()> {
    let channel_capacity = vec![
        (Pattern::glob("one"), 1),
        (Pattern::glob("http.response!*"), 2),
        (Pattern::regex(r"^websocket.send\!.+")?, 4),
        (Pattern::glob("a?c"), 5),
        (Pattern::glob("[xy]*"), 6),
        (Pattern::glob("xyz"), 9),
    ];
    let layer = factory.layer(Settings { capacity: 3, channel_capacity, ..Settings::default() }).await;
    let expected = [
        ("one", 1),
        ("ones", 3),
        ("http.response!abc", 2),
        ("websocketXsend!q", 4),
        ("abc", 5),
        ("abbc", 3),
        ("xyz", 6),
        ("XYZ", 3),
    ];
    for (name, capacity) in expected {
        let (name, capabilities) = (channel(name), layer.capabilities());
        let taken = taken(&layer, &name).await;
        let expected = match capabilities.refuses_when_full {
            // Each server takes as much, and whichever is full first refuses.
            true if !capabilities.ordered_general && !name.is_local() => taken.max(capacity),
            true => capacity,
            false => MANY,
        };
        assert!(taken == expected && taken > 0, "{name}: {taken} of {expected}");
    }
    Ok(())
}

/// Channels that share the part up to the `!` share a capacity or have one each, as the layer says.
pub async fn channels_of_one_prefix(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(three()).await;
    let (one, two) = (layer.new_channel("test").await?, layer.new_channel("test").await?);
    let expected = match layer.capabilities() {
        Capabilities { refuses_when_full: false, .. } => [MANY, MANY],
        Capabilities { shared_capacity: true, .. } => [3, 0],
        _ => [3, 3],
    };
    assert_eq!([taken(&layer, &one).await, taken(&layer, &two).await], expected);
    Ok(())
}

/// `group_send` succeeds though a member is full and nobody reads.
pub async fn group_send_never_reports_full_members(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(three()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    for number in 0..5 {
        soon(layer.group_send(&members, numbered(number))).await?;
    }
    Ok(())
}

/// Of the messages to a group a full member keeps the oldest, and the newest are dropped.
pub async fn group_messages_beyond_capacity_are_dropped(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(three()).await;
    let (members, name) = (group("test-group"), layer.new_channel("test").await?);
    layer.group_add(&members, &name).await?;
    for number in 0..4 {
        layer.group_send(&members, numbered(number)).await?;
    }
    factory.settle(&layer).await;
    assert_eq!(numbers(&layer, &name, 3).await?, [0, 1, 2]);
    assert_quiet(&layer, &name).await;
    Ok(())
}

/// A member that is nearly full loses what does not fit; the other members get everything.
pub async fn a_full_member_costs_the_others_nothing(factory: &impl Factory) -> Result<()> {
    let layer = factory.layer(three()).await;
    let members = group("test-group");
    let (one, two) = (layer.new_channel("one").await?, layer.new_channel("two").await?);
    layer.group_add(&members, &one).await?;
    layer.group_add(&members, &two).await?;
    layer.send(&one, numbered(0)).await?;
    factory.settle(&layer).await;
    for number in 1..4 {
        layer.group_send(&members, numbered(number)).await?;
    }
    factory.settle(&layer).await;
    assert_eq!(numbers(&layer, &one, 3).await?, [0, 1, 2]);
    assert_eq!(numbers(&layer, &two, 3).await?, [1, 2, 3]);
    assert_quiet(&layer, &one).await;
    Ok(())
}
