//! How the consumer of a one-to-one ring gives room back: what it announces before, what it publishes and
//! when, and what a successor makes of the words of a consumer that died in between. And what both ends
//! count.

mod bytes_common;

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::Relaxed;

use bytes_common::{MEMORIES, Make};
use ipc_ring::Barrier;
use ipc_ring::memory::Slots as _;
use ipc_ring::ring::spsc::{Pop, Push, Words as _};
use ipc_ring::ring::{bytes, spsc};
use ipc_ring::wait::signal::WAITING;

type Producer = spsc::Producer<spsc::Mapped<u64>>;
type Consumer = spsc::Consumer<spsc::Mapped<u64>>;

/// Both ends of a ring of this number of elements.
fn ends(make: Make, capacity: u64) -> (Producer, Consumer) {
    let region = make(spsc::Mapped::<u64>::geometry(capacity).unwrap().total_size());
    let ring = spsc::Mapped::make(region, capacity, Barrier::Fence, 0).unwrap();
    (Producer::attach(ring.clone()).unwrap(), Consumer::attach(ring))
}

fn push(producer: &mut Producer, count: u64) {
    for _ in 0..count {
        let number = producer.position();
        assert_eq!(producer.try_push(&number), Push::Done { signal: 0 });
    }
}

fn pop(consumer: &mut Consumer, count: u64) {
    for _ in 0..count {
        let number = consumer.position();
        assert_eq!(consumer.try_pop(), Pop::Item { item: number, signal: 0 });
    }
}

/// The producer waits for room, as far as the consumer can see.
fn waits(producer: &Producer) {
    producer.memory().producer_signal().store(WAITING, Relaxed);
}

/// A way to pop one element; the last argument is called with the producer's signal, before the release.
type Way = fn(&mut Consumer, &mut dyn FnMut(u32));

const WAYS: [Way; 3] = [
    |consumer, wake| consumer.pop_next(&mut MaybeUninit::uninit(), wake).unwrap(),
    |consumer, wake| {
        let expected = consumer.position();
        assert_eq!(consumer.pop_next_with(|view| view.read(), wake), Ok(expected));
    },
    |consumer, wake| assert_eq!(consumer.pop_slice(&mut [MaybeUninit::uninit()], wake), Ok(1)),
];

#[test]
fn a_pop_says_what_it_gives_back_before_it_looks_for_a_waiting_producer() {
    for make in MEMORIES {
        for way in WAYS {
            // A quarter of the ring is one element.
            let (mut producer, mut consumer) = ends(make, 4);
            for lap in 0..9 {
                push(&mut producer, 4 - u64::from(lap > 0) * 3);
                assert!(!producer.has_room().unwrap() && !producer.room_is_coming());
                waits(&producer);
                let mut woken = 0;
                way(&mut consumer, &mut |signal| {
                    assert_eq!(signal, WAITING);
                    assert!(producer.room_is_coming(), "it is announced");
                    assert_eq!(producer.memory().consumed().load(Relaxed), lap, "and not yet given");
                    woken += 1;
                });
                assert_eq!(woken, 1);
                assert_eq!(consumer.position(), lap + 1);
                assert!(producer.has_room_by_head() && producer.has_room().unwrap());
                assert!(!producer.room_is_coming(), "it has come");
                producer.memory().producer_signal().store(0, Relaxed);
            }
        }
    }
}

#[test]
fn a_view_looks_for_a_waiting_producer_behind_each_quarter() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 16);
        push(&mut producer, 16);
        waits(&producer);
        for number in 1..=16 {
            let view = consumer.try_view().unwrap().unwrap();
            assert_eq!(view.release(), if number % 4 == 0 { WAITING } else { 0 }, "{number}");
            assert_eq!(producer.memory().head().load(Relaxed), number / 4 * 4);
        }
    }
}

#[test]
fn an_empty_ring_publishes_the_rest_of_a_quarter_once() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64);
        push(&mut producer, 10);
        pop(&mut consumer, 10);
        assert_eq!(producer.memory().head().load(Relaxed), 0, "less than a quarter");
        waits(&producer);
        assert_eq!(consumer.try_pop(), Pop::Empty { signal: WAITING });
        assert_eq!(producer.memory().head().load(Relaxed), 10);
        assert_eq!(consumer.try_pop(), Pop::Empty { signal: 0 }, "nothing is new");
        push(&mut producer, 1);
        assert!(consumer.pop_slice(&mut [MaybeUninit::uninit(); 2], |_| panic!("not a quarter")).is_ok());
        let mut found = 0;
        assert_eq!(consumer.pop_slice(&mut [MaybeUninit::uninit()], |signal| found = signal), Ok(0));
        assert_eq!((found, producer.memory().head().load(Relaxed)), (WAITING, 11));
    }
}

