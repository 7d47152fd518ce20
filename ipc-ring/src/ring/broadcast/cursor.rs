//! A subscriber's position as its seat holds it: the position times two, plus one. 0 for a subscriber that
//! does not hold up the publisher.
//!
//! The top bit of the position is lost. A cursor has a meaning only together with the publisher's position,
//! from which it is never that far.

/// The publisher is not held up.
pub(super) const NONE: u64 = 0;

/// The word of a subscriber at `position`.
#[inline(always)]
pub(super) const fn at(position: u64) -> u64 {
    position << 1 | 1
}

/// How far the subscriber is behind the publisher at `tail`. `None` if it does not count: there is none, or
/// it waits for positions still to come.
#[inline(always)]
pub(crate) const fn behind(cursor: u64, tail: u64) -> Option<u64> {
    let distance = at(tail).wrapping_sub(cursor);
    if cursor & 1 == 0 || distance.cast_signed() < 0 { None } else { Some(distance >> 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_positions_also_at_the_top_of_the_numbers() {
        assert_eq!(behind(NONE, 5), None);
        for tail in [0, 5, 1 << 62, 1 << 63, u64::MAX - 1] {
            assert_eq!(behind(at(tail), tail), Some(0));
            assert_eq!(behind(at(tail.wrapping_sub(3)), tail), Some(3));
            assert_eq!(behind(at(tail.wrapping_add(1)), tail), None);
        }
    }
}
