//! What a program says about TLS to a Redis: plain data, which `Host` reads the files of.

use std::path::PathBuf;

/// How to use TLS to a Redis: whom to trust and what to show.
///
/// ```
/// use channel_layers::layer::redis::Tls;
///
/// let tls = Tls::default().with_ca_file("/etc/redis/ca.pem").with_client_certificate("me.pem", "me.key");
/// # let _ = tls;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tls {
    pub(super) ca: Option<Authorities>,
    pub(super) client: Option<(PathBuf, PathBuf)>,
    pub(super) verify: Verify,
}

/// What of a server's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// Who signed it, that it is valid now, and that it is the host's.
    #[default]
    Full,
    /// Who signed it and that it is valid now: any server that the authority has signed may stand in for the host.
    AnyName,
    /// Nothing: whoever can get between can read and change everything. Some hosted servers with certificates of their
    /// own need it.
    Nothing,
}

/// The certificates of those who sign.
#[derive(Clone, Debug)]
pub(super) enum Authorities {
    File(PathBuf),
    Pem(String),
}

impl Tls {
    /// Trusts the authorities in this PEM file. Default: those that the operating system trusts.
    #[must_use]
    pub fn with_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(Authorities::File(path.into()));
        self
    }

    /// Trusts the authorities in this PEM text.
    #[must_use]
    pub fn with_ca_pem(mut self, pem: impl Into<String>) -> Self {
        self.ca = Some(Authorities::Pem(pem.into()));
        self
    }

    /// Shows the server a certificate; both files are PEM, and the same file may hold both. Default: none.
    #[must_use]
    pub fn with_client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.client = Some((certificate.into(), key.into()));
        self
    }

    /// Sets what of the server's certificate is checked. Default: [`Verify::Full`].
    #[must_use]
    pub fn with_verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }
}
