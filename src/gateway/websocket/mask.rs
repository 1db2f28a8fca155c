//! Unmasking (RFC 6455, section 5.3), in blocks that the compiler turns into vector instructions.

/// Bytes a step: a multiple of the mask's four, and of every vector register's width.
const BLOCK: usize = 32;

/// Unmasks `bytes`, the first of which was masked with `mask[0]`.
pub(super) fn apply(mask: [u8; 4], bytes: &mut [u8]) {
    let wide: [u8; BLOCK] = std::array::from_fn(|at| mask[at % 4]);
    let (blocks, rest) = bytes.as_chunks_mut::<BLOCK>();
    for block in blocks {
        for (byte, mask) in block.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in rest.iter_mut().zip(wide) {
        *byte ^= mask;
    }
}

/// Appends `masked` to `out`, unmasked.
pub(super) fn append(mask: [u8; 4], masked: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(masked);
    apply(mask, &mut out[start..]);
}

/// The mask for what follows `taken` bytes of a payload.
pub(super) fn advanced(mut mask: [u8; 4], taken: usize) -> [u8; 4] {
    mask.rotate_left(taken % 4);
    mask
}
