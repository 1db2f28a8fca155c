//! TLS by rustls: reads the certificates and makes of them what the `redis` crate connects with.
//!
//! Everything that can be wrong with the files is found here, because the crate would find it at each attempt to
//! connect, or would take a file without a certificate for one that trusts nobody.

use std::fs;
use std::path::Path;

use redis::{Client, ClientTlsConfig, ConnectionAddr, TlsCertificates};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, crypto};

use super::secure::Authorities;
use super::{Tls, Verify};
use crate::{Error, ErrorKind, Result};

/// An address with TLS, of which everything counts but host and port.
pub(super) fn template(tls: &Tls) -> Result<ConnectionAddr> {
    provide();
    let root_cert = tls.ca.as_ref().map(authorities).transpose()?;
    let client_tls = tls.client.as_ref().map(|(cert, key)| client(cert, key)).transpose()?;
    let insecure = tls.verify == Verify::Nothing;
    let address = ConnectionAddr::TcpTls { host: String::new(), port: 0, insecure, tls_params: None };
    let client = Client::build_with_tls(address, TlsCertificates { client_tls, root_cert })
        .map_err(|e| wrong(format!("TLS to Redis cannot be set up: {e}")))?;
    let mut address = client.get_connection_info().addr().clone();
    address.set_danger_accept_invalid_hostnames(tls.verify == Verify::AnyName);
    Ok(address)
}

/// rustls panics at the first connection of a process in which nobody chose its cryptography. Where the application
/// has, its choice stands.
fn provide() {
    if crypto::CryptoProvider::get_default().is_none() {
        // Fails only where another thread was faster, which is as good.
        let _ = crypto::ring::default_provider().install_default();
    }
}

fn authorities(ca: &Authorities) -> Result<Vec<u8>> {
    let (pem, whose) = match ca {
        Authorities::File(path) => (read(path)?, path.display().to_string()),
        Authorities::Pem(text) => (text.clone().into_bytes(), "ssl_ca_data".to_owned()),
    };
    let mut store = RootCertStore::empty();
    for certificate in certificates(&pem, &whose)? {
        store.add(certificate).map_err(|e| wrong(format!("{whose}: not the certificate of an authority: {e}")))?;
    }
    Ok(pem)
}

fn client(certificate: &Path, key: &Path) -> Result<ClientTlsConfig> {
    let (client_cert, client_key) = (read(certificate)?, read(key)?);
    let chain = certificates(&client_cert, &certificate.display().to_string())?;
    // The reader's error is left out: it could quote the key.
    let private = PrivateKeyDer::from_pem_slice(&client_key)
        .map_err(|_| wrong(format!("{}: holds no private key in PEM without a password", key.display())))?;
    ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_client_auth_cert(chain, private)
        .map_err(|e| wrong(format!("{} and {} do not belong together: {e}", certificate.display(), key.display())))?;
    Ok(ClientTlsConfig { client_cert, client_key })
}

fn certificates(pem: &[u8], whose: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err(wrong(format!("{whose}: holds no certificate in PEM"))),
        Ok(found) => Ok(found),
        Err(e) => Err(wrong(format!("{whose}: not PEM: {e}"))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| wrong(format!("{}: cannot be read: {e}", path.display())).with_source(e))
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::Config, text)
}
