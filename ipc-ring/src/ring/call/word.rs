//! The line's word: the number and the state of its call.
//!
//! `number << 2 | state`. Numbers count calls from 1; 0 is a fresh line.

use super::Corruption;

/// A number that calls never reach.
const LAST: u64 = 1 << 56;
/// Bits of the attempt in the `taken` word.
const ATTEMPT_BITS: u32 = 8;

/// The state of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No request was ever sent.
    Fresh,
    /// The request is in the line.
    Asked,
    /// The reply is in the line.
    Replied,
    /// The caller took its request back while there was no responder.
    Abandoned,
}

pub(super) const fn asked(number: u64) -> u64 {
    number << 2 | 1
}

pub(super) const fn replied(number: u64) -> u64 {
    number << 2 | 2
}

pub(super) const fn abandoned(number: u64) -> u64 {
    number << 2 | 3
}

/// Number and state. The ends know the last number they have seen; a word with a smaller one is invalid.
pub(super) const fn read(word: u64, last: u64) -> Result<(u64, State), Corruption> {
    let number = word >> 2;
    let state = match word & 3 {
        1 => State::Asked,
        2 => State::Replied,
        3 => State::Abandoned,
        _ => State::Fresh,
    };
    let fresh = matches!(state, State::Fresh);
    if fresh != (number == 0) || number < last || number >= LAST {
        return Err(Corruption { word: "line's word", position: last, found: word });
    }
    Ok((number, state))
}

/// The content of the `taken` word: a call, and the number of responders that had taken it before.
pub(super) const fn taken(number: u64, attempt: u8) -> u64 {
    number << ATTEMPT_BITS | attempt as u64
}

/// The number of responders that have taken a call, by the `taken` word.
pub(super) const fn attempts(word: u64, number: u64) -> u8 {
    if word >> ATTEMPT_BITS == number { (word as u8).saturating_add(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_was_written() {
        assert_eq!(read(0, 0), Ok((0, State::Fresh)));
        assert_eq!(read(asked(7), 7), Ok((7, State::Asked)));
        assert_eq!(read(replied(7), 6), Ok((7, State::Replied)));
        assert_eq!(read(abandoned(LAST - 1), 1), Ok((LAST - 1, State::Abandoned)));
        for wrong in [1, 2, 3, 4, asked(6), asked(LAST), u64::MAX] {
            assert!(read(wrong, 7).is_err(), "{wrong:#x}");
        }
    }

    #[test]
    fn attempts_are_of_one_call() {
        assert_eq!(attempts(0, 1), 0);
        assert_eq!(attempts(taken(1, 0), 1), 1);
        assert_eq!(attempts(taken(1, 254), 1), 255);
        assert_eq!(attempts(taken(1, 255), 1), 255);
        assert_eq!(attempts(taken(1, 3), 2), 0);
        assert_eq!(attempts(taken(LAST - 1, 7), LAST - 1), 8, "the largest number fits beside its attempts");
    }

    /// All words of few bits, and those around the end of the range, behind each number seen last.
    #[test]
    fn any_word_is_a_call_that_is_not_over_or_corrupt() {
        for word in (0..1 << 8).flat_map(|word: u64| [word, word + (LAST << 2) - (1 << 7), u64::MAX - word]) {
            for last in (0..70).chain([LAST - 1, LAST, u64::MAX]) {
                let again = match read(word, last) {
                    Ok((0, State::Fresh)) => 0,
                    Ok((number, State::Asked)) => asked(number),
                    Ok((number, State::Replied)) => replied(number),
                    Ok((number, State::Abandoned)) => abandoned(number),
                    Ok(other) => panic!("{word:#x} behind {last}: {other:?}"),
                    Err(corruption) => corruption.found,
                };
                assert_eq!(again, word);
                let number = word >> 2;
                let is_call = (word & 3 == 0) == (number == 0) && (last..LAST).contains(&number);
                assert_eq!(read(word, last).is_ok(), is_call, "{word:#x} behind {last}");
            }
        }
    }
}
