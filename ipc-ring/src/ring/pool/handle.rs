//! What travels in place of a block's bytes.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Names a block of a pool, as it was when the handle was made: 24 bytes that any channel carries, alone or inside a
/// message of the user's.
///
/// A handle is a name, not a right: whoever has one asks the pool for the block, and the pool refuses handles that are
/// forged, out of date or used already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Handle {
    /// The generation of the pool: a number no other pool or channel of its domain has had.
    pub(crate) pool: u64,
    /// The generation of the block.
    pub(crate) generation: u32,
    /// The number of the size class.
    pub(crate) class: u32,
    /// The number of the block in its class.
    pub(crate) index: u32,
    /// Bytes of the block that count.
    pub(crate) length: u32,
}

const _: () = assert!(size_of::<Handle>() == 24);

impl Handle {
    /// Bytes of the payload.
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

    /// The handle of [these words](Self::words). Any will do: what a handle is worth is the pool's to say.
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

    /// Whether the payload has no byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Which channel a handle was pushed into: the one that is responsible for the block while nobody holds it.
///
/// When the channel is gone, with whatever was in it, so is the message, and the block is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The channel's generation.
    pub(crate) generation: u64,
    /// The identifier of its segment, as the kernel counts.
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
