//! Corners of the many-to-many ring, without threads: hints, slices among elements that others lost, guards
//! that were leaked, long walks, seats. Each test is the one that notices some small mistake in the source
//! (`docs/mutants.md`).

mod mpmc_common;

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use ipc_ring::ring::mpmc::recovery::{Repair, Report, recover, repair};
use ipc_ring::ring::mpmc::{
    Counter, Holder, Memory as _, Nothing, Producer, Refused, State, Tag, Words as _, poison,
};
use mpmc_common::Heap;

#[test]
fn ends_say_how_far_they_are() {
    let ring = Heap::new(4);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let hints = || (ring.tail().load(Ordering::Relaxed), ring.head().load(Ordering::Relaxed));
    producer.try_push(&1).unwrap();
    assert_eq!(hints(), (1, 0));
    producer.try_claim().unwrap().commit();
    assert_eq!(hints(), (2, 0));
    producer.try_push_slice(&[3]).1.unwrap();
    assert_eq!(hints(), (3, 0));
    consumer.try_pop().unwrap();
    assert_eq!(hints(), (3, 1));
    consumer.try_lend().unwrap().release();
    assert_eq!(hints(), (3, 2));
    consumer.try_pop_slice(&mut [MaybeUninit::new(0)]).1.unwrap();
    assert_eq!(hints(), (3, 3));
}

#[test]
fn a_consumer_sees_what_lies_ahead() {
    let ring = Heap::new(4).starting_at((1 << 46) - 2);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    for _ in 0..2 {
        for pushed in 0..=4 {
            assert_eq!(consumer.has_item(), pushed > 0);
            assert!((1..=4).all(|count| consumer.is_full_ahead(count) == (count <= pushed)), "{pushed}");
            let _ = producer.try_push(&7);
        }
        while consumer.try_pop().is_ok() {}
    }
}

#[test]
fn a_producer_knows_whether_its_elements_lie_behind_others() {
    let ring = Heap::new(8);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    producer.try_push(&0).unwrap();
    assert!(!producer.is_behind_another());
    producer.try_push(&1).unwrap();
    assert!(producer.is_behind_another());
    producer.try_push_slice(&[2, 3]).1.unwrap();
    assert!(producer.slice_is_behind_another());
    for _ in 0..4 {
        consumer.try_pop().unwrap();
    }
    producer.try_push_slice(&[4, 5]).1.unwrap();
    assert!(!producer.slice_is_behind_another(), "the last of them does");
    assert!(producer.is_behind_another());
}

#[test]
fn a_slice_takes_a_few_elements_that_others_lost() {
    let ring = Heap::new(16);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    for value in 0..13 {
        producer.try_push(&value).unwrap();
    }
    // Ten are given back behind the consumer, which has taken two of those that follow.
    let ends: Vec<_> = (0..10).map(|_| ring.consumer()).collect();
    let mut ends: Vec<_> = ends.into_iter().map(Some).collect();
    for end in &mut ends {
        std::mem::forget(end.as_mut().unwrap().try_lend().unwrap());
    }
    for value in 10..12 {
        assert_eq!(consumer.try_pop().unwrap().item, value);
    }
    ends.iter_mut().for_each(|end| end.take().unwrap().detach());
    let mut out = [MaybeUninit::new(99); 16];
    let mut popped = Vec::new();
    for expected in [9, 2] {
        let (done, _) = consumer.try_pop_slice(&mut out);
        assert_eq!(done, expected, "at most eight that were lost, and the next one");
        // SAFETY: all were initialised above.
        popped.extend(out[..done].iter().map(|item| unsafe { item.assume_init() }));
    }
    popped.sort_unstable();
    assert_eq!(popped, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12]);
    // Each slot is free again.
    for value in 0..16 {
        producer.try_push(&value).unwrap();
    }
    assert_eq!(producer.try_push(&16), Err(Refused::Full));
    assert!((0..16).all(|value| consumer.try_pop().unwrap().item == value));
}

#[test]
fn a_slice_gives_back_what_it_has_taken_and_nothing_else() {
    let ring = Heap::new(4);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let (mut first, mut second) = (ring.consumer(), ring.consumer());
    for value in 0..4 {
        producer.try_push(&value).unwrap();
    }
    let lost = first.try_lend().unwrap();
    let lent = second.try_lend().unwrap();
    drop(lost);
    // The second element, in the middle, is another end's.
    assert_eq!(consumer.try_pop_slice(&mut [MaybeUninit::new(9); 4]).0, 3);
    producer.try_push(&4).unwrap();
    let Err(Refused::Busy(holder)) = producer.try_push(&5) else { panic!("it is lent") };
    assert_eq!((holder.endpoint, lent.read()), (3, 1));
    lent.release();
    for value in 5..8 {
        producer.try_push(&value).unwrap();
    }
    assert_eq!(producer.try_push(&8), Err(Refused::Full));
}

#[test]
fn a_look_settles_a_leaked_guard() {
    let ring = Heap::new(1);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    std::mem::forget(producer.try_claim().unwrap());
    assert_eq!(producer.look(), Ok(()), "the claim is given up");
    producer.try_push(&1).unwrap();
    std::mem::forget(consumer.try_lend().unwrap());
    assert_eq!(consumer.look(), Ok(()), "it is an orphan now");
    let popped = consumer.try_pop().unwrap();
    assert_eq!((popped.item, popped.attempt), (1, 1));
}

