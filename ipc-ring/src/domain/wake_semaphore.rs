//! The numbers of wake semaphores, and sets of them.

use super::layout::{self, PARK_TABLE, WAKES};
use crate::wait::{Parker, host};

/// The number of a wake semaphore of the domain, as endpoint records hold it: 1 and up, 0 for none. If it is
/// marked, its holder sleeps on the word next to the semaphore instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeSemaphore {
    pub(super) index: u16,
    pub(super) parker: Parker,
}

/// The mark for sleeping on the word.
const WORD: u32 = 1 << 31;

impl WakeSemaphore {
    pub(super) const fn new(index: u16) -> Self {
        Self { index, parker: Parker::Semaphore }
    }

    /// From a word of shared memory. `None` for 0 and for a semaphore that does not exist.
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        let parker = if raw & WORD == 0 { Parker::Semaphore } else { Parker::Futex };
        let index = usize::try_from(raw & !WORD).ok()?.checked_sub(1)?;
        (index < WAKES).then_some(Self { index: index as u16, parker })
    }

    pub(crate) fn as_raw(self) -> u32 {
        let mark = if self.parker == Parker::Futex { WORD } else { 0 };
        mark | (u32::from(self.index) + 1)
    }

    /// The same number, for a holder that sleeps in this way.
    pub(crate) fn by(self, parker: Parker) -> Self {
        Self { parker, ..self }
    }

    pub(crate) fn parker(self) -> Parker {
        self.parker
    }

    /// Offset of the word.
    pub(super) fn word(self) -> usize {
        PARK_TABLE + usize::from(self.index) * 4
    }

    pub(super) fn semaphore(self) -> u16 {
        layout::wake(self.index)
    }
}

/// Some wake semaphores of the domain, and the words next to some others.
#[derive(Clone, Copy, Debug, Default)]
pub struct WakeSet {
    pub(super) semaphores: Numbers,
    pub(super) words: Numbers,
}

/// A bit for each wake semaphore.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers([u64; WAKES / 64]);

impl Numbers {
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + use<> {
        self.0.into_iter().zip((0..).step_by(64)).filter(|(word, _)| *word != 0).flat_map(|(word, first)| {
            (0..64).filter(move |bit| word & 1 << bit != 0).map(move |bit| first + bit)
        })
    }
}

impl WakeSet {
    fn numbers(&mut self, parker: Parker) -> &mut Numbers {
        match parker {
            Parker::Semaphore => &mut self.semaphores,
            Parker::Futex => &mut self.words,
        }
    }
}

impl host::WakeSet for WakeSet {
    type Wake = WakeSemaphore;

    fn insert(&mut self, wake: WakeSemaphore) -> bool {
        let word = &mut self.numbers(wake.parker).0[usize::from(wake.index / 64)];
        let before = *word;
        *word |= 1 << (wake.index % 64);
        *word != before
    }

    fn remove(&mut self, wake: WakeSemaphore) {
        self.numbers(wake.parker).0[usize::from(wake.index / 64)] &= !(1 << (wake.index % 64));
    }

    fn iter(&self) -> impl Iterator<Item = WakeSemaphore> {
        let words = self.words.iter().map(|index| WakeSemaphore::new(index).by(Parker::Futex));
        self.semaphores.iter().map(WakeSemaphore::new).chain(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::host::WakeSet as _;

    #[test]
    fn a_set_has_what_was_inserted() {
        let mut set = WakeSet::default();
        let numbers = [0, 1, 63, 64, WAKES as u16 - 1];
        for number in numbers {
            assert!(set.insert(WakeSemaphore::new(number)));
            assert!(!set.insert(WakeSemaphore::new(number)));
            assert!(set.insert(WakeSemaphore::new(number).by(Parker::Futex)), "its word is another thing");
            set.remove(WakeSemaphore::new(number).by(Parker::Futex));
        }
        assert!(set.iter().map(|wake| wake.index).eq(numbers));
    }
}
