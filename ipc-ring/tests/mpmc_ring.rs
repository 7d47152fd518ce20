//! The many-to-many ring between threads of one process: its results, and that nothing is lost, duplicated or
//! reordered.

mod mpmc_common;

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ipc_ring::ring::mpmc::{
    Consumer, Memory as _, Nothing, Producer, Refused, Seat, TableFull, Words as _, close, len,
};
use mpmc_common::{Heap, watchdog};
use proptest::prelude::*;

#[test]
fn answers_full_and_empty_exactly() {
    for capacity in [1, 2, 8] {
        let ring = Heap::new(capacity);
        let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
        for round in 0..5 {
            assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
            assert_eq!(consumer.look(), Err(Nothing::Empty));
            for value in 0..capacity {
                assert_eq!(len(&ring), value);
                assert_eq!(producer.look(), Ok(()));
                assert_eq!(producer.try_push(&(round * 100 + value)), Ok(()));
            }
            assert_eq!(producer.try_push(&7), Err(Refused::Full));
            assert_eq!(producer.look(), Err(Refused::Full));
            for value in 0..capacity {
                assert_eq!(consumer.look(), Ok(()));
                let popped = consumer.try_pop().unwrap();
                assert_eq!((popped.item, popped.attempt), (round * 100 + value, 0));
            }
        }
    }
}

#[test]
fn a_look_ahead_tells_a_ring_that_is_about_to_be_full() {
    for start in [0, 5, (1 << 62) - 3] {
        let ring = Heap::new(8).starting_at(start);
        let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
        for _ in 0..3 {
            assert!((1..=8).all(|count| !producer.is_untaken_ahead(count)), "nothing is waiting");
            for pushed in 1..=8 {
                producer.try_push(&7).unwrap();
                // The oldest element lies where the slot after the last free one is.
                let untaken = |count| count + pushed > 8;
                assert!((1..=8).all(|count| producer.is_untaken_ahead(count) == untaken(count)), "{pushed}");
            }
            let lent = consumer.try_lend().unwrap();
            assert!(!producer.is_untaken_ahead(1), "its consumer has begun");
            assert!(producer.is_untaken_ahead(2));
            lent.release();
            while consumer.try_pop().is_ok() {}
        }
    }
}

#[test]
fn an_unfinished_push_is_busy_and_names_its_owner() {
    let ring = Heap::new(2);
    let (mut first, mut second, mut consumer) = (ring.producer(), ring.producer(), ring.consumer());
    let mut claim = first.try_claim().unwrap();
    claim.write(&1);
    second.try_push(&2).unwrap();
    let Err(Nothing::Busy(holder)) = consumer.try_pop() else { panic!("the first slot is not committed") };
    assert_eq!(holder.endpoint, 0);
    let Err(Refused::Busy(holder)) = second.try_push(&3) else { panic!("a lap behind the claim") };
    assert_eq!(holder.endpoint, 0);
    claim.commit();
    assert_eq!(second.try_push(&3), Err(Refused::Full));
    assert_eq!(consumer.try_pop().unwrap().item, 1);
    assert_eq!(consumer.try_pop().unwrap().item, 2);
    assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
}

#[test]
fn an_unfinished_pop_is_busy_for_producers_and_empty_for_consumers() {
    let ring = Heap::new(1);
    let (mut producer, mut reader, mut other) = (ring.producer(), ring.consumer(), ring.consumer());
    producer.try_push(&1).unwrap();
    let lent = reader.try_lend().unwrap();
    assert_eq!((lent.read(), lent.attempt(), lent.position()), (1, 0, 0));
    let Err(Refused::Busy(holder)) = producer.try_push(&2) else { panic!("the slot is being read") };
    assert_eq!(holder.endpoint, 1);
    assert_eq!(other.try_pop(), Err(Nothing::Empty));
    lent.release();
    assert_eq!(producer.try_push(&2), Ok(()));
    assert_eq!(other.try_pop().unwrap().item, 2);
}

#[test]
fn an_aborted_claim_is_passed_over() {
    for capacity in [1, 2, 4] {
        let ring = Heap::new(capacity);
        let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
        for round in 0..10 {
            // No consumer pops in between, so with small rings the producer meets its own aborted slot.
            for _ in 0..3 {
                drop(producer.try_claim().unwrap());
            }
            producer.try_push(&round).unwrap();
            assert_eq!(consumer.try_pop().unwrap().item, round);
            assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
        }
    }
}

#[test]
fn leaked_guards_are_settled_by_the_next_call() {
    let ring = Heap::new(2);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    std::mem::forget(producer.try_claim().unwrap());
    producer.try_push(&1).unwrap();
    std::mem::forget(consumer.try_lend().unwrap());
    let again = consumer.try_pop().unwrap();
    assert_eq!((again.item, again.attempt), (1, 1));
    std::mem::forget(producer.try_claim().unwrap());
    producer.detach();
    assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
}

