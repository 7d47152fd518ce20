//! The bytes ring in one process, over heap memory and a segment: lengths, wraps, claims, views, successors.

mod bytes_common;

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes_common::{MEMORIES, Random, ends, frame, pop, ring};
use ipc_ring::ring::bytes::{Consumer, Memory as _, Pop, Producer, Refused, Words as _, header};
use ipc_ring::ring::spsc::Words as _;
use proptest::prelude::*;
use std::sync::atomic::Ordering::Relaxed;

/// Where positions start: at the beginning, and where arithmetic could go wrong.
const STARTS: [u64; 4] = [0, (1 << 33) - 64, (1 << 63) - 40, u64::MAX - 87];

#[test]
fn every_length_up_to_the_longest_at_every_place() {
    for make in MEMORIES {
        for start in STARTS {
            for capacity in [64, 128, 1024] {
                let longest = (capacity / 2 - 8) as usize;
                for offset in 0..capacity / 8 {
                    let (mut producer, mut consumer) = ends(make, capacity, start);
                    for _ in 0..offset {
                        producer.try_push(b"").unwrap();
                        assert_eq!(pop(&mut consumer).unwrap(), b"");
                    }
                    let step = if capacity > 128 { 61 } else { 1 };
                    for len in (0..=longest).step_by(step).chain([longest - 1, longest]) {
                        let sent = frame(len as u64 + offset, len);
                        producer.try_push(&sent).unwrap();
                        assert_eq!(pop(&mut consumer).unwrap(), sent, "{len} at {offset} of {capacity}");
                    }
                    assert_eq!(producer.try_push(&frame(1, longest + 1)), Err(Refused::TooLarge));
                    assert_eq!(producer.longest(), longest);
                    assert_eq!(consumer.longest(), longest);
                    assert_eq!(pop(&mut consumer), None);
                }
            }
        }
    }
}

#[test]
fn a_full_ring_says_so_and_empty_frames_are_frames() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 64, 0);
        for lap in 0..5 {
            // Seven headers; the eighth word is the cleared one.
            for _ in 0..7 {
                producer.try_push(b"").unwrap();
            }
            assert_eq!(producer.try_push(b""), Err(Refused::Full), "lap {lap}");
            assert!(!producer.has_room(0).unwrap());
            for _ in 0..7 {
                assert_eq!(pop(&mut consumer).unwrap(), b"");
            }
            assert_eq!(pop(&mut consumer), None);
            assert!(producer.is_drained());
        }
        assert_eq!((producer.frames(), consumer.frames()), (35, 35));
    }
}

#[test]
fn a_check_that_disturbs_no_end_may_miss_what_was_freed_last() {
    for make in MEMORIES {
        for start in STARTS {
            let (mut producer, mut consumer) = ends(make, 64, start);
            assert!(producer.has_room_by_head(24) && !consumer.is_ready_ahead(8));
            while producer.try_push(b"").is_ok() {}
            assert!(!producer.has_room_by_head(0));
            assert!(consumer.is_ready_ahead(56) && !consumer.is_ready_ahead(64));
            assert_eq!(pop(&mut consumer).unwrap(), b"");
            assert!(!producer.has_room_by_head(0), "less than a quarter ring is not published");
            assert!(producer.has_room(0).unwrap());
            assert_eq!(pop(&mut consumer).unwrap(), b"");
            assert!(producer.has_room_by_head(0) && !producer.has_room_by_head(16));
            assert!(!producer.has_room_by_head(usize::MAX));
            producer.memory().produced().store(consumer.position().wrapping_sub(8), Relaxed);
            assert!(!consumer.is_ready_ahead(8), "a producer that has published and not counted yet");
        }
    }
}

