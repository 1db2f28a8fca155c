//! Keys of tokens that somebody publishes over HTTPS: fetched from whom the gateway trusts, and from nobody else.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rig::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::{Running, command};

/// Answers every request with this text, under a certificate of this authority, until the tests end.
fn publish(authority: &Authority, text: String) -> String {
    let identity = authority.server();
    let chain = vec![CertificateDer::from_pem_file(&identity.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/jwks", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // Who does not trust the certificate hangs up.
            let _ = answer(StreamOwned::new(connection, stream.unwrap()), &text);
        }
    });
    url
}

fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>, text: &str) -> std::io::Result<()> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())?;
    stream.conn.send_close_notify();
    stream.flush()
}

#[test]
fn keys_come_from_whom_the_gateway_trusts_and_from_nobody_else() {
    // Of RFC 8037, appendix A.
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let private = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v_VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g".replace('_', "/");
    let jwks: Value = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}]});
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    fs::write(&key, format!("-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n")).unwrap();
    let made = command(&["token", "make", "--key", key.to_str().unwrap(), "--kid", "k", "--sub", "ann"])
        .args(["--group", "chat.*=send", "--type", "*"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();

    let (authority, stranger) = (Authority::new(), Authority::new());
    let url = publish(&authority, jwks.to_string());
    for (trusted, code) in [(&authority, 0), (&stranger, 1)] {
        let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--jwks-url", &url]);
        let server = Running::spawn(serve.env("SSL_CERT_FILE", trusted.certificate()));
        let line = server.line();
        let gateway = line.strip_prefix("listening on ").unwrap();
        let send = ["group-send", "chat.lobby", r#"{"type": "chat.message"}"#, "--to", gateway, "--token", &token];
        let sent = command(&send).output().unwrap();
        assert_eq!(sent.status.code(), Some(code), "{sent:?}");
        let said = String::from_utf8(sent.stderr).unwrap();
        assert_eq!(said.contains("out of reach"), code == 1, "{said}");
    }
}