#[test]
fn a_lent_element_comes_back_when_it_is_dropped_or_its_reader_panics() {
    let ring = Heap::with(4, 8, 46, 4);
    let (mut producer, mut consumer, mut other) = (ring.producer(), ring.consumer(), ring.consumer());
    producer.try_push(&1).unwrap();
    producer.try_push(&2).unwrap();
    drop(consumer.try_lend().unwrap());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = other.try_pop_with(|_| -> u64 { std::panic::resume_unwind(Box::new("on purpose")) });
    }));
    assert!(panicked.is_err());
    assert_eq!(other.try_pop_with(|lent| (lent.read(), lent.attempt())), Ok((1, 2)));
    assert_eq!(consumer.try_pop().unwrap().item, 2);
    assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
}

#[test]
fn slices_go_as_far_as_they_can() {
    let ring = Heap::new(4);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    assert_eq!(producer.try_push_slice(&[]), (0, Ok(())));
    assert_eq!(producer.try_push_slice(&[1, 2, 3]), (3, Ok(())));
    assert_eq!(producer.try_push_slice(&[4, 5, 6]), (1, Err(Refused::Full)));
    assert_eq!(ring.tail().load(Ordering::Relaxed), 4);
    let mut out = [MaybeUninit::new(0); 3];
    assert_eq!(consumer.try_pop_slice(&mut []), (0, Ok(())));
    assert_eq!(consumer.try_pop_slice(&mut out), (3, Ok(())));
    assert_eq!(consumer.try_pop_slice(&mut out), (1, Err(Nothing::Empty)));
    assert_eq!(consumer.try_pop_slice(&mut out), (0, Err(Nothing::Empty)));
    assert_eq!(ring.head().load(Ordering::Relaxed), 4);
}

#[test]
fn closing_refuses_pushes_and_drains() {
    let ring = Heap::new(2);
    let (mut producer, mut consumer, mut other) = (ring.producer(), ring.consumer(), ring.consumer());
    producer.try_push(&1).unwrap();
    close(&ring);
    assert_eq!(producer.try_push(&2), Err(Refused::Closed));
    assert_eq!(producer.look(), Err(Refused::Closed));
    assert_eq!(consumer.try_pop().unwrap().item, 1);
    assert_eq!(consumer.try_pop(), Err(Nothing::Closed));
    assert_eq!(other.try_pop(), Err(Nothing::Closed));
    assert_eq!(ring.producer().try_push(&3), Err(Refused::Closed));
}

#[test]
fn a_claim_from_before_the_close_is_still_delivered() {
    let ring = Heap::new(2);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let mut claim = producer.try_claim().unwrap();
    close(&ring);
    assert!(matches!(consumer.try_pop(), Err(Nothing::Busy(_))));
    claim.write(&1);
    claim.commit();
    assert_eq!(consumer.try_pop().unwrap().item, 1);
    assert_eq!(consumer.try_pop(), Err(Nothing::Closed));
}

#[test]
fn positions_and_laps_may_wrap() {
    for capacity in [1, 2, 8] {
        for end in [1u64 << 46, (1 << 46) * capacity, 1 << 63, 0] {
            let ring = Heap::new(capacity).starting_at(end.wrapping_sub(3 * capacity + 1));
            let (mut producer, mut consumer, mut late) = (ring.producer(), ring.consumer(), ring.consumer());
            for value in 0..6 * capacity + 5 {
                assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
                producer.try_push(&value).unwrap();
                assert_eq!(consumer.try_pop().unwrap().item, value);
            }
            for value in 0..capacity {
                producer.try_push(&value).unwrap();
            }
            assert_eq!(producer.try_push(&0), Err(Refused::Full));
            // This one has read nothing since before the wrap.
            assert_eq!(late.try_pop().unwrap().item, 0);
        }
    }
}

#[test]
fn an_end_that_slept_through_any_number_of_laps_finds_its_way() {
    // With 4 bits, laps wrap after 16.
    for capacity in [1u64, 2, 4] {
        for laps in 0..40 {
            let ring = Heap::with(capacity, 8, 4, 15);
            let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
            let (mut late_producer, mut late_consumer) = (ring.producer(), ring.consumer());
            for value in 0..laps * capacity {
                producer.try_push(&value).unwrap();
                assert_eq!(consumer.try_pop().unwrap().item, value);
            }
            assert_eq!(late_producer.try_push(&7), Ok(()), "{capacity} {laps}");
            assert_eq!(late_consumer.try_pop().unwrap().item, 7, "{capacity} {laps}");
            assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
        }
    }
}