/// On processors where it pays, the consumer meanwhile acquires the cache lines of a stream, and the producer
/// those of its next frame when there is none.
#[test]
fn a_stream_is_told_to_the_producer_and_changes_no_frame() {
    for make in MEMORIES {
        for start in STARTS {
            let (mut producer, mut consumer) = ends(make, 1 << 16, start);
            let pays = producer.memory().stream() < u64::MAX;
            for (len, count) in [(1, 16), (184, 16), (1024, 4), (3000, 4)] {
                for (frames, is_stream) in [(count - 1, false), (count, true), (1, false)] {
                    for number in 0..frames {
                        producer.try_push(&frame(number, len)).unwrap();
                    }
                    for number in 0..frames {
                        assert_eq!(pop(&mut consumer).unwrap(), frame(number, len));
                    }
                    assert_eq!(pop(&mut consumer), None);
                    let told = producer.memory().dense().load(Relaxed) == 1;
                    let is_of_use = producer.memory().is_dense_of_use((len as u64 + 15) & !7);
                    assert_eq!(told, is_stream && pays && is_of_use, "{frames} of {len}");
                }
            }
            let mut random = Random(start ^ 1);
            for round in 0..300 {
                let lengths: Vec<_> = (0..20).map(|_| (random.next() % 700) as usize).collect();
                for len in &lengths {
                    producer.try_push(&frame(round, *len)).unwrap();
                }
                for len in &lengths {
                    assert_eq!(pop(&mut consumer).unwrap(), frame(round, *len));
                }
            }
            assert_eq!(producer.memory().dense().load(Relaxed) == 1, pays);
        }
    }
}

#[test]
fn large_frames_never_get_stuck() {
    // Progress must be published before few large frames have filled the ring, wherever they lie.
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 4096, 0);
        for number in 0..10_000u64 {
            let sent = frame(number, 2040 - (number % 3) as usize * 8);
            producer.try_push(&sent).unwrap();
            assert_eq!(pop(&mut consumer).unwrap(), sent);
        }
    }
}

#[test]
fn an_aborted_claim_leaves_nothing_also_at_the_wrap() {
    for make in MEMORIES {
        for offset in 0..8 {
            let (mut producer, mut consumer) = ends(make, 64, 0);
            for number in 0..offset {
                producer.try_push(&frame(number, 0)).unwrap();
                assert!(pop(&mut consumer).is_some());
            }
            for number in 0..40 {
                let position = producer.position();
                let mut claim = producer.try_claim(24).unwrap();
                claim.write(0, &[0xFF; 24]);
                let _aborted = claim;
                assert_eq!(producer.position(), position);
                assert_eq!(pop(&mut consumer), None, "nothing is published by an aborted claim");
                let sent = frame(number, (number % 25) as usize);
                producer.try_push(&sent).unwrap();
                assert_eq!(pop(&mut consumer).unwrap(), sent);
            }
        }
    }
}

#[test]
fn a_claim_commits_as_much_as_was_written() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 128, 0);
        for number in 0..500 {
            let (reserved, len) = ((number * 7 % 57) as usize, (number * 7 % 57 * 5 / 9) as usize);
            let sent = frame(number, len);
            let mut claim = producer.try_claim(reserved).unwrap();
            assert_eq!(claim.len(), reserved);
            let half = len / 2;
            claim.write(half, &sent[half..]);
            claim.write(0, &sent[..half]);
            let _ = claim.commit(len);
            assert_eq!(pop(&mut consumer).unwrap(), sent);
        }
        assert!(matches!(producer.try_claim(57), Err(Refused::TooLarge)));
        producer.try_claim(56).unwrap();
    }
}

#[test]
#[should_panic(expected = "fit what was claimed")]
fn a_claim_cannot_be_overrun() {
    let (mut producer, _consumer) = ends(bytes_common::heap, 128, 0);
    producer.try_claim(8).unwrap().write(1, &[0; 8]);
}

#[test]
fn a_buffer_too_small_leaves_the_frame_and_says_its_size() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 128, 0);
        for number in 0..50 {
            let sent = frame(number, 33);
            producer.try_push(&sent).unwrap();
            let mut small = [0; 32];
            assert_eq!(consumer.try_pop_into(&mut small), Pop::TooSmall { needed: 33 });
            assert_eq!(consumer.try_pop_into(&mut []), Pop::TooSmall { needed: 33 });
            let mut large = [0; 40];
            assert!(matches!(consumer.try_pop_into(&mut large), Pop::Frame { len: 33, .. }));
            assert_eq!(large[..33], sent[..]);
            assert_eq!(large[33..], [0; 7]);
        }
    }
}

