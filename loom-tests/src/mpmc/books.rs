//! What went in and what came out.

use ipc_ring::memory::Ring as _;
use ipc_ring::ring::mpmc::{Consumer, Nothing, Producer, Refused};

use super::Heap;

/// A producing end.
pub type Producing = Producer<Heap>;
/// A consuming end.
pub type Consuming = Consumer<Heap>;

/// One thread's part of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Pushed for certain.
    pub pushed: Vec<u64>,
    /// Being pushed when its producer died.
    pub unsure: Vec<u64>,
    /// Popped, in order, at the first attempt; then those popped at a later one.
    pub popped: Vec<u64>,
    /// Popped after another consumer had lost it.
    pub again: Vec<u64>,
    /// Consumers that may have died with an element that they had already received.
    pub died_with: usize,
}

impl Books {
    /// Tries to push; true when it was pushed.
    pub fn push(&mut self, end: &mut Producing, value: u64) -> bool {
        self.unsure.push(value);
        let answer = end.try_push(&value);
        self.unsure.pop();
        match answer {
            Ok(()) => {
                self.pushed.push(value);
                true
            }
            Err(Refused::Full | Refused::Busy(_)) => false,
            Err(other) => panic!("a push answered {other:?}"),
        }
    }

    /// Tries to pop; true when something was popped.
    pub fn pop(&mut self, end: &mut Consuming) -> bool {
        self.died_with += 1;
        let answer = end.try_pop();
        self.died_with -= 1;
        match answer {
            Ok(popped) if popped.attempt == 0 => self.popped.push(popped.item),
            Ok(popped) => self.again.push(popped.item),
            Err(Nothing::Empty | Nothing::Busy(_)) => return false,
            Err(other) => panic!("a pop answered {other:?}"),
        }
        true
    }

    /// Pops everything. All ends that hold a slot must be finished.
    pub fn drain(&mut self, end: &mut Consuming) {
        while self.pop(end) {}
        assert!(matches!(end.try_pop(), Err(Nothing::Empty)), "something stands in the way");
    }
}

/// Compares the ledgers of all threads, which have ended.
pub fn balance(all: &[Books]) {
    let sorted = |of: fn(&Books) -> &Vec<u64>| {
        let mut values: Vec<u64> = all.iter().flat_map(|books| of(books).iter().copied()).collect();
        values.sort_unstable();
        values
    };
    let pushed = sorted(|books| &books.pushed);
    let unsure = sorted(|books| &books.unsure);
    let mut popped = sorted(|books| &books.popped);
    popped.extend(sorted(|books| &books.again));
    popped.sort_unstable();
    assert!(popped.windows(2).all(|pair| pair[0] != pair[1]), "doubled: {all:?}");
    for value in &popped {
        assert!(pushed.contains(value) || unsure.contains(value), "{value} out of nowhere: {all:?}");
    }
    let lost = pushed.iter().filter(|value| !popped.contains(value)).count();
    let died_with: usize = all.iter().map(|books| books.died_with).sum();
    assert!(lost <= died_with, "lost: {all:?}");
    for books in all {
        for producer in 0..10 {
            let ranks = books.popped.iter().filter(|value| **value / 10 == producer);
            assert!(ranks.is_sorted(), "out of order: {all:?}");
        }
    }
}

/// The ring is as good as new: it accepts as many elements as it has slots, and returns them. No end is dead,
/// and none is attached except the two given.
pub fn is_sound(producing: &mut Producing, consuming: &mut Consuming) {
    let capacity = producing.memory().capacity();
    for value in 0..capacity {
        assert_eq!(producing.try_push(&value), Ok(()), "a slot is lost");
    }
    assert_eq!(producing.try_push(&0), Err(Refused::Full));
    for value in 0..capacity {
        let popped = consuming.try_pop().map(|popped| (popped.item, popped.attempt));
        assert_eq!(popped, Ok((value, 0)), "a slot is lost");
    }
    assert!(matches!(consuming.try_pop(), Err(Nothing::Empty)));
}
