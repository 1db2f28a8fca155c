//! With the feature `tls`: `wss://` too, by rustls with ring. Gateways are trusted as the operating system does, or as
//! `SSL_CERT_FILE` says.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use super::Stream;

/// Whether `wss://` can be connected to.
pub(super) const TLS: bool = true;

/// Reading the system's certificates takes some milliseconds; they are the same for every connection.
static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Opens a WebSocket. Where no TLS is asked for, no certificate is looked for.
pub(super) async fn connect(request: Request<()>, config: WebSocketConfig) -> Result<Stream, Error> {
    let connector = match request.uri().scheme_str() {
        Some("wss") => Some(Connector::Rustls(tls()?)),
        _ => None,
    };
    let connected = connect_async_tls_with_config(request, Some(config), true, connector).await;
    connected.map(|(stream, _)| stream)
}

fn tls() -> Result<Arc<ClientConfig>, Error> {
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let text = "this machine has no certificates to know gateways by: install ca-certificates, or name a file in \
                    SSL_CERT_FILE";
        return Err(Error::Io(io::Error::new(io::ErrorKind::NotFound, text)));
    }
    // Named, as rustls chooses no cryptography by itself in a program that has several kinds.
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring serves the default versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}