#[test]
fn hints_that_run_backwards_or_wild_change_nothing() {
    let ring = Heap::new(4);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let mut next = 0u64;
    for value in 0..200u64 {
        for hint in [ring.tail(), ring.head()] {
            let claimed = hint.load(Ordering::Relaxed);
            hint.store(claimed.saturating_sub(value % 9), Ordering::Relaxed);
        }
        if value % 7 == 0 {
            producer.detach();
            producer = ring.producer();
            consumer.detach();
            consumer = ring.consumer();
        }
        producer.try_push(&value).unwrap();
        if value % 3 != 0 || len(&ring) > 2 || producer.look().is_err() {
            while let Ok(popped) = consumer.try_pop() {
                assert_eq!(popped.item, next);
                next += 1;
            }
        }
    }
    // A wild hint is not the protocol's doing; ends that are there already are not misled into harm.
    ring.tail().store(u64::MAX / 3, Ordering::Relaxed);
    let mut misled = ring.producer();
    let _ = misled.try_push(&1);
    let _ = consumer.try_pop();
}

#[test]
fn tags_that_cannot_be_are_corrupt() {
    for tag in [9, 15, u64::MAX, 8] {
        let ring = Heap::new(2);
        ring.tag(0).store(tag, Ordering::Relaxed);
        assert!(matches!(ring.producer().try_push(&1), Err(Refused::Corrupt(_))), "{tag:#x}");
        assert!(matches!(ring.consumer().try_pop(), Err(Nothing::Corrupt(_))), "{tag:#x}");
    }
    // Each of the two slots shows another position of the ring.
    let ring = Heap::new(2);
    ring.tag(0).store(1 << 63, Ordering::Relaxed);
    ring.tag(1).store(1 << 40, Ordering::Relaxed);
    assert!(ring.producer().try_push(&1).is_err());
    assert!(ring.consumer().try_pop().is_err());
}

#[test]
fn seats_run_out_and_come_back() {
    let ring = Heap::with(2, 256, 46, 15);
    let mut ends: Vec<Producer<Heap>> = (0..256).map(|_| ring.producer()).collect();
    assert_eq!(Seat::take(&ring, ring.identity()), Err(TableFull));
    ends[0].try_push(&0).unwrap();
    ends[255].try_push(&1).unwrap();
    ends.pop().unwrap().detach();
    let mut consumer = ring.consumer();
    assert_eq!(consumer.seat().number(), 255);
    assert_eq!(consumer.try_pop().unwrap().item, 0);
    assert_eq!(consumer.try_pop().unwrap().item, 1);
    consumer.detach();
    assert_eq!(ring.seats_taken(), 255);
}

