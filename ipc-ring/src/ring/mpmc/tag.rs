//! The slot word: its fields, and the arithmetic of positions and laps.

use core::fmt;

const STATE_BITS: u32 = 4;
const ATTEMPT_BITS: u32 = 4;
const OWNER_BITS: u32 = 10;
const ATTEMPT_SHIFT: u32 = STATE_BITS;
const OWNER_SHIFT: u32 = ATTEMPT_SHIFT + ATTEMPT_BITS;
const LAP_SHIFT: u32 = OWNER_SHIFT + OWNER_BITS;
/// Bits of the lap.
pub(crate) const LAP_BITS: u32 = 64 - LAP_SHIFT;

const STATE_MASK: u64 = (1 << STATE_BITS) - 1;
const ATTEMPT_MASK: u64 = (1 << ATTEMPT_BITS) - 1;
const OWNER_MASK: u64 = (1 << OWNER_BITS) - 1;

/// The largest number of endpoints that a tag can name.
pub const MAX_ENDPOINTS: u16 = 1 << OWNER_BITS;
/// The largest number of attempts that a tag can count.
pub(crate) const MAX_ATTEMPTS: u32 = 1 << ATTEMPT_BITS;

/// What a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// Free.
    Empty = 0,
    /// Being written.
    Writing = 1,
    /// Holds an element.
    Full = 2,
    /// Being copied out.
    Reading = 3,
    /// Being accessed in place by user code.
    Lent = 4,
    /// Holds nothing and will not in this lap.
    Void = 5,
    /// Holds an element whose consumer was lost.
    Orphan = 6,
    /// The end of the stream.
    Closed = 7,
}

/// A slot's word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// From a word of shared memory; any value is accepted.
    #[inline(always)]
    #[must_use]
    pub const fn from_raw(word: u64) -> Self {
        Self(word)
    }

    /// The word.
    #[inline(always)]
    #[must_use]
    pub const fn as_raw(self) -> u64 {
        self.0
    }

    /// The state, unless the word holds none.
    #[inline(always)]
    #[must_use]
    pub const fn state(self) -> Option<State> {
        Some(match self.0 & STATE_MASK {
            0 => State::Empty,
            1 => State::Writing,
            2 => State::Full,
            3 => State::Reading,
            4 => State::Lent,
            5 => State::Void,
            6 => State::Orphan,
            7 => State::Closed,
            _ => return None,
        })
    }

    /// The endpoint that holds the slot. Valid only in [`State::Writing`], [`State::Reading`],
    /// [`State::Lent`].
    #[inline(always)]
    #[must_use]
    pub const fn owner(self) -> u16 {
        (self.0 >> OWNER_SHIFT & OWNER_MASK) as u16
    }

    /// Whether the tag names an owner.
    #[inline]
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self.state(), Some(State::Writing | State::Reading | State::Lent))
    }

    /// How many consumers have failed to process the element.
    #[inline(always)]
    #[must_use]
    pub const fn attempt(self) -> u32 {
        (self.0 >> ATTEMPT_SHIFT & ATTEMPT_MASK) as u32
    }

    /// The same lap and attempt, held by an endpoint.
    #[inline(always)]
    pub(super) const fn held(self, state: State, owner: u16) -> Self {
        let kept = self.0 & !(STATE_MASK | OWNER_MASK << OWNER_SHIFT);
        Self(kept | (owner as u64 & OWNER_MASK) << OWNER_SHIFT | state as u64)
    }

    /// The same lap with an element that can be taken.
    #[inline(always)]
    pub(super) const fn full(self) -> Self {
        self.plain(State::Full)
    }

    /// The same lap with nothing.
    #[inline(always)]
    #[must_use]
    pub const fn void(self) -> Self {
        self.plain(State::Void)
    }

    /// The same lap as the end of the stream.
    #[inline(always)]
    pub(super) const fn closed(self) -> Self {
        self.plain(State::Closed)
    }

    /// The same element, lost once more.
    #[inline(always)]
    #[must_use]
    pub const fn orphan(self) -> Self {
        let attempt = (self.attempt() as u64 + 1) & ATTEMPT_MASK;
        Self(self.0 >> LAP_SHIFT << LAP_SHIFT | attempt << ATTEMPT_SHIFT | State::Orphan as u64)
    }

    #[inline(always)]
    const fn plain(self, state: State) -> Self {
        Self(self.0 >> LAP_SHIFT << LAP_SHIFT | state as u64)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lap = self.0 >> LAP_SHIFT;
        match self.state() {
            Some(state) if self.is_held() => {
                write!(f, "{state:?}(lap {lap}, endpoint {}, attempt {})", self.owner(), self.attempt())
            }
            Some(state) => write!(f, "{state:?}(lap {lap}, attempt {})", self.attempt()),
            None => write!(f, "Tag({:#x})", self.0),
        }
    }
}

