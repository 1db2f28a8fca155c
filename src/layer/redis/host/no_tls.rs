//! TLS in a build without it: an error that says how to get it.

use redis::ConnectionAddr;

use super::Tls;
use crate::{Error, ErrorKind, Result};

/// Refuses.
pub(super) fn template(_tls: &Tls) -> Result<ConnectionAddr> {
    Err(Error::new(
        ErrorKind::Config,
        "a Redis with TLS needs the cargo feature \"tls\" of channel-layers, which this program was built without: turn it on",
    ))
}
