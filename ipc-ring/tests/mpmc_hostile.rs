//! A peer that writes anything anywhere: calls end, return something, and touch nothing outside the ring's
//! memory (the mapped ring asserts its bounds in these builds).

mod mpmc_common;

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::memory::Ring as _;
use ipc_ring::ring::mpmc::{
    Holder, Memory as _, Nothing, Refused, Seats, Tag, Words as _, close, len, recovery,
};
use mpmc_common::{Heap, watchdog};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    /// Some slot's tag becomes this.
    Tag(u64, u64),
    Tail(u64),
    Head(u64),
    Orphans(u64),
    Seat(u16, u64),
    State(u32),
    Push,
    PushSlice(usize),
    Pop,
    PopSlice(usize),
    Lend,
    Claim,
    Recover,
    Repair(u16, u64, u64),
}

/// Plausible tags, and arbitrary ones.
fn tag() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0u64..4, 0u64..1024, 0u64..16, 0u64..9)
            .prop_map(|(lap, owner, attempt, state)| lap << 18 | owner << 8 | attempt << 4 | state),
        (0u64..9).prop_map(|state| u64::MAX << 18 | state),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0u64..8, tag()).prop_map(|(index, tag)| Act::Tag(index, tag)),
        1 => any::<u64>().prop_map(Act::Tail),
        1 => any::<u64>().prop_map(Act::Head),
        1 => any::<u64>().prop_map(Act::Orphans),
        1 => (0u16..256, any::<u64>()).prop_map(|(number, word)| Act::Seat(number, word)),
        1 => any::<u32>().prop_map(|word| Act::State(word & !1)),
        3 => Just(Act::Push),
        1 => (0..20usize).prop_map(Act::PushSlice),
        3 => Just(Act::Pop),
        1 => (0..20usize).prop_map(Act::PopSlice),
        1 => Just(Act::Lend),
        1 => Just(Act::Claim),
        1 => Just(Act::Recover),
        1 => (any::<u16>(), any::<u64>(), tag()).prop_map(|(e, index, tag)| Act::Repair(e, index, tag)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_be_written_anywhere(log2 in 0u32..4, acts in prop::collection::vec(act(), 1..100)) {
        watchdog();
        let ring = Heap::new(1 << log2);
        let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
        for act in acts {
            match act {
                Act::Tag(index, tag) => ring.tag(index % ring.capacity()).store(tag, Relaxed),
                Act::Tail(word) => ring.tail().store(word, Relaxed),
                Act::Head(word) => ring.head().store(word, Relaxed),
                Act::Orphans(word) => ring.orphans().store(word, Relaxed),
                Act::Seat(number, word) => Seats::identity(&ring, number).store(word, Relaxed),
                Act::State(word) => ring.state().store(word, Relaxed),
                Act::Push => {
                    if let Err(Refused::Busy(holder)) = producer.try_push(&1) {
                        let _ = recovery::repair(&ring, &holder, |identity| identity % 2 == 0);
                    }
                }
                Act::PushSlice(count) => prop_assert!(producer.try_push_slice(&vec![2; count]).0 <= count),
                Act::Pop => {
                    if let Err(Nothing::Busy(holder)) = consumer.try_pop() {
                        let _ = recovery::repair(&ring, &holder, |identity| identity % 2 == 0);
                    }
                }
                Act::PopSlice(count) => {
                    prop_assert!(consumer.try_pop_slice(&mut vec![MaybeUninit::new(0); count]).0 <= count);
                }
                Act::Lend => drop(consumer.try_lend()),
                Act::Claim => drop(producer.try_claim()),
                Act::Recover => {
                    recovery::recover(&ring, |identity| identity % 3 == 0);
                }
                Act::Repair(endpoint, index, tag) => {
                    let holder = Holder { endpoint, index, tag: Tag::from_raw(tag) };
                    let _ = recovery::repair(&ring, &holder, |_| false);
                }
            }
            prop_assert!(len(&ring) <= ring.capacity());
        }
        close(&ring);
        // Corrupt when the last state said so.
        prop_assert!(matches!(producer.try_push(&1), Err(Refused::Closed | Refused::Corrupt(_))));
        while let Ok(lent) = consumer.try_lend() {
            lent.release();
        }
    }
}

/// The same while another thread scribbles.
#[test]
fn a_peer_scribbles_all_the_time() {
    watchdog();
    let ring = Heap::new(8);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = 1u64;
            while !stop.load(Relaxed) {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let word = random >> 20;
                match random >> 61 {
                    0 => ring.tail().store(word, Relaxed),
                    1 => ring.head().store(word, Relaxed),
                    2 => Seats::identity(&ring, (word % 256) as u16).store(word >> 40, Relaxed),
                    _ => ring.tag(word % 8).store(word << 18 | random >> 58, Relaxed),
                }
            }
        });
        for _ in 0..20_000 {
            let _ = producer.try_push(&1);
            let _ = consumer.try_pop();
            let _ = consumer.try_pop_with(|lent| lent.read());
            drop(producer.try_claim());
        }
        recovery::recover(&ring, |_| false);
        stop.store(true, Relaxed);
    });
}
