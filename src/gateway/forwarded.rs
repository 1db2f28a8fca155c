//! Who a request comes from where proxies pass it on, and for which host it was meant.
//!
//! Anybody can write `X-Forwarded-*`, so it counts only where the connection comes from a proxy that the configuration
//! trusts, and only as far as such proxies have written it: each appends the address that it was connected from, so the
//! list is read from its end, and the first address that is no trusted proxy's is the client's. `Forwarded` (RFC 7239) is
//! not read: a proxy that writes only one of the two lets clients write the other.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use http::request::Parts;
use ipnet::IpNet;

use crate::{Error, ErrorKind};

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_HOST: &str = "x-forwarded-host";

/// An address, such as `10.1.2.3`, or all that begin alike, such as `10.0.0.0/8` or `fd00::/8`.
///
/// ```
/// use channel_layers::gateway::{GatewayConfig, Network};
///
/// let config = GatewayConfig::default().with_trusted_proxies(vec!["10.0.0.0/8".parse()?, "::1".parse()?]);
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is in it. One of IPv4 in the form of IPv6 (`::ffff:10.1.2.3`) is one of IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::Config`] where it is neither.
    fn from_str(text: &str) -> Result<Self, Error> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(|address| address.to_canonical().into()));
        network.map(Self).map_err(|_| {
            Error::new(ErrorKind::Config, format!("{text:?} is no address, such as 10.1.2.3 or 10.0.0.0/8"))
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

/// Where the client of a request is; its port is 0 where no proxy has told it.
pub(crate) fn client(parts: &Parts, trusted: &[Network]) -> Option<SocketAddr> {
    let mut client = connected(parts)?;
    let lines = parts.headers.get_all(X_FORWARDED_FOR).into_iter().collect::<Vec<_>>();
    // Beyond what cannot be read nobody knows who has written it.
    let hops = lines.iter().rev().map(|line| line.to_str().unwrap_or_default());
    for hop in hops.flat_map(|line| line.rsplit(',')) {
        match read(hop.trim()) {
            Some(address) if is_trusted(client.ip(), trusted) => client = address,
            _ => break,
        }
    }
    Some(client)
}

/// The host that a request was meant for, where a trusted proxy says so.
pub(crate) fn host<'a>(parts: &'a Parts, trusted: &[Network]) -> Option<&'a str> {
    let hosts = parts
        .headers
        .get(X_FORWARDED_HOST)
        .filter(|_| connected(parts).is_some_and(|peer| is_trusted(peer.ip(), trusted)))?;
    // The last one is the proxy's own.
    hosts.to_str().ok()?.rsplit(',').next().map(str::trim)
}

/// Where the connection comes from.
pub(crate) fn connected(parts: &Parts) -> Option<SocketAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// An address, with a port or without.
fn read(hop: &str) -> Option<SocketAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    hop.parse().ok().or_else(|| Some(SocketAddr::new(bare.parse().ok()?, 0)))
}

#[cfg(test)]
mod tests {
    use axum::extract::ConnectInfo;
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn request(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: IpAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer, 1)));
        parts
    }

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn found(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let headers: Vec<_> = lines.iter().map(|line| (X_FORWARDED_FOR, *line)).collect();
        client(&request(peer, &headers), &networks(trusted)).unwrap().ip().to_string()
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxys_is_the_clients() {
        let trusted = ["10.0.0.0/8", "::1", "fd00::/8"];
        for (peer, lines, expected) in [
            ("10.0.0.1", &["203.0.113.7"] as &[&str], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7 , 10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.7,10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1,203.0.113.7", "10.0.0.2"], "203.0.113.7"),
            ("::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("fd00::1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7, _hidden, 10.0.0.2"], "10.0.0.2"),
            // Whoever connects from elsewhere may write what he likes.
            ("198.51.100.9", &["10.0.0.1"], "198.51.100.9"),
            ("198.51.100.9", &["203.0.113.7"], "198.51.100.9"),
        ] {
            assert_eq!(found(peer, lines, &trusted), expected, "{peer}: {lines:?}");
        }
        assert_eq!(found("10.0.0.1", &["203.0.113.7"], &[]), "10.0.0.1");
    }

    #[test]
    fn the_host_is_taken_from_trusted_proxies_only() {
        let host_of = |peer, trusted: &[&str]| {
            let request = request(peer, &[(X_FORWARDED_HOST, "evil.example, chat.example")]);
            host(&request, &networks(trusted)).map(str::to_owned)
        };
        assert_eq!(host_of("10.0.0.1", &["10.0.0.1"]).as_deref(), Some("chat.example"));
        assert_eq!(host_of("10.0.0.2", &["10.0.0.1"]), None);
    }

    #[test]
    fn networks_are_written_as_they_are_read() {
        for text in ["10.1.2.3", "10.0.0.0/8", "::1", "fd00::/8"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        for wrong in ["", "10.0.0", "10.0.0.0/33", "localhost", "10.0.0.0/8/8"] {
            assert_eq!(wrong.parse::<Network>().unwrap_err().kind(), ErrorKind::Config, "{wrong}");
        }
    }

    proptest! {
        /// What a client writes in front of what a trusted proxy appends decides nothing.
        #[test]
        fn a_client_cannot_choose_its_address(forged in "[ -~]{0,60}") {
            let line = format!("{forged}, 203.0.113.7");
            prop_assert_eq!(found("10.0.0.1", &[&line], &["10.0.0.0/8"]), "203.0.113.7");
        }
    }
}
