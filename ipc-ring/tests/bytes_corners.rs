//! Corners of the ring of frames: room that is just enough, and what the ends look at for it; the short ways
//! to push and to pop; what a successor takes over.

mod bytes_common;

use std::sync::atomic::Ordering::Relaxed;

use bytes_common::{MEMORIES, ends, frame, pop};
use ipc_ring::ring::bytes::{Consumer, Pop, Producer, Refused, Words as _};
use ipc_ring::ring::spsc::Words as _;

/// Not a position of any end.
const SPOILT: u64 = 0x7777_0000;

#[test]
fn room_that_is_known_is_not_looked_for() {
    for make in MEMORIES {
        let (mut producer, _consumer) = ends(make, 64, 0);
        for _ in 0..3 {
            producer.try_push(b"").unwrap();
        }
        let memory = producer.memory().clone();
        memory.head().store(SPOILT, Relaxed);
        memory.consumed().store(SPOILT, Relaxed);
        // 24 bytes, their header and the next one are all that is left.
        assert_eq!(producer.try_push(&[1; 24]), Ok(0));
        assert!(matches!(producer.try_push(b""), Err(Refused::Corrupt(_))));
    }
}

#[test]
fn a_consumer_that_pops_is_not_disturbed_when_its_head_is_enough() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 256, 0);
        for number in 0..3 {
            producer.try_push(&frame(number, 56)).unwrap();
        }
        for number in 0..2 {
            assert_eq!(pop(&mut consumer), Some(frame(number, 56)));
        }
        // Two quarters are free, and the last 64 bytes, which are a padding then.
        let memory = producer.memory().clone();
        memory.consumed().store(SPOILT, Relaxed);
        assert!(producer.has_room_by_head(112) && !producer.has_room_by_head(113));
        assert_eq!(producer.has_room(112), Ok(true));
        assert!(producer.has_room(113).is_err(), "the exact position would be needed");
        assert_eq!(producer.try_push(&frame(3, 112)), Ok(0));
        memory.consumed().store(128, Relaxed);
        assert_eq!((pop(&mut consumer), pop(&mut consumer)), (Some(frame(2, 56)), Some(frame(3, 112))));
    }
}

#[test]
fn a_ring_with_room_for_just_one_is_not_full() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64, 0);
        assert!(producer.has_room_by_head(24) && !producer.has_room_by_head(25), "25 bytes never fit");
        for _ in 0..7 {
            assert!(producer.has_room_by_head(0));
            producer.try_push(b"").unwrap();
        }
        assert!(!producer.has_room_by_head(0));
        let found_full = producer.memory().clone();
        assert_eq!(pop(&mut consumer).unwrap(), b"");
        assert_eq!(producer.try_push(b""), Ok(0));
        assert_eq!(found_full.found_full().load(Relaxed), 0);
        assert_eq!(producer.try_push(b""), Err(Refused::Full));
        assert_eq!(found_full.found_full().load(Relaxed), 1);
    }
}

#[test]
fn the_short_ways_move_the_same_frames_and_leave_what_is_not_theirs() {
    for make in MEMORIES {
        for start in [0, u64::MAX - 63] {
            let (mut producer, mut consumer) = ends(make, 256, start);
            assert_eq!(producer.push_known(&frame(0, 8)), None, "longer than all before");
            producer.try_push(&frame(0, 8)).unwrap();
            for number in 1..4 {
                assert_eq!(producer.push_known(&frame(number, 8)), Some(0));
            }
            let mut out = vec![0xEE; 9];
            assert_eq!(consumer.pop_known(&mut out[..7]), None, "too small");
            assert_eq!(consumer.position(), start);
            assert_eq!(consumer.pop_known(&mut out), Some(8));
            assert_eq!((&out[..8], out[8]), (&frame(0, 8)[..], 0xEE));
            assert_eq!(consumer.pop_known_vec(&mut out), Some(8));
            assert_eq!(out, frame(1, 8));
            out.clear();
            assert_eq!(consumer.pop_known_vec(&mut out), Some(8));
            assert_eq!(out, frame(2, 8));
            let memory = consumer.memory().clone();
            let words = || (memory.consumed().load(Relaxed), memory.frames_popped().load(Relaxed));
            assert_eq!(words(), (start.wrapping_add(48), 3));
            // The last one completes a quarter of the ring.
            assert_eq!((consumer.pop_known(&mut [0; 8]), consumer.pop_known_vec(&mut out)), (None, None));
            assert_eq!((words(), memory.head().load(Relaxed)), ((start.wrapping_add(48), 3), start));
            let mut last = [0; 8];
            assert_eq!(consumer.try_pop_into(&mut last), Pop::Frame { len: 8, signal: 0 });
            assert_eq!(last[..], frame(3, 8));
            assert_eq!(memory.head().load(Relaxed), start.wrapping_add(64));
            assert_eq!((consumer.pop_known(&mut last), consumer.pop_known_vec(&mut out)), (None, None));
        }
    }
}

