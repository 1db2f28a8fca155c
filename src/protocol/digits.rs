//! Whole numbers as text, without the standard library's formatting: a browser would have to load all of it.

/// The number in decimal.
pub(crate) fn digits(number: impl TryInto<u64>) -> String {
    text(number.try_into().unwrap_or(u64::MAX))
}

fn text(mut number: u64) -> String {
    let mut reversed = Vec::new();
    loop {
        reversed.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or_default()));
        number /= 10;
        if number == 0 {
            return reversed.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn numbers_read_as_the_standard_library_writes_them() {
        for number in [0, 7, 10, 42, 1_000, 65_535, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(digits(number), number.to_string());
        }
    }
}