fn threads(producers: u64, consumers: usize, each: u64, capacity: u64, batch: usize) {
    watchdog();
    let ring = Heap::new(capacity).starting_at(0u64.wrapping_sub(each / 2));
    let popped = AtomicU64::new(0);
    let total = producers * each;
    let seen: Vec<Vec<u64>> = thread::scope(|scope| {
        for number in 0..producers {
            let mut producer = ring.producer();
            scope.spawn(move || {
                let mut next = 0;
                while next < each {
                    let many: Vec<u64> =
                        (next..each.min(next + batch as u64)).map(|value| number << 32 | value).collect();
                    let (done, answer) = producer.try_push_slice(&many);
                    next += done as u64;
                    match answer {
                        Ok(()) => {}
                        Err(Refused::Full | Refused::Busy(_) | Refused::Contended) => thread::yield_now(),
                        Err(other) => panic!("{other:?}"),
                    }
                }
            });
        }
        let workers: Vec<_> = (0..consumers)
            .map(|_| {
                let mut consumer: Consumer<Heap> = ring.consumer();
                let popped = &popped;
                scope.spawn(move || {
                    let mut seen = Vec::new();
                    while popped.load(Ordering::Relaxed) < total {
                        match consumer.try_pop() {
                            Ok(element) => {
                                assert_eq!(element.attempt, 0);
                                seen.push(element.item);
                                popped.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(Nothing::Empty | Nothing::Busy(_) | Nothing::Contended) => {
                                thread::yield_now()
                            }
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    seen
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut counts = vec![vec![0u8; each as usize]; producers as usize];
    for one in &seen {
        let mut last = vec![None; producers as usize];
        for value in one {
            let (number, value) = ((value >> 32) as usize, value & 0xffff_ffff);
            assert!(last[number].is_none_or(|last| last < value), "out of order");
            last[number] = Some(value);
            counts[number][value as usize] += 1;
        }
    }
    assert!(counts.iter().flatten().all(|count| *count == 1), "lost or doubled");
}

#[test]
fn two_by_two() {
    threads(2, 2, 200_000, 64, 1);
    threads(2, 2, 50_000, 2, 1);
}

#[test]
fn four_by_four_in_batches() {
    threads(4, 4, 50_000, 256, 7);
    threads(4, 4, 10_000, 1, 1);
}

#[test]
fn eight_producers() {
    threads(8, 1, 30_000, 64, 1);
}

#[test]
fn eight_consumers() {
    threads(1, 8, 200_000, 64, 16);
}

#[derive(Clone, Debug)]
enum Act {
    Push(u64),
    PushSlice(Vec<u64>),
    Pop,
    PopSlice(usize),
    PopWith,
    GiveBack,
    Abort,
    Rejoin,
    HintBack(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => any::<u64>().prop_map(Act::Push),
        2 => prop::collection::vec(any::<u64>(), 0..6).prop_map(Act::PushSlice),
        4 => Just(Act::Pop),
        2 => (0..6usize).prop_map(Act::PopSlice),
        1 => Just(Act::PopWith),
        1 => Just(Act::GiveBack),
        1 => Just(Act::Abort),
        1 => Just(Act::Rejoin),
        1 => (0..20u64).prop_map(Act::HintBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// One thread, several ends, against a queue. Aborted claims take no room for long: a push is refused
    /// only if the queue is full, or nearly full with slots that hold nothing between waiting elements.
    #[test]
    fn behaves_like_a_queue(
        log2 in 0u32..4,
        start in prop_oneof![Just(0u64), any::<u64>()],
        acts in prop::collection::vec((0usize..3, act()), 1..200),
    ) {
        let capacity = 1u64 << log2;
        let ring = Heap::new(capacity).starting_at(start);
        let mut producers: Vec<_> = (0..3).map(|_| ring.producer()).collect();
        let mut consumers: Vec<_> = (0..3).map(|_| ring.consumer()).collect();
        let mut queue: VecDeque<(u64, u32)> = VecDeque::new();
        let mut holes = false;
        for (who, act) in acts {
            match act {
                Act::Push(value) => match producers[who].try_push(&value) {
                    Ok(()) => queue.push_back((value, 0)),
                    Err(Refused::Full) => prop_assert!(queue.len() == capacity as usize || holes),
                    Err(other) => prop_assert!(false, "{:?}", other),
                },
                Act::PushSlice(values) => {
                    let (done, _) = producers[who].try_push_slice(&values);
                    prop_assert!(done == values.len().min(capacity as usize - queue.len()) || holes);
                    queue.extend(values[..done].iter().map(|value| (*value, 0)));
                }
                Act::Pop => match consumers[who].try_pop() {
                    Ok(popped) => prop_assert_eq!(Some((popped.item, popped.attempt)), queue.pop_front()),
                    Err(nothing) => {
                        prop_assert_eq!(nothing, Nothing::Empty);
                        prop_assert!(queue.is_empty());
                    }
                },
                Act::PopSlice(count) => {
                    let mut out = vec![MaybeUninit::new(0); count];
                    let (done, _) = consumers[who].try_pop_slice(&mut out);
                    prop_assert_eq!(done, count.min(queue.len()));
                    for place in &out[..done] {
                        // SAFETY: it was initialised above.
                        prop_assert_eq!(unsafe { place.assume_init() }, queue.pop_front().unwrap().0);
                    }
                }
                Act::PopWith => {
                    let popped = consumers[who].try_pop_with(|lent| (lent.read(), lent.attempt()));
                    prop_assert_eq!(popped.ok(), queue.pop_front());
                }
                Act::GiveBack => {
                    if let Ok(lent) = consumers[who].try_lend() {
                        let (value, attempt) = *queue.front().unwrap();
                        prop_assert_eq!((lent.read(), lent.attempt()), (value, attempt));
                        drop(lent);
                        queue.pop_front();
                        if attempt + 1 < 15 {
                            queue.push_front((value, attempt + 1));
                        }
                    }
                }
                Act::Abort => {
                    if let Ok(claim) = producers[who].try_claim() {
                        drop(claim);
                        holes = !queue.is_empty();
                    }
                }
                Act::Rejoin => {
                    std::mem::replace(&mut producers[who], ring.producer()).detach();
                    std::mem::replace(&mut consumers[who], ring.consumer()).detach();
                }
                Act::HintBack(by) => {
                    for hint in [ring.tail(), ring.head()] {
                        let value = hint.load(Ordering::Relaxed);
                        if value.wrapping_sub(start) >= by {
                            hint.store(value.wrapping_sub(by), Ordering::Relaxed);
                        }
                    }
                }
            }
            holes &= !queue.is_empty();
        }
        prop_assert_eq!(ring.seats_taken(), 6);
    }
}
