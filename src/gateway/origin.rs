//! Which pages may open a WebSocket (RFC 6455, section 10.2).
//!
//! A browser sends cookies along with a WebSocket's handshake whatever page opens it, and no other check: without this
//! one any site could act as its visitors.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

use crate::layer::Pattern;

/// Whether the page that a request comes from may connect. `host` is the one that the request was meant for, where a proxy
/// tells; without it the request's own counts. Programs send no `Origin`, and are not told from each other here.
pub(crate) fn allowed(headers: &HeaderMap, host: Option<&str>, allowed: &[Pattern]) -> bool {
    let mut origins = headers.get_all(ORIGIN).into_iter();
    let Some(origin) = origins.next() else { return true };
    // Two are a forgery: which of them is the page's cannot be known.
    let Ok(origin) = origin.to_str().map_err(drop).and_then(|text| origins.next().map_or(Ok(text), |_| Err(()))) else {
        return false;
    };
    let host = host.or_else(|| headers.get(HOST)?.to_str().ok());
    allowed.iter().any(|pattern| pattern.matches(origin)) || host.is_some_and(|host| is_own(origin, host))
}

/// Whether the page is of the host that the request is for, or both are of this machine, where a developer's server has
/// another port. The scheme is not compared: a proxy in front may have ended TLS.
fn is_own(origin: &str, host: &str) -> bool {
    let (Ok(origin), Ok(host)) = (origin.parse::<Uri>(), host.parse::<Authority>()) else { return false };
    let (Some(scheme), Some(page)) = (origin.scheme_str(), origin.authority()) else { return false };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    let same = page.host().eq_ignore_ascii_case(host.host()) && port(page) == port(&host);
    same || (is_this_machine(page) && is_this_machine(&host))
}

fn is_this_machine(authority: &Authority) -> bool {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asks(host: &str, origins: &[&str], patterns: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        let patterns: Vec<_> = patterns.iter().map(|glob| Pattern::glob(glob)).collect();
        allowed(&headers, None, &patterns)
    }

    #[test]
    fn behind_a_proxy_the_host_that_was_asked_for_is_the_own_one() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:8000"));
        headers.insert(ORIGIN, HeaderValue::from_static("https://chat.example"));
        assert!(allowed(&headers, Some("chat.example"), &[]));
        assert!(!allowed(&headers, Some("other.example"), &[]));
        assert!(!allowed(&headers, None, &[]));
    }

    #[test]
    fn pages_of_the_own_host_may_and_others_only_by_name() {
        assert!(asks("chat.example", &[], &[]), "a program");
        for own in ["https://chat.example", "http://chat.example", "https://CHAT.example:443", "http://chat.example:80"]
        {
            assert!(asks("chat.example", &[own], &[]), "{own}");
        }
        assert!(asks("localhost:8000", &["http://localhost:8000"], &[]));
        assert!(asks("chat.example:443", &["https://chat.example"], &[]));
        for other in [
            "https://evil.example",
            "https://chat.example.evil.example",
            "http://chat.example:8080",
            "null",
            "chat.example",
            "",
        ] {
            assert!(!asks("chat.example", &[other], &[]), "{other}");
        }
        for local in ["http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:3000", "https://localhost"] {
            assert!(asks("localhost:8000", &[local], &[]), "{local}");
            assert!(!asks("chat.example", &[local], &[]), "{local}");
        }
        assert!(!asks("127.0.0.1:8000", &["http://localhost.evil.example"], &[]));
        assert!(asks("gateway.example", &["https://app.example.com"], &["https://*.example.com"]));
        assert!(!asks("gateway.example", &["https://example.com.evil.example"], &["https://*.example.com"]));
        assert!(asks("gateway.example", &["null"], &["*"]));
    }

    #[test]
    fn two_origins_are_none_that_can_be_trusted() {
        assert!(!asks("chat.example", &["https://chat.example", "https://evil.example"], &[]));
        assert!(!asks("chat.example", &["https://chat.example", "https://chat.example"], &["*"]));
    }
}
