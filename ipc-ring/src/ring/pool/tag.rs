//! A block's word: its fields and transitions.

use core::fmt;

const STATE_SHIFT: u32 = 32;
const STATE_BITS: u32 = 3;
const DEATHS_SHIFT: u32 = STATE_SHIFT + STATE_BITS;
const DEATHS_BITS: u32 = 5;
const GENERATION_SHIFT: u32 = DEATHS_SHIFT + DEATHS_BITS;
/// The bits of the generation that fit into the word.
const GENERATION_MASK: u32 = u32::MAX >> (GENERATION_SHIFT - 32);

const STATE_MASK: u64 = (1 << STATE_BITS) - 1;
const DEATHS_MASK: u64 = ((1 << DEATHS_BITS) - 1) << DEATHS_SHIFT;

/// The largest number of members that a tag can name.
pub const MAX_MEMBERS: u16 = 32;

/// The state of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// Held by no member.
    Free = 0,
    /// Lent to one member, which writes it.
    Loaned = 1,
    /// As `Loaned`, but its handle is being pushed: it may be taken.
    Offered = 2,
    /// Held by no member: its handle is in a channel.
    Sent = 3,
    /// One member reads it, and may do with it what it likes.
    Taken = 4,
    /// One or more members read it.
    Shared = 5,
    /// As `Shared`, possibly without holders: its handle is in a channel that any number of readers may take
    /// it from.
    Published = 6,
}

/// A block's word.
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

    /// A block whose handle is in a channel, in this generation, of which the word holds the low bits.
    #[inline(always)]
    pub(super) const fn sent(generation: u32) -> Self {
        Self((generation as u64) << GENERATION_SHIFT | (State::Sent as u64) << STATE_SHIFT)
    }

    /// The state; `None` if the word holds no valid one.
    #[inline(always)]
    #[must_use]
    pub const fn state(self) -> Option<State> {
        Some(match self.0 >> STATE_SHIFT & STATE_MASK {
            0 => State::Free,
            1 => State::Loaned,
            2 => State::Offered,
            3 => State::Sent,
            4 => State::Taken,
            5 => State::Shared,
            6 => State::Published,
            _ => return None,
        })
    }

    /// The number of times the block has been freed, modulo 2^24.
    #[inline(always)]
    #[must_use]
    pub const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// The number of times the block has been freed, modulo 2^32, given the number last noted. Less than
    /// 2^24 of them came after that.
    #[inline(always)]
    #[must_use]
    pub const fn generation_since(self, before: u32) -> u32 {
        before.wrapping_add(self.generation().wrapping_sub(before) & GENERATION_MASK)
    }

    /// Whether a block whose tag has the low bits of this generation is in this generation, given the number
    /// last noted: whether [`generation_since`](Self::generation_since) would return it.
    #[inline(always)]
    pub(super) const fn is_since(generation: u32, before: u32) -> bool {
        generation.wrapping_sub(before) <= GENERATION_MASK
    }

    /// The members that hold the block: bit *n* for seat *n*.
    #[inline(always)]
    #[must_use]
    pub const fn holders(self) -> u32 {
        self.0 as u32
    }

    /// Whether this seat holds the block.
    #[inline(always)]
    #[must_use]
    pub const fn is_held_by(self, seat: u16) -> bool {
        self.0 & bit(seat) != 0
    }

    /// The same generation, held by one seat.
    #[inline(always)]
    pub(super) const fn held(self, state: State, seat: u16) -> Self {
        Self(self.generation_bits() | (state as u64) << STATE_SHIFT | bit(seat))
    }

    /// The next generation, free.
    #[inline(always)]
    #[must_use]
    pub const fn freed(self) -> Self {
        Self(self.next_generation_bits())
    }

    /// The next generation, held by one seat.
    #[inline(always)]
    pub(super) const fn renewed(self, state: State, seat: u16) -> Self {
        Self(self.next_generation_bits() | (state as u64) << STATE_SHIFT | bit(seat))
    }

    /// Shared with one more seat.
    #[inline(always)]
    pub(super) const fn with(self, seat: u16) -> Self {
        Self(self.0 | bit(seat))
    }

    /// Shared with one seat fewer. After the last one the block is free, unless a channel holds it.
    #[inline(always)]
    pub(super) const fn without(self, seat: u16) -> Self {
        Self(self.0 & !bit(seat)).unless_unheld()
    }

    /// The same readers, and a channel holds the block.
    #[inline(always)]
    pub(super) const fn published(self) -> Self {
        Self(self.0 & !(STATE_MASK << STATE_SHIFT) | (State::Published as u64) << STATE_SHIFT)
    }

    /// The same readers, and no channel. A block without readers becomes free.
    #[inline(always)]
    #[must_use]
    pub const fn withdrawn(self) -> Self {
        Self(self.0 & !(STATE_MASK << STATE_SHIFT) | (State::Shared as u64) << STATE_SHIFT).unless_unheld()
    }

    const fn unless_unheld(self) -> Self {
        if self.holders() == 0 && matches!(self.state(), Some(State::Shared)) { self.freed() } else { self }
    }

    /// As `without`, for a seat that died: the death is counted, modulo 32, so that no earlier tag recurs
    /// when the seat's next holder shares the block too.
    #[inline(always)]
    #[must_use]
    pub const fn bereft(self, seat: u16) -> Self {
        let left = self.without(seat);
        if left.generation() != self.generation() {
            return left;
        }
        let deaths = (left.0 & DEATHS_MASK).wrapping_add(1 << DEATHS_SHIFT) & DEATHS_MASK;
        Self(left.0 & !DEATHS_MASK | deaths)
    }

    const fn generation_bits(self) -> u64 {
        self.0 >> GENERATION_SHIFT << GENERATION_SHIFT
    }

    const fn next_generation_bits(self) -> u64 {
        // The highest bits: the carry is discarded on purpose.
        self.generation_bits().wrapping_add(1 << GENERATION_SHIFT)
    }
}

