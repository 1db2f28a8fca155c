//! The mark that a message carries through any server: when it was published and as which of all. It is plain text of a
//! fixed length, so that it is written into a prepared frame, and found in a frame of any protocol.

/// Nothing else in a frame looks like it.
const SIGN: &[u8; 2] = b"@@";
const TIME_DIGITS: usize = 16;
const NUMBER_DIGITS: usize = 8;
const LENGTH: usize = SIGN.len() + TIME_DIGITS + NUMBER_DIGITS;

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Nanoseconds on the load client's clock.
    pub(crate) time: u64,
    /// From 0, one more for each message.
    pub(crate) number: u64,
}

impl Mark {
    pub(crate) fn text(self) -> String {
        format!("{}{:016x}{:08x}", SIGN.escape_ascii(), self.time, self.number)
    }

    /// Writes itself over the mark that is in a frame.
    pub(crate) fn write_into(self, frame: &mut [u8]) {
        let (at, _) = find(frame).expect("the frame was made with a mark");
        frame[at..at + LENGTH].copy_from_slice(self.text().as_bytes());
    }
}

/// The first mark, and where it begins.
fn find(bytes: &[u8]) -> Option<(usize, Mark)> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == SIGN[0])?;
        if let Some(mark) = read(bytes.get(at..at + LENGTH)?) {
            return Some((at, mark));
        }
        at += 1;
    }
}

fn read(bytes: &[u8]) -> Option<Mark> {
    let digits = bytes.strip_prefix(SIGN)?;
    let (time, number) = digits.split_at_checked(TIME_DIGITS)?;
    Some(Mark { time: hexadecimal(time)?, number: hexadecimal(number)? })
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

/// Every mark: a server may put several messages into a frame.
pub(crate) fn all(mut bytes: &[u8]) -> impl Iterator<Item = Mark> {
    std::iter::from_fn(move || {
        let (at, mark) = find(bytes)?;
        bytes = &bytes[at + LENGTH..];
        Some(mark)
    })
}
