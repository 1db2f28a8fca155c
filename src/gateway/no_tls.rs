//! TLS in a build without it: there is no such value, and the attempt to make one says how to get it.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;

use tokio::net::TcpStream;

use crate::{Error, ErrorKind, Result};

/// A stream after its handshake, of which there is none.
pub(crate) type TlsStream = TcpStream;

/// A certificate and its key. This build has no TLS, so there is none.
#[derive(Clone, Debug)]
pub struct Tls(Infallible);

impl Tls {
    /// Refuses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], always.
    pub fn from_pem_files(_certificate: impl Into<PathBuf>, _key: impl Into<PathBuf>) -> Result<Self> {
        Err(Error::new(
            ErrorKind::Config,
            "serving TLS needs the cargo feature \"tls\" of channel-layers, which this program was built without: turn it on",
        ))
    }

    /// Reads the files again.
    ///
    /// # Errors
    ///
    /// None: there is nothing to read again.
    pub fn reload(&self) -> Result<()> {
        match self.0 {}
    }

    pub(crate) async fn accept(&self, _stream: TcpStream) -> io::Result<TlsStream> {
        match self.0 {}
    }
}
