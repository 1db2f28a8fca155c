//! What an operator does to a running gateway, and what befalls it: new certificates, too many connections.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rig::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{PATIENCE, PROGRAM, Running, alone, fails};

type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Running {
    fn hang_up(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }
}

/// A TLS connection of a client that trusts this authority.
fn connect(address: &str, authority: &Authority) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.certificate()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let connection = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(connection, socket)
}

/// What a health check answers, over a connection that stays open.
fn check_health(stream: &mut (impl Read + Write)) -> std::io::Result<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"ok\n") {
        if stream.read(&mut byte)? == 0 {
            break;
        }
        answer.push(byte[0]);
    }
    Ok(String::from_utf8(answer).unwrap())
}

fn is_healthy(stream: &mut (impl Read + Write)) -> bool {
    check_health(stream).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

#[test]
fn a_renewed_certificate_is_read_when_the_process_is_told_to() {
    let (old, new) = (Authority::new(), Authority::new());
    let identity = old.server();
    let server = Running::start(
        &[
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["--tls-cert", &identity.certificate, "--tls-key", &identity.key],
        ]
        .concat(),
    );
    let line = server.line();
    let address = line.strip_prefix("listening on https://").unwrap_or_else(|| panic!("{line}"));
    let mut open = connect(address, &old);
    assert!(is_healthy(&mut open));

    fs::write(&identity.certificate, "nothing").unwrap();
    server.hang_up();
    let said = server.says("could not be read again, and stays as it was: the TLS certificate");
    assert!(said.contains("holds no certificate in PEM"), "{said}");
    assert!(is_healthy(&mut connect(address, &old)));

    new.server().replace(identity);
    server.hang_up();
    server.says("read again: the TLS certificate");
    assert!(is_healthy(&mut connect(address, &new)));
    assert!(!is_healthy(&mut connect(address, &old)), "nobody shows the old certificate any more");
    assert!(is_healthy(&mut open), "what is open stays");
}

#[test]
fn tls_needs_both_files_and_a_hangup_without_any_is_no_end() {
    fails(&["serve", "--tls-cert", "server.pem"], 2, "tls_cert and tls_key");
    fails(&["serve", "--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"], 2, "/nowhere.pem: cannot be read");
    let (server, url) = super::serve(0);
    server.hang_up();
    server.says("there is nothing to read again");
    assert!(is_healthy(&mut TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap()));
}

#[test]
fn out_of_file_descriptors_it_goes_on_and_takes_those_who_wait_later() {
    // Both limits, so that the process cannot raise it.
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 48; exec \"$0\" serve --listen 127.0.0.1:0", PROGRAM]);
    let server = Running::spawn(&mut alone(shell));
    server.says("too few for max_connections");
    let line = server.line();
    let address = line.strip_prefix("listening on http://").unwrap();
    let open = || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut first = open();
    assert!(is_healthy(&mut first));
    let mut crowd: Vec<_> = (0..48).map(|_| open()).collect();
    server.says("connections cannot be accepted, and wait");
    assert!(is_healthy(&mut first), "who is connected is served");
    let mut last = crowd.pop().unwrap();
    last.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(!is_healthy(&mut last), "there is no descriptor for it");
    drop(crowd);
    server.says("connections are accepted again");
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(is_healthy(&mut last), "it has waited");
}

#[test]
fn keys_are_changed_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let keys = file("keys", "# of backends\ndjango:0123456789abcdef\n");
    let secret = file("secret", "a secret of at least thirty-two bytes");
    let server = Running::start(
        &[&["serve", "--listen", "127.0.0.1:0", "--api-keys-file", &keys], &["--token-secret-file", &secret][..]]
            .concat(),
    );
    let line = server.line();
    let address = line.strip_prefix("listening on http://").unwrap();
    let post = |key: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "POST /api/groups/g/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        let rest = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        write!(stream, "{head}X-API-Key: {key}\r\n{rest}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!((post("0123456789abcdef").as_str(), post("fedcba9876543210").as_str()), ("202", "401"));

    file("keys", "django:short\n");
    server.hang_up();
    let said = server.says("could not be read again, and stays as it was: API keys");
    assert!(!said.contains("short:") && !said.contains("0123456789abcdef"), "{said}");
    assert_eq!(post("0123456789abcdef"), "202");

    file("keys", "django:fedcba9876543210\n");
    server.hang_up();
    server.says("read again: API keys");
    server.says("read again: the keys of tokens");
    assert_eq!((post("0123456789abcdef").as_str(), post("fedcba9876543210").as_str()), ("401", "202"));
}
