//! A tap of a one-to-one ring, one step after the other, against a plain model: which of the last lap's
//! elements it gives, and how many it says it has missed.

use std::mem::MaybeUninit;

use ipc_ring::ring::spsc::{Consumer, Mapped, Pop, Producer, Push, Tap, Tapped};
use ipc_ring::{Barrier, Region};

/// What was pushed and popped, counted from the ring's first position.
#[derive(Clone, Copy, Debug)]
struct Model {
    capacity: u64,
    pushed: u64,
    popped: u64,
}

impl Model {
    /// The oldest that is given. Of a whole lap the producer may be overwriting the oldest, unless that
    /// waits.
    fn oldest(self) -> u64 {
        let oldest = self.pushed.saturating_sub(self.capacity);
        oldest + u64::from(self.pushed - oldest == self.capacity && self.popped > oldest)
    }

    /// What a tap at `next` gets.
    fn read(self, next: u64) -> Tapped {
        match next {
            next if next >= self.pushed => Tapped::Empty,
            next if next < self.oldest() => Tapped::Missed { count: self.oldest() - next },
            _ => Tapped::Item,
        }
    }
}

fn follow(capacity: u64, first: u64, pushed: u64, popped: u64) {
    let region = Region::heap(Mapped::<u64>::geometry(capacity).unwrap().total_size());
    let ring = Mapped::<u64>::make(region, capacity, Barrier::Fence, first).unwrap();
    let mut producer = Producer::attach(ring.clone()).unwrap();
    let mut consumer = Consumer::attach(ring.clone());
    for number in 0..pushed {
        if number - consumer.position().wrapping_sub(first) == capacity {
            assert!(matches!(consumer.try_pop(), Pop::Item { .. }));
        }
        assert_eq!(producer.try_push(&number), Push::Done { signal: 0 });
    }
    while consumer.position().wrapping_sub(first) < popped {
        assert!(matches!(consumer.try_pop(), Pop::Item { .. }));
    }
    let model = Model { capacity, pushed, popped: consumer.position().wrapping_sub(first) };
    let case = format!("{model:?} from {first:#x}");
    assert_eq!(Tap::oldest(ring.clone(), first).position().wrapping_sub(first), model.oldest(), "{case}");
    assert_eq!(Tap::next(ring.clone()).position().wrapping_sub(first), pushed, "{case}");
    for start in 0..=pushed {
        let mut tap = Tap::at(ring.clone(), first.wrapping_add(start));
        let mut next = start;
        loop {
            let mut item = MaybeUninit::uninit();
            let tapped = tap.try_read(&mut item);
            assert_eq!(tapped, model.read(next), "{next} of {case}");
            match tapped {
                Tapped::Empty => break,
                Tapped::Missed { count } => next += count,
                Tapped::Item => {
                    // SAFETY: the tap has filled it.
                    assert_eq!(unsafe { item.assume_init() }, next, "{case}");
                    next += 1;
                }
            }
            assert_eq!(tap.position(), first.wrapping_add(next), "{case}");
        }
        assert_eq!(next, pushed, "{case}");
    }
}

#[test]
fn a_tap_gives_what_is_whole_and_counts_the_rest() {
    for capacity in [1_u64, 2, 8] {
        for first in [0, 5, (1 << 63) - 3, u64::MAX - 4] {
            for pushed in 0..3 * capacity + 2 {
                for popped in pushed.saturating_sub(capacity)..=pushed {
                    follow(capacity, first, pushed, popped);
                }
            }
        }
    }
}