/// Maps positions of one ring to slots and laps. Private, so nothing that a peer writes can change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    shift: u32,
    mask: u64,
    laps: u64,
}

impl Shape {
    /// For a capacity that is a power of two. Fewer than [`LAP_BITS`] are for tests, which cannot wait for a
    /// wrap; and for rings so large that positions wrap before that many laps.
    pub(super) fn new(capacity: u64, lap_bits: u32) -> Self {
        assert!(capacity.is_power_of_two() && (2..=LAP_BITS).contains(&lap_bits));
        let shift = capacity.trailing_zeros();
        let bits = lap_bits.min(64 - shift);
        Self { shift, mask: capacity - 1, laps: u64::MAX >> (64 - bits) }
    }

    /// The slot of a position.
    #[inline(always)]
    pub(super) const fn index(self, position: u64) -> u64 {
        position & self.mask
    }

    /// The tag of a position that is free.
    #[inline(always)]
    pub(super) const fn empty(self, position: u64) -> Tag {
        Tag((position >> self.shift & self.laps) << LAP_SHIFT)
    }

    /// The tag of the same slot, free for the next lap.
    #[inline(always)]
    pub(super) const fn next_lap(self, tag: Tag) -> Tag {
        Tag(((tag.0 >> LAP_SHIFT).wrapping_add(1) & self.laps) << LAP_SHIFT)
    }

    /// How many laps a tag is ahead of a position of the same slot; negative if it is behind.
    #[inline(always)]
    pub(super) const fn ahead(self, tag: Tag, position: u64) -> i64 {
        let difference = (tag.0 >> LAP_SHIFT).wrapping_sub(position >> self.shift) & self.laps;
        if difference > self.laps >> 1 {
            (difference | !self.laps).cast_signed()
        } else {
            difference.cast_signed()
        }
    }

    /// The position that a tag found in a slot denotes: the one nearest to `near`.
    #[inline]
    pub(super) const fn position(self, tag: Tag, index: u64, near: u64) -> u64 {
        let same_lap = near & !self.mask | index;
        same_lap.wrapping_add(self.ahead(tag, near).cast_unsigned() << self.shift)
    }

