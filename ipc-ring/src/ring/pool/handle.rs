//! Handles: what a channel carries instead of a block's bytes.

use ipc_describe::Describe;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Names a block of a pool, in the generation in which the handle was made: 24 bytes that any channel
/// carries, alone or inside a user's message.
///
/// A handle is a name, not a permission. Its holder asks the pool for the block; the pool refuses handles
/// that are forged, stale or already used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, Describe)]
#[describe(name = "ipc.Handle/1")]
#[repr(C)]
pub struct Handle {
    /// The generation of the pool: a number that no other pool or channel of its domain has had.
    pub(crate) pool: u64,
    /// The generation of the block.
    pub(crate) generation: u32,
    /// The number of the size class.
    pub(crate) class: u32,
    /// The number of the block in its class.
    pub(crate) index: u32,
    /// The payload's length in the block, in bytes.
    pub(crate) length: u32,
}

const _: () = assert!(size_of::<Handle>() == 24);

impl Handle {
    /// The payload's length in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "is_empty follows")]
    pub const fn len(&self) -> usize {
        self.length as usize
    }

    /// The handle as three words, for models and tests.
    #[must_use]
    pub const fn words(self) -> [u64; 3] {
        [
            self.pool,
            self.generation as u64 | (self.class as u64) << 32,
            self.index as u64 | (self.length as u64) << 32,
        ]
    }

    /// The handle of [these words](Self::words). Any words are accepted: the pool checks the handle when it
    /// is used.
    #[must_use]
    pub const fn from_words(words: [u64; 3]) -> Self {
        let [pool, block, place] = words;
        Self {
            pool,
            generation: block as u32,
            class: (block >> 32) as u32,
            index: place as u32,
            length: (place >> 32) as u32,
        }
    }

    /// Whether the payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// The channel that a handle was pushed into. It is responsible for the block while no member holds it.
///
/// When the channel and its contents are gone, so is the message, and the block is reclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The channel's generation.
    pub(crate) generation: u64,
    /// The identifier of its segment, as the kernel assigned it.
    pub(crate) segment: u64,
}

impl Route {
    /// A route by its two words, for models and tests. Those of channels come from their ends.
    #[must_use]
    pub const fn from_words(generation: u64, segment: u64) -> Self {
        Self { generation, segment }
    }

    /// The channel's generation, then the identifier of its segment.
    #[must_use]
    pub const fn words(self) -> [u64; 2] {
        [self.generation, self.segment]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_words_are_a_handle_and_its_words_again() {
        for bit in 0..192 {
            for flip in [0, u64::MAX] {
                let mut words = [flip; 3];
                words[bit / 64] ^= 1 << (bit % 64);
                let handle = Handle::from_words(words);
                assert_eq!(handle.words(), words);
                assert_eq!(handle.as_bytes(), words.as_bytes(), "in the order of its bytes");
                assert_eq!(handle.len() as u64, words[2] >> 32);
            }
        }
    }
}
