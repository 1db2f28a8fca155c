//! With the feature `tls`: `https://` too, by rustls with ring. Servers are trusted as the operating system does, or as
//! `SSL_CERT_FILE` says.

use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};

use crate::{Error, ErrorKind, Result};

/// Whether `https://` can be asked.
pub(super) const HTTPS: bool = true;

pub(super) type Connector = HttpsConnector<HttpConnector>;

/// What connects to servers. Where none of them speaks `https`, no certificate is looked for.
pub(super) fn connector(mut tcp: HttpConnector, https: bool) -> Result<Connector> {
    // Else it would refuse https:// before TLS sees it.
    tcp.enforce_http(false);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring serves the default versions of TLS");
    let config = match https {
        false => config.with_root_certificates(RootCertStore::empty()),
        true => config.with_native_roots().map_err(|e| {
            let text = format!(
                "this machine has no certificates to know servers by: install ca-certificates, or name a file in \
                 SSL_CERT_FILE: {e}"
            );
            Error::new(ErrorKind::Config, text).with_source(e)
        })?,
    };
    let builder = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth());
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}