    /// A position to move to after finding a tag there: the one before it, in the same slot a lap ago, is
    /// certainly claimed.
    #[inline]
    pub(super) const fn after_meeting(self, tag: Tag, index: u64, near: u64) -> u64 {
        self.position(tag, index, near).wrapping_sub(self.mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let shape = Shape::new(8, LAP_BITS);
        let empty = shape.empty(u64::MAX);
        assert_eq!(empty.state(), Some(State::Empty));
        let writing = empty.held(State::Writing, 1023);
        assert_eq!((writing.owner(), writing.attempt(), writing.is_held()), (1023, 0, true));
        assert_eq!(shape.ahead(writing, u64::MAX), 0);
        let full = writing.full();
        assert_eq!((full.owner(), full.state(), full.is_held()), (0, Some(State::Full), false));
        let mut lost = full;
        for attempt in 1..MAX_ATTEMPTS {
            lost = lost.held(State::Reading, 5).orphan();
            assert_eq!((lost.attempt(), lost.owner(), lost.state()), (attempt, 0, Some(State::Orphan)));
            assert_eq!(shape.ahead(lost, u64::MAX), 0);
        }
        assert_eq!(lost.held(State::Lent, 1023).attempt(), MAX_ATTEMPTS - 1);
        assert_eq!(lost.orphan().attempt(), 0);
        assert_eq!(lost.void().state(), Some(State::Void));
        assert_eq!(shape.next_lap(lost), shape.empty(u64::MAX.wrapping_add(8)));
        assert_eq!(Tag::from_raw(8).state(), None);
    }

    #[test]
    fn laps_compare_across_the_wrap() {
        for (capacity, bits) in [(1, LAP_BITS), (4, 2), (8, 3), (1 << 32, LAP_BITS), (1 << 20, LAP_BITS)] {
            let shape = Shape::new(capacity, bits);
            let laps = shape.laps;
            for position in
                [0, capacity, capacity * 7 + 3 % capacity, u64::MAX, u64::MAX / 2, u64::MAX - capacity]
            {
                let tag = shape.empty(position);
                assert_eq!(shape.ahead(tag, position), 0);
                assert_eq!(shape.ahead(tag, position.wrapping_add(capacity)), -1);
                assert_eq!(shape.ahead(tag, position.wrapping_sub(capacity)), 1);
                assert_eq!(shape.next_lap(tag), shape.empty(position.wrapping_add(capacity)));
                let index = shape.index(position);
                for near in [position, position.wrapping_sub(capacity), position.wrapping_add(capacity)] {
                    assert_eq!(shape.position(tag, index, near), position, "{capacity} {bits} {near}");
                }
                assert_eq!(shape.after_meeting(tag, index, position), position.wrapping_sub(capacity - 1));
                if bits > 2 {
                    let far = position.wrapping_add((laps >> 1).wrapping_mul(capacity));
                    assert_eq!(shape.ahead(shape.empty(far), position), (laps >> 1).cast_signed());
                }
            }
        }
    }

    /// With few bits for the lap, all tags against all positions of several wraps, around both ends of the
    /// range of positions: compared with arithmetic that cannot overflow. The code has no other parameters
    /// than these, so wider laps differ only in the places of their bits.
    #[test]
    fn all_laps_of_few_bits_against_wide_arithmetic() {
        let mut compared = 0_u64;
        for (capacity, bits) in
            [1, 2, 4, 8].into_iter().flat_map(|capacity| [2, 3, 4].map(|bits| (capacity, bits)))
        {
            let shape = Shape::new(capacity, bits);
            let laps = 1_i128 << bits;
            let around = 2 * (laps as u64) * capacity;
            for near in (0..around).chain(u64::MAX - around..=u64::MAX) {
                let index = shape.index(near);
                assert_eq!(u128::from(index), u128::from(near) % u128::from(capacity));
                for lap in 0..laps {
                    let tag = Tag::from_raw((lap as u64) << LAP_SHIFT);
                    let of_near = i128::from(near) / i128::from(capacity);
                    // The representative nearest to the position; of two equally near ones the one behind.
                    let ahead = (lap - of_near).rem_euclid(laps);
                    let ahead = if ahead > (laps - 1) / 2 { ahead - laps } else { ahead };
                    assert_eq!(i128::from(shape.ahead(tag, near)), ahead, "{capacity} {bits} {near} {lap}");
                    let position = shape.position(tag, index, near);
                    let wide = i128::from(near) + ahead * i128::from(capacity);
                    assert_eq!(position, wide.rem_euclid(1 << 64) as u64, "{capacity} {bits} {near} {lap}");
                    assert_eq!(shape.index(position), index);
                    assert_eq!(shape.empty(position), tag);
                    assert_eq!(shape.next_lap(tag), shape.empty(position.wrapping_add(capacity)));
                    compared += 1;
                }
            }
        }
        assert!(compared > 10_000, "{compared}");
    }

    /// Any word: what is read from it is in range, and each change keeps to the fields that it is about.
    #[test]
    fn any_word_has_fields_in_range() {
        for word in hostile_words() {
            let tag = Tag::from_raw(word);
            assert!(tag.owner() < MAX_ENDPOINTS && tag.attempt() < MAX_ATTEMPTS);
            assert_eq!(tag.state().is_none(), word & STATE_MASK > 7);
            for owner in [0, 1, MAX_ENDPOINTS - 1] {
                let held = tag.held(State::Reading, owner);
                assert_eq!((held.owner(), held.attempt()), (owner, tag.attempt()));
                assert_eq!(held.as_raw() >> LAP_SHIFT, word >> LAP_SHIFT);
            }
            for plain in [tag.full(), tag.void(), tag.closed(), tag.orphan()] {
                assert_eq!((plain.owner(), plain.as_raw() >> LAP_SHIFT), (0, word >> LAP_SHIFT));
            }
            assert_eq!(tag.orphan().attempt(), (tag.attempt() + 1) % MAX_ATTEMPTS);
        }
    }

    /// Every pattern of the bits around the borders of fields, all others 0 or all 1.
    fn hostile_words() -> impl Iterator<Item = u64> {
        let bits = [0, 1, 2, 3, 4, 7, 8, 17, 18, 19, 62, 63];
        (0..1_u64 << bits.len()).flat_map(move |pattern| {
            let (mut set, mut all) = (0, 0);
            for (number, bit) in bits.into_iter().enumerate() {
                set |= (pattern >> number & 1) << bit;
                all |= 1 << bit;
            }
            [set, set | !all]
        })
    }
}
