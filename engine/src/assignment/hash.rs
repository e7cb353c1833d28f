//! Where an id falls between 0 and 1 (F-3).

use sha1::block_api::compress;
use sha1::{Digest, Sha1};

/// The largest number of 15 hex digits, as the double that the reference divides by.
#[expect(clippy::cast_precision_loss, reason = "the reference divides by float(2^60 - 1), which is 2^60")]
const LARGEST: f64 = 0x0FFF_FFFF_FFFF_FFFF_u64 as f64;

/// The bytes of a block of SHA-1.
const BLOCK: usize = 64;

/// The bytes of a text that fit into one block, beside the bit that ends it and its length.
const TEXT: usize = 55;

/// What SHA-1 begins with (FIPS 180-4, 5.3.1).
const BEGIN: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];

/// The hash of an id into `[0, 1]`: the first 15 hex digits of SHA-1 over their largest value (F-3).
///
/// ```
/// use abduck::assignment::hash;
///
/// assert_eq!(hash("beta-feature.", "11", ""), 0.38757081034760665);
/// assert_eq!(hash("beta-feature.", "11", "variant"), 0.16089093725845727);
/// ```
#[must_use]
pub fn hash(prefix: &str, id: &str, salt: &str) -> f64 {
    Hasher::new(prefix).hash(id, salt)
}

/// Hashes ids behind one prefix.
#[derive(Clone, Debug)]
pub(super) struct Hasher {
    prefix: String,
}

impl Hasher {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// See [`hash`].
    #[expect(clippy::cast_precision_loss, reason = "the reference rounds to a double as well")]
    pub(super) fn hash(&self, id: &str, salt: &str) -> f64 {
        let parts = [self.prefix.as_bytes(), id.as_bytes(), salt.as_bytes()];
        let first_16_digits = short(parts).unwrap_or_else(|| long(parts));
        (first_16_digits >> 4) as f64 / LARGEST
    }
}

/// The first 16 hex digits of the hash of a text that fits into one block, as most do. Filling that block by hand takes two
/// thirds of the time of hashing piece by piece.
fn short(parts: [&[u8]; 3]) -> Option<u64> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > TEXT {
        return None;
    }
    let mut block = [0; BLOCK];
    let mut filled = 0;
    for part in parts {
        block[filled..filled + part.len()].copy_from_slice(part);
        filled += part.len();
    }
    block[length] = 0x80;
    block[BLOCK - 8..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    let mut state = BEGIN;
    compress(&mut state, &[block]);
    Some(u64::from(state[0]) << 32 | u64::from(state[1]))
}

/// The first 16 hex digits of the hash of any text.
fn long(parts: [&[u8]; 3]) -> u64 {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_around_a_block_hash_alike() {
        // F-3
        let text = "x".repeat(2 * BLOCK);
        for length in 0..text.len() {
            let parts = [&text.as_bytes()[..length / 2], &text.as_bytes()[length / 2..length], b"".as_slice()];
            assert_eq!(short(parts), (length <= TEXT).then(|| long(parts)), "{length}");
        }
    }
}