#[test]
fn an_empty_frame_is_known_as_one_in_place() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 128, 0);
        for len in [0, 1] {
            let mut claim = producer.try_claim(len).unwrap();
            assert_eq!((claim.len(), claim.is_empty()), (len, len == 0));
            claim.write(0, &frame(1, len));
            claim.commit(len);
            assert!(consumer.has_item());
            let view = consumer.try_view().unwrap().unwrap();
            assert_eq!((view.len(), view.is_empty()), (len, len == 0));
            assert_eq!(view.release(), 0);
            assert!(!consumer.has_item());
        }
    }
}

#[test]
fn the_longest_frame_of_a_ring_is_known_and_never_becomes_shorter() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 128, 0);
        let memory = producer.memory().clone();
        for (len, longest) in [(5, 5), (3, 5), (20, 20), (19, 20), (20, 20), (0, 20)] {
            producer.try_push(&frame(1, len)).unwrap();
            assert_eq!(memory.longest_frame().load(Relaxed), longest);
            assert_eq!(pop(&mut consumer), Some(frame(1, len)));
            producer = Producer::attach(memory.clone()).unwrap();
        }
        // It may have been written, though it was given up.
        let _ = producer.try_claim(40).unwrap();
        assert_eq!(memory.longest_frame().load(Relaxed), 40);
        assert_eq!(producer.try_push(&[0; 57]), Err(Refused::TooLarge));
        assert_eq!(memory.longest_frame().load(Relaxed), 40);
    }
}

#[test]
fn a_successor_makes_good_what_its_predecessor_did_not_store() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 4096, 0);
        for number in 0..10 {
            producer.try_push(&frame(number, 20)).unwrap();
        }
        let memory = producer.memory().clone();
        memory.produced().store(0, Relaxed);
        let producer = Producer::attach(memory.clone()).unwrap();
        assert_eq!((producer.position(), memory.produced().load(Relaxed)), (320, 320));
        assert_eq!((consumer.usual_record(), consumer.batch_len()), (0, 0), "nothing is known yet");
        while pop(&mut consumer).is_some() {}
        assert_eq!(consumer.usual_record(), 32);
        assert!((1..=1024).contains(&consumer.batch_len()));
        memory.dense().store(1, Relaxed);
        let consumer = Consumer::attach(memory.clone()).unwrap();
        assert_eq!((consumer.position(), memory.dense().load(Relaxed)), (320, 0));
    }
}

#[test]
fn the_newest_mark_is_the_one_that_its_number_says() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64, 8);
        let ring = producer.memory().clone();
        let mut last = (8, 0);
        for marks in 1..9 {
            assert_eq!(ring.marks().load(Relaxed), marks);
            let even = (ring.even_mark().load(Relaxed), ring.even_mark_frames().load(Relaxed));
            let odd = (ring.odd_mark().load(Relaxed), ring.odd_mark_frames().load(Relaxed));
            let (newest, other) = if marks % 2 == 0 { (even, odd) } else { (odd, even) };
            assert_eq!(newest, (producer.position(), producer.frames()));
            assert_eq!(other, last, "the one before it stays whole");
            last = newest;
            while producer.try_push(b"").is_ok() {}
            assert_eq!(ring.marks().load(Relaxed), marks, "there was no room to be taken over");
            while pop(&mut consumer).is_some() {}
            assert_eq!(producer.has_room(0), Ok(true));
        }
    }
}

#[test]
fn an_empty_ring_is_counted_once_until_something_is_found() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64, 0);
        for count in 1..4 {
            for _ in 0..3 {
                assert_eq!(pop(&mut consumer), None);
                assert_eq!(consumer.memory().found_empty().load(Relaxed), count);
            }
            producer.try_push(b"").unwrap();
            assert_eq!(pop(&mut consumer).unwrap(), b"");
        }
    }
}
