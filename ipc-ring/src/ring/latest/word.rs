//! A slot's word: which sequence it belongs to, and whether the value is complete.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | never written |
//! | `2 × sequence` | holds the value of this sequence |
//! | `2 × sequence + 1` | is being written with the value of this sequence, or its writer died doing so |
//!
//! The slot of a sequence is `sequence mod slots`, so a word names its slot: any other value there is
//! corrupt.

/// The end of the sequences; no writer stores a larger one in a word.
const LAST: u64 = 1 << 62;

/// The word of a slot that holds a value.
pub(super) const fn ready(sequence: u64) -> u64 {
    sequence << 1
}

/// The word of a slot that is being written.
pub(super) const fn busy(sequence: u64) -> u64 {
    sequence << 1 | 1
}

/// The meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Holds the value of this sequence; 0 for none yet.
    Ready(u64),
    /// Is being written.
    Busy(u64),
}

/// The meaning of the word of `slot`, one of `slots`. `None` if no writer stores it there.
pub(super) const fn read(word: u64, slot: u64, slots: u64) -> Option<Says> {
    let sequence = word >> 1;
    if word == 0 {
        return Some(Says::Ready(0));
    }
    if sequence == 0 || sequence >= LAST || sequence & (slots - 1) != slot {
        return None;
    }
    Some(if word & 1 == 0 { Says::Ready(sequence) } else { Says::Busy(sequence) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_was_written_and_only_in_its_slot() {
        for sequence in [1, 2, 3, 4, 5, 1000, LAST - 1] {
            assert_eq!(read(ready(sequence), sequence & 3, 4), Some(Says::Ready(sequence)));
            assert_eq!(read(busy(sequence), sequence & 3, 4), Some(Says::Busy(sequence)));
            assert_eq!(read(ready(sequence), (sequence + 1) & 3, 4), None);
        }
        assert_eq!(read(0, 3, 4), Some(Says::Ready(0)));
        assert_eq!(read(1, 0, 4), None, "nothing has the sequence 0");
        assert_eq!(read(u64::MAX, 3, 4), None);
    }

    /// All words of few bits, and their counterparts at the end of the range, in all slots of small tables:
    /// a word means something in one slot at most, and what is read from it is written as the same word.
    #[test]
    fn any_word_is_read_in_one_slot_at_most() {
        for slots in [1, 2, 4, 8] {
            for word in
                (1..1 << 12).flat_map(|word: u64| [word, word + (LAST << 1) - (1 << 11), u64::MAX - word])
            {
                let readings: Vec<_> = (0..slots).filter_map(|slot| read(word, slot, slots)).collect();
                let sequence = word >> 1;
                assert_eq!(
                    readings.len(),
                    usize::from((1..LAST).contains(&sequence)),
                    "{word:#x} of {slots}"
                );
                for says in readings {
                    let again = match says {
                        Says::Ready(sequence) => ready(sequence),
                        Says::Busy(sequence) => busy(sequence),
                    };
                    assert_eq!(again, word);
                }
            }
        }
    }
}