#[inline(always)]
const fn bit(seat: u16) -> u64 {
    1 << (seat % MAX_MEMBERS)
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state() {
            Some(state) => {
                write!(f, "{state:?}(generation {}, holders {:#x})", self.generation(), self.holders())
            }
            None => write!(f, "Tag({:#x})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: u32 = GENERATION_MASK;

    #[test]
    fn generations_are_counted_on_from_what_was_noted() {
        for before in [0, 1, LAST - 1, LAST, LAST + 1, 5 << 24, u32::MAX] {
            for more in [0, 1, 2, 1000, LAST] {
                let now = before.wrapping_add(more);
                assert_eq!(Tag::sent(now).generation_since(before), now, "{before} and {more}");
                assert!(Tag::is_since(now, before), "{before} and {more}");
            }
            for other in [before.wrapping_sub(1), before.wrapping_add(LAST + 1), before ^ 1 << 31] {
                assert_eq!(
                    Tag::is_since(other, before),
                    Tag::sent(other).generation_since(before) == other,
                    "{before} and {other}"
                );
                assert!(!Tag::is_since(other, before), "{before} and {other}");
            }
        }
    }

    #[test]
    fn fields_do_not_touch_each_other() {
        let sent = Tag::sent(LAST);
        assert_eq!((sent.state(), sent.generation(), sent.holders()), (Some(State::Sent), LAST, 0));
        let taken = sent.held(State::Taken, 31);
        assert_eq!((taken.state(), taken.generation(), taken.holders()), (Some(State::Taken), LAST, 1 << 31));
        assert_eq!(taken.freed(), Tag::from_raw(0), "generations wrap");
        let renewed = taken.renewed(State::Loaned, 3);
        assert_eq!((renewed.state(), renewed.generation(), renewed.holders()), (Some(State::Loaned), 0, 8));
        assert_eq!(Tag::from_raw(7 << STATE_SHIFT).state(), None);
    }

    #[test]
    fn the_last_to_let_go_frees_and_deaths_are_counted() {
        let mut shared = Tag::sent(5).held(State::Shared, 0).with(7).with(31);
        for _ in 0..40 {
            let again = shared.bereft(7).with(7);
            assert_ne!(again, shared, "a tag came back though a holder died");
            assert_eq!((again.generation(), again.holders()), (5, shared.holders()));
            assert_eq!(again.state(), Some(State::Shared));
            shared = again;
        }
        assert_eq!(shared.without(7).without(31).holders(), 1);
        assert_eq!(shared.without(7).without(31).without(0), Tag::sent(5).freed());
        assert_eq!(shared.bereft(7).bereft(31).bereft(0), Tag::sent(5).freed());
    }

    #[test]
    fn what_a_channel_has_is_not_free_without_readers() {
        let published = Tag::sent(LAST).held(State::Shared, 3).published();
        assert_eq!((published.state(), published.generation()), (Some(State::Published), LAST));
        let unread = published.without(3);
        assert_eq!(
            (unread.state(), unread.generation(), unread.holders()),
            (Some(State::Published), LAST, 0)
        );
        assert_ne!(published.bereft(3), unread, "the last death is counted too");
        assert_eq!(unread.withdrawn(), Tag::from_raw(0));
        assert_eq!(published.withdrawn(), Tag::sent(LAST).held(State::Shared, 3));
        assert_eq!(published.withdrawn().without(3), Tag::from_raw(0));
        let mourned = published.bereft(3).with(3);
        assert_eq!((mourned.holders(), mourned.state()), (8, Some(State::Published)));
        assert_ne!(mourned, published);
    }

    /// All states, all holders among three seats, the ends of the ranges of generations and deaths: each
    /// transition of each tag against its fields.
    #[test]
    fn each_transition_changes_what_it_is_about() {
        let seats = [0, 7, 31];
        let mut compared = 0;
        for (state, held) in (0..8_u64).flat_map(|state| (0..8_u32).map(move |held| (state, held))) {
            for (generation, deaths) in [0, 1, LAST - 1, LAST]
                .into_iter()
                .flat_map(|generation| [0, 1, 31].map(|deaths| (generation, deaths)))
            {
                let holders =
                    (0..3).filter(|bit| held >> bit & 1 == 1).map(|bit| 1 << seats[bit]).sum::<u32>();
                let of = |generation: u32, deaths: u64, state: u64, holders: u32| {
                    let upper = u64::from(generation) << GENERATION_SHIFT | deaths << DEATHS_SHIFT;
                    Tag::from_raw(upper | state << STATE_SHIFT | u64::from(holders))
                };
                let tag = of(generation, deaths, state, holders);
                let next = if generation == LAST { 0 } else { generation + 1 };
                assert_eq!((tag.generation(), tag.holders()), (generation, holders));
                assert_eq!(tag.state().map(|state| state as u64), (state < 7).then_some(state));
                assert_eq!(tag.freed(), of(next, 0, 0, 0));
                let shared = State::Shared as u64;
                let unless_unheld = |tag: Tag| {
                    if tag.holders() == 0 && tag.state() == Some(State::Shared) {
                        of(next, 0, 0, 0)
                    } else {
                        tag
                    }
                };
                assert_eq!(tag.published(), of(generation, deaths, State::Published as u64, holders));
                assert_eq!(tag.withdrawn(), unless_unheld(of(generation, deaths, shared, holders)));
                for seat in seats {
                    let own = 1_u32 << seat;
                    assert_eq!(tag.is_held_by(seat), holders & own != 0);
                    assert_eq!(tag.with(seat), of(generation, deaths, state, holders | own));
                    assert_eq!(tag.held(State::Taken, seat), of(generation, 0, State::Taken as u64, own));
                    assert_eq!(tag.renewed(State::Loaned, seat), of(next, 0, State::Loaned as u64, own));
                    let left = unless_unheld(of(generation, deaths, state, holders & !own));
                    assert_eq!(tag.without(seat), left);
                    let bereft = of(generation, (deaths + 1) % 32, state, holders & !own);
                    assert_eq!(tag.bereft(seat), if left.generation() == generation { bereft } else { left });
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 8 * 8 * 12 * 3);
    }
}
