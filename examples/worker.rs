//! A background worker: thumbnails are made by whoever has time, and everybody in a group hears of it.
//!
//! `cargo run --example worker` works in one process, on the in-memory layer, until you press Ctrl-C. On a layer with a
//! server the half that sends is a web view or a consumer in another process, Django's too:
//! `channel_layer.send("thumbnails-generate", {"type": "thumbnail.generate", "image": 3})`.

use std::time::Duration;

use channel_layers::layer::{ChannelLayer, Layer, MailboxOptions};
use channel_layers::worker::Worker;
use channel_layers::{ChannelName, Error, ErrorKind, GroupName, Message, message};

#[tokio::main]
async fn main() -> channel_layers::Result<()> {
    let layer = Layer::default();
    let gallery = GroupName::new("gallery")?;
    let mut listener = layer.mailbox("listener", MailboxOptions::default()).await?;
    layer.group_add(&gallery, listener.channel()).await?;

    let (to, group) = (layer.clone(), gallery.clone());
    let worker = Worker::new(layer.clone())
        .on_type("thumbnails-generate", "thumbnail.generate", move |job| generate(to.clone(), group.clone(), job))
        .on_type("thumbnails-generate", "thumbnail.delete", async |job: Message| println!("deleted: {job:?}"))
        .with_concurrency(4);
    let working = worker.run(async { drop(tokio::signal::ctrl_c().await) });

    let sending = async {
        let queue = ChannelName::new("thumbnails-generate")?;
        for image in 1..=8 {
            layer.send(&queue, message! { "type": "thumbnail.generate", "image": image }).await?;
        }
        layer.send(&queue, message! { "type": "thumbnail.delete", "image": 1 }).await?;
        while let Ok(message) = listener.recv().await {
            println!("heard: {message:?}");
        }
        Ok::<_, Error>(())
    };
    tokio::select! {
        worked = working => worked?,
        heard = sending => heard?,
    }
    println!("{:?}", worker.stats());
    Ok(())
}

/// Makes one thumbnail, and tells the gallery.
async fn generate(layer: Layer, gallery: GroupName, job: Message) -> channel_layers::Result<()> {
    let Some(image) = job.get("image").and_then(|image| image.as_int()) else {
        return Err(Error::new(ErrorKind::InvalidMessage, "a job without an image"));
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    layer.group_send(&gallery, message! { "type": "thumbnail.ready", "image": image }).await
}