#[test]
fn what_is_known_to_be_ready_is_popped_whatever_is_written_there() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 8);
        for lap in 0..24 {
            assert!(!consumer.knows_next());
            push(&mut producer, 1);
            assert!(consumer.knows_next());
            let word = producer.memory().slot_word(lap % 8);
            word.store(0xbad, Relaxed);
            assert!(consumer.knows_next());
            match lap % 4 {
                3 => pop(&mut consumer, 1),
                way => WAYS[way as usize](&mut consumer, &mut |_| ()),
            }
            assert_eq!(consumer.position(), lap + 1);
            word.store(lap + 1, Relaxed);
        }
    }
}

#[test]
fn no_way_to_pop_finds_anything_in_an_empty_ring() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 2);
        for lap in 0..5_u64 {
            let word = (lap + 1).saturating_sub(2);
            assert_eq!(
                consumer.pop_next(&mut MaybeUninit::uninit(), |_| panic!("nothing is given")),
                Err(word)
            );
            assert_eq!(
                consumer.pop_next_with(|_| panic!("no element"), |_| panic!("nothing is given")),
                Err(word)
            );
            assert_eq!(consumer.try_pop_slice(&mut [MaybeUninit::uninit(); 2]), Ok((0, 0)));
            assert_eq!(consumer.try_pop(), Pop::Empty { signal: 0 });
            push(&mut producer, 1);
            pop(&mut consumer, 1);
        }
    }
}

/// Also when several are known to be ready from one check.
#[test]
fn each_pop_of_a_stream_is_stored_at_once() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64);
        for _ in 0..3 {
            push(&mut producer, 64);
            for _ in 0..64 {
                pop(&mut consumer, 1);
                assert_eq!(producer.memory().consumed().load(Relaxed), consumer.position());
            }
        }
    }
}

#[test]
fn full_and_empty_rings_are_counted() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64);
        let count = |ring: &spsc::Mapped<u64>| {
            [ring.found_full(), ring.found_empty(), ring.high_water()].map(|word| word.load(Relaxed))
        };
        for _ in 0..3 {
            assert_eq!(consumer.try_pop(), Pop::Empty { signal: 0 });
        }
        assert_eq!(count(consumer.memory()), [0, 1, 0], "polled once or often");
        push(&mut producer, 64);
        pop(&mut consumer, 16);
        assert_eq!(producer.try_push_by_head(&64), Push::Done { signal: 0 });
        assert_eq!(count(consumer.memory()), [0, 1, 48], "as many waited at the last look for room");
        push(&mut producer, 15);
        assert_eq!(producer.try_push_by_head(&80), Push::Full);
        assert_eq!(count(consumer.memory()), [0, 1, 48], "by the head alone it may have room");
        for _ in 0..3 {
            assert_eq!(producer.try_push(&80), Push::Full);
        }
        assert_eq!(count(consumer.memory()), [3, 1, 64]);
        pop(&mut consumer, 64);
        for _ in 0..3 {
            assert_eq!(consumer.try_pop(), Pop::Empty { signal: 0 });
        }
        assert_eq!(count(consumer.memory()), [3, 2, 64]);
    }
}

#[test]
fn a_slice_is_pushed_as_far_as_there_is_room_and_only_then_announced() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 4);
        producer.memory().consumer_signal().store(WAITING, Relaxed);
        assert_eq!(producer.try_push_slice(&[0, 1]), Ok((2, WAITING)));
        assert_eq!(producer.try_push_slice(&[]), Ok((0, 0)));
        assert_eq!(producer.try_push_slice(&[2, 3, 99]), Ok((2, WAITING)));
        assert_eq!(producer.try_push_slice(&[99]), Ok((0, 0)), "nothing to be woken for");
        assert_eq!(producer.try_push_slice_by_head(&[99]), Ok((0, 0)));
        pop(&mut consumer, 4);
    }
}

#[test]
fn a_successor_publishes_all_that_was_popped_and_gives_back_nothing_else() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64);
        push(&mut producer, 64);
        pop(&mut consumer, 3);
        assert!(!producer.has_room_by_head());
        // It dies when it has announced what it would release.
        producer.memory().giving().store(19, Relaxed);
        let consumer = Consumer::attach(consumer.memory().clone());
        assert_eq!(consumer.position(), 3);
        assert!(producer.has_room_by_head(), "three were popped");
        push(&mut producer, 3);
        assert!(!producer.has_room().unwrap() && !producer.room_is_coming(), "no one is releasing more");
    }
}

