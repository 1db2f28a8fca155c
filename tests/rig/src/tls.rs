//! Certificates: an authority that only the test knows, one certificate for servers and one for clients.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority. Its files last as long as one of its clones.
#[derive(Clone)]
pub struct Authority(Arc<Files>);

struct Files {
    folder: TempDir,
    server: Identity,
    client: Identity,
}

/// The paths of a certificate and its key, both PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    #[expect(clippy::new_without_default, reason = "making an authority is work")]
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("channel-layers-tls-").unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "an authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let server = Identity::issue(&issuer, folder.path(), "server", &["localhost", "127.0.0.1"]);
        let client = Identity::issue(&issuer, folder.path(), "client", &["client"]);
        Self(Arc::new(Files { folder, server, client }))
    }

    /// The path of the authority's own certificate.
    pub fn certificate(&self) -> String {
        path(self.0.folder.path(), "ca.pem")
    }

    /// For servers named `localhost` and `127.0.0.1`.
    pub fn server(&self) -> &Identity {
        &self.0.server
    }

    pub fn client(&self) -> &Identity {
        &self.0.client
    }
}

impl Identity {
    /// Puts the same certificate and key where those of another identity are, as a renewal does.
    pub fn replace(&self, other: &Identity) {
        for (own, theirs) in [(&self.certificate, &other.certificate), (&self.key, &other.key)] {
            fs::copy(own, theirs).unwrap();
        }
    }
}

impl Identity {
    fn issue(issuer: &Issuer<'_, KeyPair>, folder: &Path, name: &str, hosts: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, issuer).unwrap();
        let identity =
            Self { certificate: path(folder, &format!("{name}.pem")), key: path(folder, &format!("{name}.key")) };
        fs::write(&identity.certificate, certificate.pem()).unwrap();
        fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}
