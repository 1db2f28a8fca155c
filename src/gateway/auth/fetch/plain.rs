//! Without the feature `tls`: `http://` only.

use hyper_util::client::legacy::connect::HttpConnector;

use crate::Result;

/// Whether `https://` can be asked.
pub(super) const HTTPS: bool = false;

pub(super) type Connector = HttpConnector;

pub(super) fn connector(tcp: HttpConnector, _https: bool) -> Result<Connector> {
    Ok(tcp)
}
