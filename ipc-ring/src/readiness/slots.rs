//! The armed ends of a driver, and the accounting of its tokens.
//!
//! This part of the protocol uses no clock, no kernel and no lock, so that a model checker can run the same
//! code. The caller holds a lock around each call.

/// The ends that a driver watches. `S` shows whether an end's waiting bit is set, `W` wakes its task.
#[derive(Debug)]
pub struct Slots<S, W> {
    slots: Vec<Slot<S, W>>,
    free: Vec<usize>,
    armed: usize,
    /// Tokens still to come for bits that were seen taken; negative: tokens that came for no bit.
    owed: i64,
}

#[derive(Debug)]
enum Slot<S, W> {
    Free,
    Idle,
    Armed {
        signal: S,
        waker: W,
        /// What the end waits for may come without a token.
        needs_polling: bool,
    },
}

/// Which armed slots are rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Slots whose bit is gone, and slots without one.
    Taken,
    /// The same, and slots whose event may come without a token.
    Polled,
    /// All slots.
    All,
}

impl<S, W> Default for Slots<S, W> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), armed: 0, owed: 0 }
    }
}

impl<S, W> Slots<S, W> {
    /// A new slot, not armed.
    pub fn insert(&mut self) -> usize {
        if let Some(index) = self.free.pop() {
            self.slots[index] = Slot::Idle;
            return index;
        }
        self.slots.push(Slot::Idle);
        // So that `remove` never allocates.
        self.free.reserve(self.slots.len() - self.free.len());
        self.slots.len() - 1
    }

    /// Frees a slot that is not armed.
    pub fn remove(&mut self, index: usize) {
        self.slots[index] = Slot::Free;
        self.free.push(index);
    }

    /// Arms a slot. Do so before the waiting bit is set.
    pub fn arm(&mut self, index: usize, signal: S, waker: W, needs_polling: bool) {
        self.armed += usize::from(!self.is_armed(index));
        self.slots[index] = Slot::Armed { signal, waker, needs_polling };
    }

    /// Whether the slot's waker is still to be called.
    #[must_use]
    pub fn is_armed(&self, index: usize) -> bool {
        matches!(self.slots[index], Slot::Armed { .. })
    }

    /// The waker of a slot, to be replaced by another one. `None` once it was taken to be called.
    pub fn waker(&mut self, index: usize) -> Option<&mut W> {
        match &mut self.slots[index] {
            Slot::Armed { waker, .. } => Some(waker),
            _ => None,
        }
    }

    /// Disarms a slot, after the waiting bit was taken back. `taken`: a notifier was faster. Returns the
    /// waker, to be dropped without the lock.
    pub fn disarm(&mut self, index: usize, taken: bool) -> Option<W> {
        match std::mem::replace(&mut self.slots[index], Slot::Idle) {
            Slot::Armed { waker, .. } => {
                self.armed -= 1;
                // Otherwise the token was counted when the slot was rung.
                self.owed += i64::from(taken);
                Some(waker)
            }
            _ => None,
        }
    }

    /// Whether any slot is armed.
    #[must_use]
    pub fn is_any_armed(&self) -> bool {
        self.armed > 0
    }

    /// Whether the event of an armed slot may come without a token. Looks at all slots.
    #[must_use]
    pub fn is_any_polled(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Armed { needs_polling: true, .. }))
    }

    /// Takes out the waker of the first slot from `from` on that is to be rung, and disarms the slot. Call
    /// the waker without the lock. Continue with the slot after it as `from`.
    pub fn ring(
        &mut self,
        from: usize,
        which: Which,
        is_set: impl Fn(&S) -> Option<bool>,
    ) -> Option<(usize, W)> {
        if self.armed == 0 {
            return None;
        }
        for index in from..self.slots.len() {
            let Slot::Armed { signal, needs_polling, .. } = &self.slots[index] else { continue };
            let is_set = is_set(signal);
            let rung = match which {
                Which::Taken => is_set != Some(true),
                Which::Polled => is_set != Some(true) || *needs_polling,
                Which::All => true,
            };
            if rung && let Slot::Armed { waker, .. } = std::mem::replace(&mut self.slots[index], Slot::Idle) {
                self.armed -= 1;
                self.owed += i64::from(is_set == Some(false));
                return Some((index, waker));
            }
        }
        None
    }

    /// Expects a token that will be posted for no slot.
    pub fn expect(&mut self) {
        self.owed += 1;
    }

    /// Accounts for a token after all slots whose bits are gone were rung. True if it belonged to none of
    /// them: then a process died, or rang a bell.
    pub fn settle(&mut self) -> bool {
        self.owed -= 1;
        let is_odd = self.owed < 0;
        self.owed = self.owed.max(0);
        is_odd
    }

    /// All tasks were asked to look: tokens that have not come by now are not waited for any more.
    pub fn forget(&mut self) {
        self.owed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Marks = Slots<usize, &'static str>;

    fn rung(slots: &mut Marks, which: Which, set: &[bool]) -> Vec<&'static str> {
        let (mut from, mut rung) = (0, Vec::new());
        while let Some((index, waker)) = slots.ring(from, which, |bit| Some(set[*bit])) {
            rung.push(waker);
            from = index + 1;
        }
        rung
    }

    fn armed(names: &[&'static str]) -> Marks {
        let mut slots = Marks::default();
        for (bit, name) in names.iter().enumerate() {
            let index = slots.insert();
            slots.arm(index, bit, name, bit == 2);
        }
        slots
    }

    #[test]
    fn who_has_its_bit_taken_is_rung_once() {
        let mut slots = armed(&["a", "b", "c"]);
        assert_eq!(rung(&mut slots, Which::Taken, &[true, false, true]), ["b"]);
        assert!(!slots.settle(), "the token was that one's");
        assert_eq!(rung(&mut slots, Which::Taken, &[true, false, true]), [""; 0]);
        assert!(slots.settle(), "a second one was not");
        assert_eq!(rung(&mut slots, Which::Polled, &[true; 3]), ["c"]);
        assert_eq!(rung(&mut slots, Which::All, &[true; 3]), ["a"]);
        assert!(!slots.is_any_armed());
    }

    #[test]
    fn tokens_that_come_later_are_expected() {
        let mut slots = armed(&["a", "b", "c"]);
        // Two bits are gone when the first token comes.
        assert_eq!(rung(&mut slots, Which::Taken, &[false, false, true]), ["a", "b"]);
        assert!(!slots.settle());
        assert!(!slots.settle(), "the second one's");
        assert!(slots.settle());
        // One bit was taken back too late.
        assert_eq!(slots.disarm(2, true), Some("c"));
        assert!(!slots.settle());
        assert!(slots.settle());
    }

    #[test]
    fn a_token_that_never_comes_hides_no_death_for_long() {
        let mut slots = armed(&["a"]);
        assert_eq!(rung(&mut slots, Which::Taken, &[false]), ["a"]);
        slots.forget();
        assert!(slots.settle());
    }

    #[test]
    fn slots_are_used_again() {
        let mut slots = armed(&["a", "b"]);
        assert_eq!(slots.disarm(0, false), Some("a"));
        assert_eq!(slots.disarm(0, false), None);
        slots.remove(0);
        assert_eq!(slots.insert(), 0);
        assert!(!slots.is_armed(0) && slots.is_armed(1));
    }
}