#[test]
fn pieces_arrive_as_one_frame_and_batches_as_many() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 256, 0);
        for number in 0..200 {
            let (a, b, c) =
                (frame(number, number as usize % 13), frame(number + 1, 0), frame(number + 2, 17));
            producer.try_push_vectored(&[IoSlice::new(&a), IoSlice::new(&b), IoSlice::new(&c)]).unwrap();
            assert_eq!(pop(&mut consumer).unwrap(), [a, b, c].concat());
        }
        let frames: Vec<Vec<u8>> = (0..20).map(|number| frame(number, number as usize)).collect();
        let mut sent = 0;
        let mut popped = 0;
        while popped < frames.len() {
            match producer.try_push_batch(&frames[sent..]) {
                Ok((count, _)) => sent += count,
                Err(refused) => assert_eq!(refused, Refused::Full),
            }
            assert_eq!(pop(&mut consumer).unwrap(), frames[popped]);
            popped += 1;
        }
        assert_eq!(producer.try_push_batch::<&[u8]>(&[]), Ok((0, 0)));
        let with_one_too_large = [frame(0, 5), frame(1, 121)];
        assert_eq!(producer.try_push_batch(&with_one_too_large), Ok((1, 0)));
        assert_eq!(producer.try_push_batch(&with_one_too_large[1..]), Err(Refused::TooLarge));
        let huge = vec![IoSlice::new(&[0; 100]); 2];
        assert_eq!(producer.try_push_vectored(&huge), Err(Refused::TooLarge));
    }
}

#[test]
fn a_view_is_read_in_place_and_popped_by_its_release() {
    for make in MEMORIES {
        let (mut producer, mut consumer) = ends(make, 128, 0);
        for number in 0..100 {
            let sent = frame(number, (number % 50) as usize);
            producer.try_push(&sent).unwrap();
            let position = consumer.position();
            let view = consumer.try_view().unwrap().unwrap();
            assert_eq!(view.len(), sent.len());
            let _ = view;
            assert_eq!(consumer.position(), position, "a dropped view leaves its frame");
            let view = consumer.try_view().unwrap().unwrap();
            for from in 0..=sent.len() {
                let mut part = vec![0; sent.len() - from];
                view.read(from, &mut part);
                assert_eq!(part, sent[from..]);
            }
            view.release();
            assert!(consumer.try_view().unwrap().is_err());
        }
    }
}

/// Each payload word is what the header of the next lap would be at its place.
#[test]
fn payloads_that_look_like_headers_are_not_taken_for_them() {
    for make in MEMORIES {
        for capacity in [64u64, 256] {
            let (mut producer, mut consumer) = ends(make, capacity, 0);
            let mut random = Random(7);
            for _ in 0..5000 {
                let len = random.below(capacity / 16) * 8;
                let mut sent = vec![0; len as usize];
                // Only the ring knows the payload's place: try both, and leave the last one there.
                let mut claim = producer.try_claim(sent.len()).unwrap();
                let index = claim.index();
                let lap = (consumer.position() + capacity) & !(capacity - 1);
                for (at, word) in sent.chunks_mut(8).enumerate() {
                    let position = lap + index + 8 * at as u64;
                    word.copy_from_slice(&header::frame(position, random.below(capacity / 2)).to_ne_bytes());
                }
                claim.write(0, &sent);
                let _ = claim.commit(sent.len());
                assert_eq!(pop(&mut consumer).unwrap(), sent);
                assert_eq!(pop(&mut consumer), None);
            }
        }
    }
}

