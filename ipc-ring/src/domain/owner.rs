//! The owner of a resource: a process slot and its generation in one word.

use core::fmt;

/// The identity of a process in a domain. Never a process number: those are reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(u64);

impl Owner {
    /// No process.
    pub const NONE: Owner = Owner(0);

    pub(super) const fn new(slot: usize, generation: u64) -> Self {
        Self(generation << 16 | (slot as u64 + 1))
    }

    /// From a word of shared memory; any value is accepted, and checked where it is used.
    pub(crate) const fn from_raw(word: u64) -> Self {
        Self(word)
    }

    pub(crate) const fn as_raw(self) -> u64 {
        self.0
    }

    /// Whether this names a process.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The next holder of the slot.
    pub(super) const fn next(self) -> Self {
        Self((self.0 & 0xffff) | ((self.0 >> 16).wrapping_add(1) << 16))
    }

    /// The slot, if the word names one that exists.
    pub(super) fn slot(self) -> Option<usize> {
        let slot = (self.0 & 0xffff) as usize;
        (1..=super::layout::PROCESSES).contains(&slot).then(|| slot - 1)
    }

    pub(super) const fn generation(self) -> u64 {
        self.0 >> 16
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot() {
            Some(slot) => write!(f, "Owner(slot {slot}, generation {})", self.generation()),
            None => write!(f, "Owner(none)"),
        }
    }
}
