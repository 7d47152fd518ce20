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

    /// Whether the consumer has stored in `giving` that it releases more than was taken over last, and at
    /// most a ring more.
    pub(super) fn is_about_to_grow(self, giving: u64, capacity: u64) -> bool {
        (1..=capacity).contains(&giving.wrapping_sub(self.0.wrapping_sub(capacity)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positions at which arithmetic wraps around, and others.
    const STARTS: [u64; 4] = [0, 1 << 40, u64::MAX - 100, u64::MAX];

    /// Everything depends on differences alone, so small capacities and all distances around them are all
    /// cases; the expectation is computed in wide integers that do not wrap.
    #[test]
    fn heads_that_lag_by_a_ring_and_a_quarter_are_old_and_no_others() {
        for (start, capacity) in STARTS.into_iter().flat_map(|start| (1..=64).map(move |n| (start, n))) {
            let limit = Limit::new(start, capacity);
            for lag in -300_i128..300 {
                let head = (i128::from(start) - lag).rem_euclid(1 << 64) as u64;
                let is_old = lag >= 1 && lag <= i128::from(capacity + capacity / 4);
                assert_eq!(limit.is_old_head(head, capacity), is_old, "{start} {capacity} {lag}");
            }
        }
    }

    #[test]
    fn a_position_is_taken_over_between_the_last_one_and_the_producers_own() {
        for (start, capacity) in STARTS.into_iter().flat_map(|start| (1..=20).map(move |n| (start, n))) {
            for (pushed, ahead) in (0..=capacity).flat_map(|pushed| (-50_i128..50).map(move |n| (pushed, n)))
            {
                let position = start.wrapping_add(pushed);
                let found = (i128::from(start) + ahead).rem_euclid(1 << 64) as u64;
                let mut limit = Limit::new(start, capacity);
                assert_eq!(limit.free(position), capacity - pushed);
                let taken = limit.take_over("head", found, position, capacity);
                if (0..=i128::from(pushed)).contains(&ahead) {
                    let free = capacity - pushed + ahead as u64;
                    assert_eq!(taken, Ok(free), "{start} {capacity} {pushed} {ahead}");
                    assert_eq!(limit.free(position), free);
                } else {
                    assert_eq!(taken, Err(Corruption { word: "head", position, found }));
                    assert_eq!(limit.free(position), capacity - pushed, "unchanged");
                }
            }
        }
    }

    #[test]
    fn a_limit_is_about_to_grow_by_one_to_a_whole_ring() {
        for (start, capacity) in STARTS.into_iter().flat_map(|start| (1..=20).map(move |n| (start, n))) {
            let limit = Limit::new(start, capacity);
            for ahead in -50_i128..50 {
                let giving = (i128::from(start) + ahead).rem_euclid(1 << 64) as u64;
                let is_growing = (1..=i128::from(capacity)).contains(&ahead);
                assert_eq!(
                    limit.is_about_to_grow(giving, capacity),
                    is_growing,
                    "{start} {capacity} {ahead}"
                );
            }
        }
    }
}
