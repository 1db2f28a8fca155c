//! The offers of `Sec-WebSocket-Extensions` (RFC 6455, section 9.1; RFC 7692, section 7.1), and which one is taken.

/// The answer, and the answer to an offer that asks for the size of our window, which has to be told then.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const ANSWER_WITH_BITS: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";

/// Chooses among what a client offers: `headers` are the values of its `Sec-WebSocket-Extensions` headers in their order.
/// Returns the value of the answer's header, or `None` when no extension is used. An answer allows the decoder to
/// [inflate](super::Decoder::with_inflate) and the client to be sent what a [`Deflater`](super::Deflater) makes.
///
/// Either side compresses each message by itself, whatever was offered. Declined are offers of other extensions, offers
/// with unknown, repeated or malformed parameters, and offers that ask for a smaller window of ours
/// (`server_max_window_bits` below 15): one compressed frame serves all sockets.
pub fn negotiate<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    headers.into_iter().flat_map(|header| unquoted(header, ',')).find_map(answer)
}

/// The answer to one offer, unless it is declined.
fn answer(offer: &str) -> Option<&'static str> {
    let mut parts = unquoted(offer, ';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let mut seen = Vec::new();
    let mut answer = ANSWER;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquote(value.trim_start())?)),
            None => (part, None),
        };
        let name = name.to_ascii_lowercase();
        match (name.as_str(), value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => {}
            ("client_max_window_bits", Some("8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")) => {}
            ("server_max_window_bits", Some("15")) => answer = ANSWER_WITH_BITS,
            _ => return None,
        }
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    Some(answer)
}

/// The parts between separators that are not inside quotes.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |char| {
        let ends = char == separator && !quoted;
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        ends
    })
}

/// A parameter's value: a token, or one in quotes. Escapes, which no value here needs, are not understood.
fn unquote(value: &str) -> Option<&str> {
    let Some(quoted) = value.strip_prefix('"') else { return Some(value) };
    quoted.strip_suffix('"').filter(|value| !value.contains(['"', '\\']))
}
