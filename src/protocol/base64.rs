//! Standard base64 with padding (RFC 4648, section 4), for byte strings in JSON.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the base64 of `bytes` to `out`.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = group >> (18 - 6 * place) & 63;
            out.push(if place <= chunk.len() { ALPHABET[digit as usize] } else { b'=' });
        }
    }
}

/// The bytes that `text` stands for, or nothing where it is not canonical base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take(2).take_while(|&&c| c == b'=').count();
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut group = 0u32;
    for (at, &c) in text[..text.len() - padding].iter().enumerate() {
        group = group << 6 | digit(c)?;
        if at % 4 == 3 {
            out.extend_from_slice(&group.to_be_bytes()[1..]);
            group = 0;
        }
    }
    // The last group holds 12 or 18 bits; those beyond the whole bytes must be zero.
    let (bytes, spare) = match padding {
        1 => (2, group & 0b11),
        2 => (1, group & 0b1111),
        _ => (0, 0),
    };
    let group = group << (6 * padding);
    out.extend_from_slice(&group.to_be_bytes()[1..1 + bytes]);
    (spare == 0).then_some(out)
}

fn digit(c: u8) -> Option<u32> {
    Some(u32::from(match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}
