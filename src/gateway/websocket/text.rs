//! Text is UTF-8, and what is not is refused at its first wrong byte, however the text is cut.

use super::Violation;

const NOT_UTF8: Violation = Violation::payload("text that is not UTF-8");

/// Reads on in a text whose first `checked` bytes are whole characters, and returns how many are now. At most three
/// bytes at the end are left over: the beginning of a character that can still become one.
pub(super) fn check(text: &[u8], checked: usize) -> Result<usize, Violation> {
    match std::str::from_utf8(&text[checked..]) {
        Ok(_) => Ok(text.len()),
        Err(e) if e.error_len().is_none() => Ok(checked + e.valid_up_to()),
        Err(_) => Err(NOT_UTF8),
    }
}

/// Checks a text that is complete, whose first `checked` bytes are whole characters.
pub(super) fn check_whole(text: &[u8], checked: usize) -> Result<(), Violation> {
    match std::str::from_utf8(&text[checked..]) {
        Ok(_) => Ok(()),
        Err(_) => Err(NOT_UTF8),
    }
}
