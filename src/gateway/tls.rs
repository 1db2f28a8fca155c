//! TLS of the gateway's own, by rustls: certificates from files, and new ones while it serves.
//!
//! A certificate is looked up at each handshake, so [`Tls::reload`] concerns the next connections and leaves the open ones
//! alone. What cannot be used never takes the place of what can.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::{Error, ErrorKind, Result};

/// A stream after its handshake.
pub(crate) type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A certificate and its key, to serve HTTPS and WSS with: TLS 1.2 and 1.3, HTTP/1.1. Cloning gives another handle to the
/// same one.
///
/// ```no_run
/// use channel_layers::gateway::{Gateway, GatewayConfig, Listener, Tls};
/// use channel_layers::layer::Layer;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let gateway = Gateway::new(Layer::default(), GatewayConfig::default());
/// let tls = Tls::from_pem_files("server.pem", "server.key")?;
/// let listener = Listener::from(tokio::net::TcpListener::bind("127.0.0.1:8443").await?).with_tls(tls.clone());
/// gateway.serve(listener, std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

/// What the next handshake shows.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Reads a certificate with its chain, and its private key, both PEM; the same file may hold both.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], naming the file: it cannot be read, holds nothing of the kind, or the two do not belong
    /// together.
    pub fn from_pem_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self> {
        let (certificate, key) = (certificate.into(), key.into());
        let provider = Arc::new(ring::default_provider());
        let current = Arc::new(Current(RwLock::new(read(&certificate, &key, &provider)?)));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong(format!("TLS cannot be set up: {e}")))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(Inner { certificate, key, current, acceptor: TlsAcceptor::from(Arc::new(config)) })))
    }

    /// Reads the files again, for the connections to come.
    ///
    /// # Errors
    ///
    /// As [`from_pem_files`](Self::from_pem_files); what was read before then stays.
    pub fn reload(&self) -> Result<()> {
        let Inner { certificate, key, current, .. } = &*self.0;
        let fresh = read(certificate, key, &ring::default_provider())?;
        // Only a whole value is ever put there, so a poisoned lock guards one, too.
        *current.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        self.0.acceptor.accept(stream).await
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { certificate, key, .. } = &*self.0;
        f.debug_struct("Tls").field("certificate", certificate).field("key", key).finish_non_exhaustive()
    }
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
    let chain = CertificateDer::pem_slice_iter(&bytes(certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|e| wrong(format!("{}: not PEM: {e}", certificate.display())))?;
    if chain.is_empty() {
        return Err(wrong(format!("{}: holds no certificate in PEM", certificate.display())));
    }
    // The reader's error is left out: it could quote the key.
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .map_err(|_| wrong(format!("{}: holds no private key in PEM without a password", key.display())))?;
    let certified = CertifiedKey::from_der(chain, private, provider)
        .map_err(|e| wrong(format!("{} and {} do not belong together: {e}", certificate.display(), key.display())))?;
    Ok(Arc::new(certified))
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| wrong(format!("{}: cannot be read: {e}", path.display())).with_source(e))
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::Config, text)
}
