//! Times and sizes as people write them: `10`, `10s`, `500ms`, `1m`; `65536`, `64KiB`. What is written here is read
//! back as the same value.

use std::time::Duration;

/// The units of a time.
const TIMES: [(&str, Duration); 5] = [
    ("ms", Duration::from_millis(1)),
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_secs(60)),
    ("h", Duration::from_secs(3600)),
    ("d", Duration::from_secs(86_400)),
];

/// The units of a size, in bytes, the largest first.
const SIZES: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a time as people write it in settings: `10s`, `500ms`, `1.5h`, or a number of seconds. Nothing for another text.
pub fn parse_time(text: &str) -> Option<Duration> {
    let (number, unit) = split(text);
    let unit = if unit.is_empty() { "s" } else { unit };
    let (_, unit) = TIMES.iter().find(|(name, _)| *name == unit)?;
    match number.parse::<u32>() {
        // Exact, as whole numbers are.
        Ok(whole) => unit.checked_mul(whole),
        Err(_) => Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit.as_secs_f64()).ok(),
    }
}

/// Writes a time in the largest unit of which it is a whole number.
pub(super) fn format_time(time: Duration) -> String {
    if !time.subsec_nanos().is_multiple_of(1_000_000) {
        return format!("{}s", time.as_secs_f64());
    }
    match (time.subsec_millis(), time.as_secs()) {
        (0, seconds) if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (0, seconds) if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        (0, seconds) => format!("{seconds}s"),
        _ => format!("{}ms", time.as_millis()),
    }
}

/// Reads a whole number with a unit, or of bytes.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = split(text);
    let bytes = match unit {
        "" => 1,
        unit => SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    number.parse::<usize>().ok()?.checked_mul(bytes)
}

/// Writes a size in the largest unit of which it is a whole number.
pub(super) fn format_size(bytes: usize) -> String {
    let fits = |(_, size): &&(&str, usize)| bytes >= *size && bytes.is_multiple_of(*size);
    let (unit, size) = SIZES.iter().find(fits).unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / size)
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    (text[..at].trim_end(), &text[at..])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{format_size, format_time, parse_size, parse_time};

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("10", 10_000),
            ("1.5", 1_500),
            ("10s", 10_000),
            ("10 s", 10_000),
            ("500ms", 500),
            ("1m", 60_000),
            ("1.5h", 5_400_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_time(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "s", "-1s", "1 week", "10S", "1e400", "nan", "inf", "ten"] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [("65536", 65_536), ("64KiB", 65_536), ("64 kib", 65_536), ("1MiB", 1 << 20), ("7B", 7)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for wrong in ["", "KiB", "-1", "1.5KiB", "64KB", "64K", "99999999999999999999", "99999999999GiB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0u64..4_000_000_000, bytes in any::<usize>()) {
            let time = Duration::from_millis(millis);
            prop_assert_eq!(parse_time(&format_time(time)), Some(time));
            prop_assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
        }
    }
}
