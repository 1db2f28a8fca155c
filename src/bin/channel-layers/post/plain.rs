//! Without the feature `tls`: `http://` only.

use hyper_util::client::legacy::connect::HttpConnector;

use crate::failure::Failure;

pub(super) type Connector = HttpConnector;

pub(super) fn connector(tcp: HttpConnector, https: bool) -> Result<Connector, Failure> {
    match https {
        false => Ok(tcp),
        true => Err(Failure::usage("this binary was built without the feature `tls`: use http://")),
    }
}