/// Not the word of this lap, nor that of the lap before, nor none.
#[test]
fn a_word_that_cannot_be_a_slots_is_corrupt() {
    for make in MEMORIES {
        for wrong in [3, 8, 10, 1 << 40, u64::MAX] {
            let (mut producer, mut consumer) = ends(make, 8);
            push(&mut producer, 8);
            pop(&mut consumer, 8);
            producer.memory().slot_word(0).store(wrong, Relaxed);
            for _ in 0..2 {
                let Pop::Corrupt(corruption) = consumer.try_pop() else { panic!("{wrong:#x} at position 8") };
                assert_eq!(
                    (corruption.word, corruption.found, corruption.position),
                    ("sequence word", wrong, 8)
                );
            }
        }
    }
}

/// A position that the consumer cannot have: beyond what was pushed, or more than a lap behind it.
#[test]
fn a_position_that_cannot_be_the_consumers_is_corrupt() {
    for make in MEMORIES {
        for wrong in [9, 1 << 40, u64::MAX] {
            for (in_head, word) in [(true, "head"), (false, "consumed position")] {
                let (mut producer, mut consumer) = ends(make, 8);
                push(&mut producer, 8);
                assert!(!producer.is_drained());
                let memory = consumer.memory().clone();
                if in_head { memory.head() } else { memory.consumed() }.store(wrong, Relaxed);
                match producer.try_push(&8) {
                    Push::Corrupt(corruption) => {
                        assert_eq!(
                            (corruption.word, corruption.found, corruption.position),
                            (word, wrong, 8)
                        );
                    }
                    // A head that lags is as old as one of a consumer that died.
                    other => assert!(in_head && wrong == u64::MAX, "{other:?} for {wrong:#x} as {word}"),
                }
                memory.head().store(0, Relaxed);
                memory.consumed().store(0, Relaxed);
                pop(&mut consumer, 8);
                assert!(producer.is_drained());
                push(&mut producer, 1);
            }
        }
    }
}

fn frames(make: Make) -> (bytes::Producer<bytes::Mapped>, bytes::Consumer<bytes::Mapped>) {
    bytes_common::ends(make, 256, 0)
}

#[test]
fn a_popped_frame_is_announced_before_a_waiting_producer_is_looked_for() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = frames(make);
        // Records of a quarter ring; two and a half fit behind the cleared word.
        let sent = [7; 56];
        while producer.try_push(&sent).is_ok() {}
        for _ in 0..9 {
            assert!(!producer.has_room(56).unwrap() && !producer.room_is_coming());
            producer.memory().producer_signal().store(WAITING, Relaxed);
            let consumed = consumer.position();
            let mut woken = 0;
            let mut out = Vec::new();
            let popped = consumer.pop_vec(&mut out, |signal| {
                assert_eq!(signal, WAITING);
                assert!(producer.room_is_coming(), "it is announced");
                assert_eq!(producer.memory().consumed().load(Relaxed), consumed, "and not yet given");
                woken += 1;
            });
            assert_eq!((popped, &out[..]), (bytes::Pop::Frame { len: 56, signal: 0 }, &sent[..]));
            assert_eq!(woken, 1);
            assert!(producer.has_room_by_head(56) && producer.has_room(56).unwrap());
            assert!(!producer.room_is_coming(), "it has come");
            producer.memory().producer_signal().store(0, Relaxed);
            producer.try_push(&sent).unwrap();
        }
    }
}

#[test]
fn an_empty_ring_of_frames_publishes_the_rest_of_a_quarter_once() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = frames(make);
        producer.try_push(&[1; 16]).unwrap();
        assert_eq!(bytes_common::pop(&mut consumer), Some(vec![1; 16]));
        assert_eq!(producer.memory().head().load(Relaxed), 0, "less than a quarter");
        producer.memory().producer_signal().store(WAITING, Relaxed);
        assert_eq!(consumer.try_pop_into(&mut []), bytes::Pop::Empty { signal: WAITING });
        assert_eq!(producer.memory().head().load(Relaxed), 24);
        assert_eq!(consumer.try_pop_into(&mut []), bytes::Pop::Empty { signal: 0 }, "nothing is new");
    }
}

#[test]
fn a_successor_publishes_the_frames_that_were_popped_and_gives_back_nothing_else() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = frames(make);
        while producer.try_push(&[1; 8]).is_ok() {}
        assert!(bytes_common::pop(&mut consumer).is_some() && bytes_common::pop(&mut consumer).is_some());
        assert!(!producer.has_room_by_head(8));
        producer.memory().giving().store(160, Relaxed);
        let consumer = bytes::Consumer::attach(consumer.memory().clone()).unwrap();
        assert_eq!(consumer.position(), 32);
        assert!(producer.has_room_by_head(8), "two were popped");
        while producer.try_push(&[1; 8]).is_ok() {}
        assert!(!producer.room_is_coming(), "no one is releasing more");
    }
}
