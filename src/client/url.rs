//! Where a gateway is, as people write it and as sockets need it.

use crate::{Error, ErrorKind, Result};

/// Where a gateway listens, unless the address says otherwise.
const PATH: &str = "/ws";

/// Turns `ws://`, `wss://`, `http://` and `https://` addresses into WebSocket ones; without a path they get `/ws`.
///
/// Checks what a socket could only report as one more failed attempt: there is no end to attempts.
pub(crate) fn websocket_url(url: &str) -> Result<String> {
    // Parts are found by single characters: searching for text is code that a browser would have to load.
    let parts = url.split_once(':').and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)));
    let (scheme, rest) = parts.ok_or_else(|| invalid(url, "it has no scheme"))?;
    let scheme = match scheme {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return Err(invalid(url, "its scheme is not ws, wss, http or https")),
    };
    if rest.bytes().any(|c| c <= b' ' || c == 0x7f) {
        return Err(invalid(url, "it holds a space or a control character"));
    }
    if has(rest, b'#') {
        return Err(invalid(url, "it has a fragment"));
    }
    let end = rest.bytes().position(|c| c == b'/' || c == b'?').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
    if has(authority, b'@') {
        return Err(invalid(url, "it holds a user or password; use a token"));
    }
    let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(invalid(url, "its port is not a number below 65536"));
    }
    if authority.len() <= port.map_or(0, |port| port.len() + 1) {
        return Err(invalid(url, "it has no host"));
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let prefix = if path.is_empty() || path.starts_with('?') { PATH } else { "/" };
    Ok([scheme, "://", authority, prefix, path].concat())
}

fn has(text: &str, c: u8) -> bool {
    text.as_bytes().contains(&c)
}

fn invalid(url: &str, why: &str) -> Error {
    let shown: String = url.chars().take(100).collect();
    let text = ["invalid address \"", &shown, "\": ", why, "; write it as ws://host:port or https://host"].concat();
    Error::new(ErrorKind::Config, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_websocket_ones() {
        for (written, needed) in [
            ("ws://localhost:8000/ws", "ws://localhost:8000/ws"),
            ("ws://localhost:8000", "ws://localhost:8000/ws"),
            ("wss://example.org/live/?v=1", "wss://example.org/live/?v=1"),
            ("http://127.0.0.1:80", "ws://127.0.0.1:80/ws"),
            ("http://127.0.0.1/", "ws://127.0.0.1/ws"),
            ("https://example.org?room=1", "wss://example.org/ws?room=1"),
            ("http://[::1]:9000", "ws://[::1]:9000/ws"),
            ("http://[::1]", "ws://[::1]/ws"),
        ] {
            assert_eq!(websocket_url(written).unwrap(), needed);
        }
    }

    #[test]
    fn what_can_never_connect_is_refused_with_the_reason() {
        for (written, why) in [
            ("", "no scheme"),
            ("localhost:8000", "no scheme"),
            ("ftp://host", "scheme is not"),
            ("ws://", "no host"),
            ("ws:///ws", "no host"),
            ("ws://:80/ws", "no host"),
            ("ws://host:http/", "port"),
            ("ws://host:70000/", "port"),
            ("ws://a b/", "space"),
            ("ws://host/ws#top", "fragment"),
            ("ws://me:secret@host/ws", "password"),
        ] {
            let error = websocket_url(written).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(why), "{written:?}: {error}");
        }
    }
}