#[test]
fn successors_continue_where_the_ends_before_stopped() {
    for make in MEMORIES {
        for start in STARTS {
            let ring = ring(make, 256, start);
            let mut random = Random(3);
            let mut waiting = VecDeque::new();
            for number in 0..3000 {
                let mut producer = Producer::attach(ring.clone()).unwrap();
                let sent = frame(number, random.below(121) as usize);
                match producer.try_push(&sent) {
                    Ok(_) => waiting.push_back(sent),
                    Err(refused) => assert_eq!(refused, Refused::Full),
                }
                if random.below(2) == 0 {
                    let mut consumer = Consumer::attach(ring.clone()).unwrap();
                    assert_eq!(pop(&mut consumer), waiting.pop_front());
                }
            }
            assert_eq!(Producer::attach(ring.clone()).unwrap().frames(), {
                let consumer = Consumer::attach(ring).unwrap();
                consumer.frames() + waiting.len() as u64
            });
        }
    }
}

#[test]
fn counters_can_be_read_by_a_third_party() {
    let ring = ring(bytes_common::segment, 128, 0);
    let (mut producer, mut consumer) =
        (Producer::attach(ring.clone()).unwrap(), Consumer::attach(ring.clone()).unwrap());
    assert_eq!(pop(&mut consumer), None);
    assert_eq!(pop(&mut consumer), None);
    while producer.try_push(&[1; 20]).is_ok() {}
    let word = |word: &std::sync::atomic::AtomicU64| word.load(Relaxed);
    assert_eq!(word(ring.found_empty()), 1);
    assert_eq!(word(ring.found_full()), 1);
    assert_eq!(word(ring.frames_pushed()), 3);
    assert_eq!(word(ring.high_water()), 96);
    assert_eq!(word(ring.produced()), 96);
    assert!(pop(&mut consumer).is_some());
    assert_eq!(word(ring.frames_popped()), 1);
    assert_eq!(word(ring.consumed()), 32);
    assert_eq!(word(ring.head()), 32, "a quarter has been read");
}

#[test]
fn two_threads_stream_frames_of_all_lengths() {
    for make in MEMORIES {
        for capacity in [64u64, 4096, 1 << 20] {
            let (mut producer, mut consumer) = ends(make, capacity, (1 << 63) - 800);
            let count = if capacity == 64 { 5000 } else { 20_000u64 };
            let length = |number: u64| Random(number + 1).below(capacity / 2 - 7).min(900) as usize;
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    for number in 0..count {
                        let sent = frame(number, length(number));
                        while let Err(refused) = producer.try_push(&sent) {
                            assert_eq!(refused, Refused::Full);
                            std::thread::yield_now();
                        }
                    }
                });
                let mut out = Vec::new();
                for number in 0..count {
                    loop {
                        match consumer.try_pop_vec(&mut out) {
                            Pop::Frame { .. } => break,
                            Pop::Empty { .. } => std::thread::yield_now(),
                            other => panic!("{other:?}"),
                        }
                    }
                    assert!(out == frame(number, length(number)), "frame {number}");
                }
            });
        }
    }
}

#[derive(Clone, Debug)]
enum Move {
    Push(Vec<u8>),
    Pieces(Vec<Vec<u8>>),
    Batch(Vec<Vec<u8>>),
    Claim { reserve: usize, commit: Option<Vec<u8>> },
    Pop,
    PopInto(usize),
    View { release: bool },
    NextProducer,
    NextConsumer,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..70);
    let many = || prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5);
    let one = prop_oneof![
        4 => bytes().prop_map(Move::Push),
        1 => many().prop_map(Move::Pieces),
        1 => many().prop_map(Move::Batch),
        2 => (0usize..70, prop::option::of(bytes())).prop_map(|(reserve, commit)| Move::Claim { reserve, commit }),
        4 => Just(Move::Pop),
        1 => (0usize..70).prop_map(Move::PopInto),
        2 => any::<bool>().prop_map(|release| Move::View { release }),
        1 => Just(Move::NextProducer),
        1 => Just(Move::NextConsumer),
    ];
    prop::collection::vec(one, 0..200)
}