#[test]
fn an_element_that_comes_back_is_found_by_a_consumer_that_has_looked() {
    let ring = Heap::new(4);
    let (mut producer, mut consumer, mut other) = (ring.producer(), ring.consumer(), ring.consumer());
    producer.try_push(&1).unwrap();
    let lent = consumer.try_lend().unwrap();
    assert_eq!(other.try_pop(), Err(Nothing::Empty));
    drop(lent);
    assert_eq!(ring.count(Counter::Orphaned), 1);
    assert_eq!(other.try_pop().unwrap().item, 1);
}

#[test]
fn an_element_is_popped_once_in_place_or_comes_back() {
    let ring = Heap::new(4);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    producer.try_push(&3).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ =
            consumer.pop_with_after(|_| -> u64 { std::panic::resume_unwind(Box::new("on purpose")) }, |_| ());
    }));
    assert!(panicked.is_err());
    let mut has_notified = false;
    let popped = consumer.pop_with_after(|lent| (lent.read(), lent.attempt()), |_| has_notified = true);
    assert_eq!((popped, has_notified), (Ok((3, 1)), true));
    assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
}

#[test]
fn a_long_walk_goes_on_in_the_next_call() {
    let ring = Heap::new(4096);
    let (mut producer, mut late_producer) = (ring.producer(), ring.producer());
    let (mut consumer, mut late_consumer) = (ring.consumer(), ring.consumer());
    for value in 0..3000 {
        producer.try_push(&value).unwrap();
    }
    ring.tail().store(0, Ordering::Relaxed);
    assert_eq!(late_producer.try_push(&3000), Err(Refused::Contended), "a call examines a part of the slots");
    assert!((0..8).any(|_| late_producer.try_push(&3000).is_ok()));
    for value in 0..3000 {
        assert_eq!(consumer.try_pop().unwrap().item, value);
    }
    ring.head().store(0, Ordering::Relaxed);
    assert_eq!(late_consumer.try_pop(), Err(Nothing::Contended));
    assert_eq!((0..8).find_map(|_| late_consumer.try_pop().ok()).map(|popped| popped.item), Some(3000));
}

#[test]
fn the_first_report_of_a_corruption_is_known() {
    let ring = Heap::new(2);
    assert!(poison(&ring) && !poison(&ring));
    assert!(matches!(ring.consumer().try_pop(), Err(Nothing::Corrupt(_))));
}

#[test]
fn the_seats_that_were_ever_taken_are_counted() {
    let ring = Heap::with(2, 16, 46, 15);
    let used = || ring.used().load(Ordering::Relaxed);
    let ends: Vec<Producer<Heap>> = (1..=3)
        .map(|count| {
            let end = ring.producer();
            assert_eq!(used(), count);
            end
        })
        .collect();
    ends.into_iter().next().unwrap().detach();
    assert_eq!(ring.producer().seat().number(), 0);
    assert_eq!(used(), 3, "it never becomes fewer");
}

#[test]
fn what_a_producer_repairs_is_found_by_a_consumer_that_has_looked() {
    let ring = Heap::new(2);
    let (mut slow, mut producer, mut consumer) = (ring.producer(), ring.producer(), ring.consumer());
    producer.try_push(&1).unwrap();
    let dead = ring.identity();
    std::mem::forget(ring.consumer_of(dead).try_lend().unwrap());
    let claim = slow.try_claim().unwrap();
    assert!(matches!(consumer.try_pop(), Err(Nothing::Busy(_))));
    ring.die(dead);
    let Err(Refused::Busy(holder)) = producer.try_push(&2) else { panic!("the dead one reads there") };
    assert!(matches!(repair(&ring, &holder, |identity| ring.is_alive(identity)), Repair::Repaired { .. }));
    assert_eq!(consumer.try_pop().map(|popped| (popped.item, popped.attempt)), Ok((1, 1)));
    claim.commit();
}

#[test]
fn the_second_impossible_tag_is_a_corruption() {
    // Each of the two slots shows another position of the ring.
    let ring = Heap::new(2);
    ring.tag(0).store(1 << 63, Ordering::Relaxed);
    ring.tag(1).store(1 << 40, Ordering::Relaxed);
    assert!(matches!(ring.producer().try_push(&1), Err(Refused::Corrupt(_))));
    assert!(matches!(ring.consumer().try_pop(), Err(Nothing::Corrupt(_))));
}

#[test]
fn no_slot_is_repaired_for_a_holder_that_no_ring_has() {
    let ring = Heap::with(2, 256, 46, 15);
    let mut producer = ring.producer();
    // The first slot lies behind the last seat, the element at its start.
    producer.try_push(&7).unwrap();
    let (taken, tag) = (producer.seat().number(), Tag::from_raw(State::Writing as u64));
    let holder = Holder { endpoint: 256, index: 0, tag };
    assert_eq!(repair(&ring, &holder, |identity| panic!("{identity}: no seat")), Repair::Moved);
    assert_eq!(repair(&ring, &Holder { endpoint: taken, index: 2, tag }, |_| false), Repair::Moved);
    assert_eq!(ring.voids().load(Ordering::Relaxed), 0, "no slot was counted as void");
}

#[test]
fn a_free_seat_is_not_recovered() {
    let ring = Heap::new(2);
    assert_eq!(recover(&ring, |_| false), Report::default());
    assert_eq!(ring.count(Counter::Recovered), 0);
}
