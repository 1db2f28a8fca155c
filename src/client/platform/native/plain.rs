//! Without the feature `tls`: `ws://` only.

use tokio_tungstenite::Connector;
use tokio_tungstenite::tungstenite::Error;

/// What connects to gateways: the library refuses `wss://` by itself.
pub(super) fn connector(_tls: bool) -> Result<Option<Connector>, Error> {
    Ok(None)
}
