//! Decisions from a string of bytes: the fuzzer's, or pseudo-random ones.

/// Takes decisions from the front of some bytes. When they are used up every decision is 0.
pub struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub fn is_used_up(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes.split_off_first().copied().unwrap_or(0)
    }

    pub fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A value likely to cause trouble: near 0, near the maximum, near a power of two, near `close`, or any.
    pub fn value(&mut self, close: u64) -> u64 {
        let choice = self.byte();
        let small = u64::from(self.byte() & 63);
        match choice % 8 {
            0 => small,
            1 => small.wrapping_neg(),
            2 => (1u64 << (choice / 8 * 2)).wrapping_add(small).wrapping_sub(32),
            3 | 4 => close.wrapping_add(small).wrapping_sub(32),
            5 => close.wrapping_add(small),
            6 => close ^ (1 << small),
            _ => self.word(),
        }
    }
}
