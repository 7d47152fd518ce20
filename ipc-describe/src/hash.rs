//! The hash behind fingerprints and description hashes.

/// FNV-1a with 128 bits (Fowler, Noll, Vo: the 128-bit parameters of draft-eastlake-fnv): small, and the same
/// on every machine, compiler and language. It detects mistakes, not malice.
#[derive(Clone, Debug)]
pub struct Fnv(u128);

impl Fnv {
    /// The hash of no bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// Appends bytes.
    pub const fn write(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            self.0 = (self.0 ^ bytes[at] as u128).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
            at += 1;
        }
    }

    /// The hash of all bytes so far.
    #[must_use]
    pub const fn finish(&self) -> u128 {
        self.0
    }
}

impl Default for Fnv {
    fn default() -> Self {
        Self::new()
    }
}

/// The fingerprint of an element type, as the header of a channel holds it: the hash of its size and
/// alignment in bytes, each as eight bytes, least significant first, and of its name.
///
/// ```
/// // `vectors/descriptions.txt` has more of these, for implementations in other languages.
/// let tick = ipc_describe::fingerprint(24, 8, "md.Tick/2");
/// assert_eq!(format!("{tick:032x}"), "094c1e563a1c7ae28cf48eac1bcc26d2");
/// ```
#[must_use]
pub const fn fingerprint(size: u64, align: u64, name: &str) -> u128 {
    let mut hash = Fnv::new();
    hash.write(&size.to_le_bytes());
    hash.write(&align.to_le_bytes());
    hash.write(name.as_bytes());
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_hash() {
        // The empty string and "a", from the reference tables.
        assert_eq!(Fnv::new().finish(), 0x6c62272e07bb014262b821756295c58d);
        let mut hash = Fnv::new();
        hash.write(b"a");
        assert_eq!(hash.finish(), 0xd228cb696f1a8caf78912b704e4a8964);
    }
}
