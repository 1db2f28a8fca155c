//! The slots of Redis Cluster, and names that fall in a wanted one.

/// How many slots a cluster has.
pub(in crate::layer::redis) const SLOTS: u16 = 16_384;

/// How many digits the part of a name has that is searched for.
const DIGITS: usize = 16;

/// How many of these digits are tried in order. The others are random, so that no two searches find the same.
const TRIED: u32 = 4;

/// How often the random digits are drawn anew for one find. The ends of one draw reach 99 % of the slots, so this many
/// draws fail only where no slot is wanted, or where all that can be found has been.
const DRAWS: usize = 64;

/// The remainders of each byte by the polynomial of CRC-16/XMODEM.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        // Below 256, so it fits.
        #[expect(clippy::cast_possible_truncation)]
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn step(crc: u16, byte: u8) -> u16 {
    let [high, _] = crc.to_be_bytes();
    crc << 8 ^ TABLE[usize::from(high ^ byte)]
}

fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, &byte| step(crc, byte))
}

/// The slot of a key.
pub(in crate::layer::redis) fn slot(key: impl AsRef<[u8]>) -> u16 {
    let key = key.as_ref();
    crc16(0, tag(key).unwrap_or(key)) % SLOTS
}

/// The part of a key that decides its slot alone: what the first braces hold, unless that is nothing.
fn tag(key: &[u8]) -> Option<&[u8]> {
    let rest = &key[key.iter().position(|byte| *byte == b'{')? + 1..];
    let tag = &rest[..rest.iter().position(|byte| *byte == b'}')?];
    (!tag.is_empty()).then_some(tag)
}

/// Finds `count` different strings of 16 hexadecimal digits that, between `before` and `after`, make keys whose slot is
/// wanted. Finds fewer where too few slots are wanted, and none where `before` holds a tag of an unwanted slot.
/// `after` holds no brace.
pub(in crate::layer::redis) fn digits(
    before: &str,
    after: &str,
    count: usize,
    random: &mut fastrand::Rng,
    wanted: impl Fn(u16) -> bool,
) -> Vec<String> {
    let mut found: Vec<String> = Vec::with_capacity(count);
    let tagged = tag(before.as_bytes()).map(|tag| crc16(0, tag) % SLOTS);
    let crc = crc16(0, before.as_bytes());
    let mut draws = 0;
    while found.len() < count && draws < DRAWS {
        draws += 1;
        let drawn = random.u64(..);
        let next = match tagged {
            Some(slot) => wanted(slot).then(|| text(drawn)),
            None => search(crc, drawn, after.as_bytes(), &wanted),
        };
        if let Some(next) = next.filter(|next| !found.contains(next)) {
            found.push(next);
            draws = 0;
        }
    }
    found
}

fn text(number: u64) -> String {
    format!("{number:0DIGITS$x}")
}

/// Tries every end of the drawn digits, from theirs on.
fn search(crc: u16, drawn: u64, after: &[u8], wanted: &impl Fn(u16) -> bool) -> Option<String> {
    const ENDS: u64 = 16u64.pow(TRIED);
    let (head, from) = (drawn / ENDS * ENDS, drawn % ENDS / 16);
    let crc = (TRIED..16).rev().fold(crc, |crc, place| step(crc, hex(drawn >> (4 * place))));
    // The last digit changes most often, so the ones before it are counted in only once for sixteen tries.
    (0..ENDS / 16).find_map(|at| {
        let number = head | ((from + at) % (ENDS / 16)) << 4;
        let crc = (1..TRIED).rev().fold(crc, |crc, place| step(crc, hex(number >> (4 * place))));
        let last = (0..16).find(|&last| wanted(crc16(step(crc, hex(last)), after) % SLOTS))?;
        Some(text(number | last))
    })
}

/// The digit of the lowest four bits.
fn hex(number: u64) -> u8 {
    b"0123456789abcdef"[usize::from(number.to_le_bytes()[0] & 15)]
}
