//! A background task in another process: it works, and tells everybody in a group how far it is.
//!
//! Start a gateway (`make run`, or `cargo run --example chat`), open the page or run
//! `channel-layers listen --group chat.lobby`, then `cargo run --example notify`.

use std::time::Duration;

use channel_layers::client::{Client, ClientConfig};
use channel_layers::message;

#[tokio::main]
async fn main() -> channel_layers::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let client = Client::connect(&url, ClientConfig::default())?;
    let lobby = client.group("chat.lobby")?;
    for percent in [0, 25, 50, 75, 100] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let text = format!("The report is {percent} % done");
        lobby.send(message! { "type": "chat.message", "from": "report", "text": text }).await?;
        println!("told chat.lobby: {percent} %");
    }
    client.close().await;
    Ok(())
}
