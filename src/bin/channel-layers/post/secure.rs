//! With the feature `tls`: `https://` too. Gateways are trusted as the operating system does, or as `SSL_CERT_FILE` says.

use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};

use crate::failure::Failure;

pub(super) type Connector = HttpsConnector<HttpConnector>;

pub(super) fn connector(mut tcp: HttpConnector, https: bool) -> Result<Connector, Failure> {
    // Else it would refuse https:// before TLS sees it.
    tcp.enforce_http(false);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring serves the default versions of TLS");
    let config = match https {
        false => config.with_root_certificates(RootCertStore::empty()),
        true => config.with_native_roots().map_err(|e| {
            Failure::failed(format!("no certificates to know gateways by: {e}; install ca-certificates"))
        })?,
    };
    let builder = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth());
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}
