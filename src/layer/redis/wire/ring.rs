//! Which of several hosts a name belongs to. Every process that shares them must come to the same answer.

/// How many places the ring has.
const SLOTS: u16 = 4096;

/// The place of a name on the ring.
fn slot(value: &str) -> u16 {
    let [.., high, low] = crc32fast::hash(value.as_bytes()).to_be_bytes();
    u16::from_be_bytes([high, low]) % SLOTS
}

/// Which of `hosts` a name belongs to.
pub(in crate::layer::redis) fn shard(value: &str, hosts: usize) -> usize {
    if hosts <= 1 {
        return 0;
    }
    first_host(slot(value), hosts)
}

/// Divides as Python does, by a rounded width: whole numbers give another host for one place of a ring of 186.
// The quotient lies between zero and the number of hosts, of which nobody has 2^52.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn first_host(slot: u16, hosts: usize) -> usize {
    let width = f64::from(SLOTS) / hosts as f64;
    (f64::from(slot) / width) as usize
}
