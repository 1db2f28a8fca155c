//! Options of a connection by the names that redis-py has for them, all as text.

use super::access::Access;
use super::{Tls, Verify};
use crate::layer::redis::Secret;
use crate::nearest::suggestion;
use crate::{Error, ErrorKind, Result};

/// Options that have a meaning here.
const MEANT: [&str; 10] = [
    "db",
    "username",
    "password",
    "ssl",
    "ssl_ca_certs",
    "ssl_ca_data",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_cert_reqs",
    "ssl_check_hostname",
];

/// Options of redis-py that change nothing here; [`Host::with_options`](super::Host::with_options) tells why.
const IDLE: [&str; 20] = [
    "client_name",
    "decode_responses",
    "encoding",
    "encoding_errors",
    "health_check_interval",
    "lib_name",
    "lib_version",
    "max_connections",
    "protocol",
    "retry",
    "retry_on_error",
    "retry_on_timeout",
    "single_connection_client",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_keepalive_options",
    "socket_read_size",
    "socket_timeout",
    "socket_type",
    "timeout",
];

/// Options of redis-py that ask for a protection which is not to be had here, so that leaving them out unsaid would
/// promise too much; with what to do instead.
const REFUSED: [(&str, &str); 8] = [
    ("ssl_ca_path", "name one file with ssl_ca_certs"),
    ("ssl_ciphers", "leave it out: only safe ones are used"),
    ("ssl_min_version", "leave it out: TLS 1.2 is the least"),
    ("ssl_password", "store the key without a password in a file that only the program can read"),
    ("ssl_validate_ocsp", "leave it out: revocation is not checked"),
    ("ssl_validate_ocsp_stapled", "leave it out: revocation is not checked"),
    ("ssl_ocsp_context", "leave it out: revocation is not checked"),
    ("ssl_ocsp_expected_cert", "leave it out: revocation is not checked"),
];

/// What options say; nothing where none does.
#[derive(Default)]
pub(super) struct Options {
    pub(super) database: Option<u32>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) ssl: Option<bool>,
    ca_file: Option<String>,
    ca_data: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    check_certificate: Option<bool>,
    check_hostname: Option<bool>,
}

impl Options {
    pub(super) fn new<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut read = Self::default();
        for (name, value) in options {
            read.set(name, value)?;
        }
        Ok(read)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "db" => {
                let number = value.parse().map_err(|_| wrong(name, "a number from 0 on"))?;
                self.database = Some(number);
            }
            "username" => self.username = Some(value.to_owned()),
            "password" => self.password = Some(Secret::new(value)),
            "ssl" => self.ssl = Some(flag(name, value)?),
            "ssl_ca_certs" => self.ca_file = Some(value.to_owned()),
            "ssl_ca_data" => self.ca_data = Some(value.to_owned()),
            "ssl_certfile" => self.cert_file = Some(value.to_owned()),
            "ssl_keyfile" => self.key_file = Some(value.to_owned()),
            "ssl_cert_reqs" => self.check_certificate = Some(check_certificate(name, value)?),
            "ssl_check_hostname" => self.check_hostname = Some(flag(name, value)?),
            idle if IDLE.contains(&idle) => {}
            other => return Err(unknown(other)),
        }
        Ok(())
    }

    /// Takes what `other` says over what is there.
    pub(super) fn replace_by(&mut self, other: Self) {
        fn replace<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        replace(&mut self.database, other.database);
        replace(&mut self.username, other.username);
        replace(&mut self.password, other.password);
        replace(&mut self.ssl, other.ssl);
        replace(&mut self.ca_file, other.ca_file);
        replace(&mut self.ca_data, other.ca_data);
        replace(&mut self.cert_file, other.cert_file);
        replace(&mut self.key_file, other.key_file);
        replace(&mut self.check_certificate, other.check_certificate);
        replace(&mut self.check_hostname, other.check_hostname);
    }

    /// The TLS that they ask for, where they do.
    pub(super) fn tls(&self) -> Result<Option<Tls>> {
        if self.ssl != Some(true) {
            return match self.about_tls() {
                Some(name) => Err(refused(name, "the connection has no TLS: write rediss:// or set ssl to true")),
                None => Ok(None),
            };
        }
        let verify = match (self.check_certificate, self.check_hostname) {
            (Some(false), Some(true)) => {
                return Err(refused("ssl_check_hostname", "cannot be kept where ssl_cert_reqs is none"));
            }
            (Some(false), _) => Verify::Nothing,
            (_, Some(false)) => Verify::AnyName,
            _ => Verify::Full,
        };
        let tls = Tls::default().with_verify(verify);
        let tls = match (&self.ca_file, &self.ca_data) {
            (Some(_), Some(_)) => return Err(refused("ssl_ca_data", "stands beside ssl_ca_certs: leave one out")),
            (Some(file), None) => tls.with_ca_file(file),
            (None, Some(pem)) => tls.with_ca_pem(pem),
            (None, None) => tls,
        };
        match (&self.cert_file, &self.key_file) {
            // As in Python, one file may hold both.
            (Some(cert), key) => Ok(Some(tls.with_client_certificate(cert, key.as_ref().unwrap_or(cert)))),
            (None, Some(_)) => Err(refused("ssl_keyfile", "a key needs its certificate: set ssl_certfile too")),
            (None, None) => Ok(Some(tls)),
        }
    }

    /// An option that is about TLS, where there is one.
    fn about_tls(&self) -> Option<&'static str> {
        let given = [
            ("ssl_ca_certs", self.ca_file.is_some()),
            ("ssl_ca_data", self.ca_data.is_some()),
            ("ssl_certfile", self.cert_file.is_some()),
            ("ssl_keyfile", self.key_file.is_some()),
            ("ssl_cert_reqs", self.check_certificate.is_some()),
            ("ssl_check_hostname", self.check_hostname.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }

    pub(super) fn log_in(&self, access: &mut Access) {
        if let Some(username) = &self.username {
            access.username = Some(username.clone());
        }
        if let Some(password) = &self.password {
            access.password = Some(password.clone());
        }
    }
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(wrong(name, "true or false")),
    }
}

/// Python takes names and the numbers of its constants. `optional` means for a client what `required` does.
fn check_certificate(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().trim_start_matches("cert_") {
        "none" | "0" => Ok(false),
        "optional" | "required" | "1" | "2" => Ok(true),
        _ => Err(wrong(name, "none, optional or required")),
    }
}

fn unknown(name: &str) -> Error {
    if let Some((name, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return refused(name, &format!("cannot be kept here; {instead}"));
    }
    let known: Vec<&str> = MEANT.into_iter().chain(IDLE).collect();
    refused(name, &format!("no connection to Redis has it; {}", suggestion(name, &known)))
}

/// The value is left out, as it may be a secret in the wrong place.
fn wrong(name: &str, right: &str) -> Error {
    refused(name, &format!("must be {right}"))
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("option {name:?}: {why}"))
}
