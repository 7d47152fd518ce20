//! What a subscriber received, checked against what was published.

use std::num::NonZeroU64;

use ipc_ring::ring::broadcast::{Pop, Publish, Publisher, Resume, Start, Subscriber, seat};

use super::memory::{Heap, message};
use crate::reached;

/// A subscriber and its books.
#[derive(Debug)]
pub struct Reader {
    /// The ring's end.
    pub ring: Subscriber<Heap>,
    /// Where it began.
    pub start: u64,
    received: u64,
    missed: u64,
}

/// What a pop came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// A message.
    Item,
    /// Word of messages missed.
    Missed,
    /// Nothing.
    Nothing,
}

impl Reader {
    /// Joins with a seat, as the process of this identity. Only one caller at a time, as under the lock.
    #[must_use]
    pub fn join(heap: &Heap, identity: u64, start: Start, publisher: u64) -> Self {
        let seat = seat::take(heap, NonZeroU64::new(identity).expect("not 0")).expect("a free seat");
        let alive = || heap.is_alive(publisher);
        Self::new(
            Subscriber::join(heap.clone(), seat, start, Resume::Oldest, alive)
                .expect("no barrier of a model fails"),
        )
    }

    /// Reads without a seat.
    #[must_use]
    pub fn watch(heap: &Heap, start: Start, resume: Resume) -> Self {
        Self::new(Subscriber::watch(heap.clone(), start, resume))
    }

    fn new(ring: Subscriber<Heap>) -> Self {
        let start = ring.position();
        Self { ring, start, received: 0, missed: 0 }
    }

    /// Pops once, and checks the result.
    pub fn pop(&mut self) -> Got {
        let before = self.ring.position();
        match self.ring.try_pop() {
            Pop::Item { item, .. } => {
                assert_eq!(item, message(before), "message {before}");
                self.received += 1;
                reached("item");
                Got::Item
            }
            Pop::Missed { count } => {
                assert!(count > 0, "nothing was missed");
                self.missed += count;
                reached("missed");
                Got::Missed
            }
            Pop::Empty { .. } => {
                reached("empty");
                Got::Nothing
            }
            Pop::Corrupt(corruption) => panic!("{corruption}"),
        }
    }

    /// Everything from the start to here was received or reported.
    pub fn balance(&self) {
        assert_eq!(self.start + self.received + self.missed, self.ring.position());
    }

    /// After the last publication: pops what is left, which ends with the last message.
    pub fn finish(&mut self, published: u64) {
        while self.pop() != Got::Nothing {}
        self.balance();
        assert_eq!(
            self.ring.position(),
            published.max(self.start),
            "the last message is delivered or reported"
        );
    }

    /// A gated subscriber misses nothing.
    pub fn missed_nothing(&self) {
        assert_eq!(self.missed, 0, "a gated subscriber missed messages");
    }
}

/// The publishing end.
#[must_use]
pub fn publisher(heap: &Heap) -> Publisher<Heap> {
    Publisher::attach(heap.clone()).expect("the ring is sound")
}

/// Publishes the next message; false when the ring is full.
pub fn publish(publisher: &mut Publisher<Heap>) -> bool {
    match publisher.try_publish(&message(publisher.position())) {
        Publish::Done => true,
        Publish::Full => {
            reached("full");
            false
        }
        Publish::Corrupt(corruption) => panic!("{corruption}"),
    }
}
