//! A build without TLS says so, and how to get it.

use super::super::{Host, Tls};
use super::refused;

#[test]
fn tls_asks_for_its_feature() {
    let text = refused("rediss://cache");
    assert!(text.contains("the cargo feature \"tls\""), "{text}");
    assert_eq!(Host::tcp("cache", 1).with_tls(&Tls::default()).unwrap_err().to_string(), text);
}
