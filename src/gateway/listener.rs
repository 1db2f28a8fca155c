//! What a gateway of its own listens on: a TCP socket, with TLS or without.

use tokio::net::TcpListener;

use super::tls::Tls;

/// Where [`Gateway::serve`](super::Gateway::serve) takes connections from. Made of a [`TcpListener`], which may also be given
/// as it is.
#[derive(Debug)]
pub struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) tls: Option<Tls>,
}

impl Listener {
    /// Serves HTTPS and WSS. Default: HTTP and WS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}
