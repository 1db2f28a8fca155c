//! Without the feature `tls`: `ws://` only.

use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Stream;

/// Whether `wss://` can be connected to.
pub(super) const TLS: bool = false;

/// Opens a WebSocket. The library refuses `wss://` by itself.
pub(super) async fn connect(request: Request<()>, config: WebSocketConfig) -> Result<Stream, Error> {
    connect_async_with_config(request, Some(config), true).await.map(|(stream, _)| stream)
}