/// Bytes in the ring, as an observer sees them.
fn room_is_plausible(producer: &Producer<ipc_ring::ring::bytes::Mapped>, len: usize, capacity: u64) -> bool {
    let used = producer.position() - producer.memory().consumed().load(Relaxed);
    // Full is right when padding, record and the next header do not fit.
    let left = capacity - (producer.position() & (capacity - 1));
    let record = header::record(len as u64);
    used + if record > left { left } else { 0 } + record + 8 > capacity
}

proptest! {
    #[test]
    fn behaves_like_a_queue_of_vectors(moves in moves(), in_segment in any::<bool>(), start in 0u64..16, small in any::<bool>()) {
        let capacity = if small { 64 } else { 128 };
        let ring = ring(MEMORIES[usize::from(in_segment)], capacity, (1 << 63) - 64 + 8 * start);
        let mut producer = Producer::attach(ring.clone()).unwrap();
        let mut consumer = Consumer::attach(ring.clone()).unwrap();
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        let longest = producer.longest();
        for step in moves {
            match step {
                Move::Push(bytes) => match producer.try_push(&bytes) {
                    Ok(_) => model.push_back(bytes),
                    Err(Refused::Full) => prop_assert!(room_is_plausible(&producer, bytes.len(), capacity)),
                    Err(Refused::TooLarge) => prop_assert!(bytes.len() > longest),
                    Err(other) => panic!("{other:?}"),
                },
                Move::Pieces(pieces) => {
                    let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
                    let whole = pieces.concat();
                    match producer.try_push_vectored(&slices) {
                        Ok(_) => model.push_back(whole),
                        Err(Refused::Full) => prop_assert!(room_is_plausible(&producer, whole.len(), capacity)),
                        Err(Refused::TooLarge) => prop_assert!(whole.len() > longest),
                        Err(other) => panic!("{other:?}"),
                    }
                }
                Move::Batch(frames) => match producer.try_push_batch(&frames) {
                    Ok((count, _)) => model.extend(frames.into_iter().take(count)),
                    Err(Refused::Full) => prop_assert!(room_is_plausible(&producer, frames[0].len(), capacity)),
                    Err(Refused::TooLarge) => prop_assert!(frames[0].len() > longest),
                    Err(other) => panic!("{other:?}"),
                },
                Move::Claim { reserve, commit } => match producer.try_claim(reserve) {
                    Ok(mut claim) => {
                        if let Some(mut bytes) = commit {
                            bytes.truncate(reserve);
                            claim.write(0, &bytes);
                            let _ = claim.commit(bytes.len());
                            model.push_back(bytes);
                        } else {
                            claim.write(0, &vec![0xAA; reserve]);
                        }
                    }
                    Err(Refused::Full) => prop_assert!(room_is_plausible(&producer, reserve, capacity)),
                    Err(Refused::TooLarge) => prop_assert!(reserve > longest),
                    Err(other) => panic!("{other:?}"),
                },
                Move::Pop => prop_assert_eq!(pop(&mut consumer), model.pop_front()),
                Move::PopInto(len) => {
                    let mut out = vec![0; len];
                    match consumer.try_pop_into(&mut out) {
                        Pop::Frame { len, .. } => prop_assert_eq!(&out[..len], &model.pop_front().unwrap()[..]),
                        Pop::TooSmall { needed } => prop_assert_eq!(needed, model[0].len()),
                        Pop::Empty { .. } => prop_assert!(model.is_empty()),
                        Pop::Corrupt(corruption) => panic!("{corruption}"),
                    }
                }
                Move::View { release } => match consumer.try_view().unwrap() {
                    Ok(view) => {
                        let mut out = vec![0; view.len()];
                        view.read(0, &mut out);
                        prop_assert_eq!(&out, &model[0]);
                        if release {
                            let _ = view.release();
                            model.pop_front();
                        }
                    }
                    Err(_) => prop_assert!(model.is_empty()),
                },
                Move::NextProducer => producer = Producer::attach(ring.clone()).unwrap(),
                Move::NextConsumer => consumer = Consumer::attach(ring.clone()).unwrap(),
            }
            prop_assert_eq!(producer.is_drained(), model.is_empty());
            prop_assert_eq!(consumer.has_item(), !model.is_empty());
        }
    }
}
