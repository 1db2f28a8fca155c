//! TLS: what of it reaches the connection, and what is found wrong before any is made. The certificate of these tests
//! was made with `openssl req -x509` for its key and serves nothing else.

use redis::ConnectionAddr;

use super::super::{Host, Target, Tls, Verify};
use super::{refused, whole};

fn pem(file: &str) -> String {
    format!("{}/src/layer/redis/host/tests/pem/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// What the connection checks and shows, in the words of the `redis` crate.
fn tls(host: &Host) -> (bool, String) {
    let Target::Server(info) = host.target() else { panic!("no server") };
    match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => (*insecure, format!("{tls_params:?}")),
        other => panic!("{other:?} has no TLS"),
    }
}

#[test]
fn it_is_on_where_the_url_or_an_option_says_so() {
    for (host, expected) in [
        (Host::url("rediss://:secret@cache/1"), ":secret@cache:6379/1+"),
        (Host::url("redis://cache?ssl=true"), "cache:6379/0+"),
        (Host::url_with_options("rediss://cache", [("ssl_cert_reqs", "none")]), "cache:6379/0+"),
        (Host::tcp("cache", 1).with_options([("ssl", "True")]), "cache:1/0+"),
        (Host::tcp("cache", 1).with_options([("ssl", "False")]), "cache:1/0"),
        (Host::url("rediss-cluster://a,b"), "a:6379/0+ b:6379/0+ says told:1/0+"),
        (Host::url("rediss-sentinel://s/m"), "s:26379/0 says m is told:1/0+"),
        (Host::sentinel([("s", 1)], "m").with_sentinel_options([("ssl", "1")]), "s:1/0+ says m is told:1/0"),
        (Host::sentinel([("s", 1)], "m").with_sentinel_tls(&Tls::default()), "s:1/0+ says m is told:1/0"),
    ] {
        assert_eq!(whole(&host.unwrap()), expected);
    }
    assert!(rustls::crypto::CryptoProvider::get_default().is_some(), "or the first connection panics");
}

#[test]
fn a_socket_has_none() {
    assert!(refused("unix:///run/redis.sock?ssl=true").contains("leave it off"));
}

#[test]
fn what_is_checked_reaches_the_connection() {
    for (options, insecure, any_name) in [
        ("", false, false),
        ("?ssl_cert_reqs=required", false, false),
        ("?ssl_cert_reqs=optional", false, false),
        ("?ssl_cert_reqs=none", true, false),
        ("?ssl_cert_reqs=CERT_NONE", true, false),
        ("?ssl_cert_reqs=none&ssl_check_hostname=false", true, false),
        ("?ssl_check_hostname=False", false, true),
    ] {
        let (is_insecure, params) = tls(&Host::url(&format!("rediss://cache{options}")).unwrap());
        assert_eq!(is_insecure, insecure, "{options}");
        assert!(params.contains(&format!("danger_accept_invalid_hostnames: {any_name}")), "{options}: {params}");
    }
}

#[test]
fn certificates_are_read_at_once() {
    let (certificate, key) = (pem("certificate.pem"), pem("key.pem"));
    let url = format!("rediss://cache?ssl_ca_certs={certificate}&ssl_certfile={certificate}&ssl_keyfile={key}");
    let by_url = tls(&Host::url(&url).unwrap()).1;
    let settings = Tls::default()
        .with_ca_pem(std::fs::read_to_string(&certificate).unwrap())
        .with_client_certificate(&certificate, &key)
        .with_verify(Verify::Full);
    let by_hand = tls(&Host::tcp("cache", 1).with_tls(&settings).unwrap()).1;
    for params in [&by_url, &by_hand] {
        assert!(params.contains("root_cert_store: Some(") && params.contains("client_cert_chain: [Cert"), "{params}");
        assert!(params.contains("secret key elided"), "{params}");
    }
    let without = tls(&Host::url("rediss://cache").unwrap()).1;
    assert!(without.contains("root_cert_store: None") && without.contains("client_tls_params: None"), "{without}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let (certificate, key, other) = (pem("certificate.pem"), pem("key.pem"), pem("other_key.pem"));
    for (options, parts) in [
        ("ssl_ca_certs=/no/such.pem".to_owned(), ["/no/such.pem", "cannot be read"]),
        (format!("ssl_ca_certs={key}"), [&key, "no certificate"]),
        ("ssl_ca_data=nonsense".to_owned(), ["ssl_ca_data", "no certificate"]),
        ("ssl_certfile=/no/such.pem".to_owned(), ["/no/such.pem", "cannot be read"]),
        (format!("ssl_certfile={certificate}&ssl_keyfile=/no/key"), ["/no/key", "cannot be read"]),
        (format!("ssl_certfile={certificate}"), [&certificate, "no private key"]),
        (format!("ssl_certfile={key}&ssl_keyfile={key}"), [&key, "no certificate"]),
        (format!("ssl_certfile={certificate}&ssl_keyfile={other}"), [&other, "do not belong together"]),
    ] {
        let text = refused(&format!("rediss://cache?{options}"));
        assert!(parts.iter().all(|part| text.contains(part)), "{options}: {text}");
    }
}
