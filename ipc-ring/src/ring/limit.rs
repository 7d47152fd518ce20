//! How far the producer of a one-to-one ring may write: [`spsc`](super::spsc) counts slots, and
//! [`bytes`](super::bytes) counts bytes.

use super::spsc::Corruption;

/// The position before which a producer may write, to its knowledge: a position that the consumer has
/// reported, which is never ahead of the true one but may be behind it, plus the capacity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(u64);

impl Limit {
    /// Of a ring whose consumer is at this position.
    pub(super) fn new(consumed: u64, capacity: u64) -> Self {
        Self(consumed.wrapping_add(capacity))
    }

    /// How much is free, for a producer at this position.
    #[inline(always)]
    pub(super) fn free(self, position: u64) -> u64 {
        self.0.wrapping_sub(position)
    }

    /// Whether this head is older than the position taken over last.
    ///
    /// That one may have been the exact position, stored by a pop whose head is not yet published, or never
    /// will be because the consumer died there. A head lags by less than a quarter ring and one pop, which
    /// may have covered a whole ring.
    pub(super) fn is_old_head(self, head: u64, capacity: u64) -> bool {
        let taken_over = self.0.wrapping_sub(capacity);
        (1..=capacity + capacity / 4).contains(&taken_over.wrapping_sub(head))
    }

    /// Takes over a position of the consumer that was found in this word; returns how much is free.
    ///
    /// # Errors
    /// [`Corruption`] if it is before the last one taken over, or beyond the producer's own position.
    pub(super) fn take_over(
        &mut self,
        word: &'static str,
        found: u64,
        position: u64,
        capacity: u64,
    ) -> Result<u64, Corruption> {
        let behind = position.wrapping_sub(found);
        if behind > capacity - self.free(position) {
            return Err(Corruption { word, position, found });
        }
        *self = Self::new(found, capacity);
        Ok(capacity - behind)
    }

    /// Whether the consumer has announced that it releases more than was taken over last, and at most a ring
    /// more.
    pub(super) fn is_about_to_grow(self, giving: u64, capacity: u64) -> bool {
        (1..=capacity).contains(&giving.wrapping_sub(self.0.wrapping_sub(capacity)))
    }
}
