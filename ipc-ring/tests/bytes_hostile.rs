//! The bytes ring in memory that another process writes at will: every operation returns an error or bytes,
//! and stays inside the ring.

mod bytes_common;

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes_common::{MEMORIES, Random, frame, pop};
use ipc_ring::Region;
use ipc_ring::platform::Barrier;
use ipc_ring::ring::bytes::{Consumer, Corruption, Mapped, Pop, Producer, Refused, header};
use ipc_ring::ring::spsc::Words as _;

/// Bytes of the words in front of the records that belong to the ring itself: positions, counters, signals.
const WORDS: std::ops::Range<u64> = 0x200..0x480;
const RECORDS: u64 = 0x480;
/// Bytes past the ring that must not be touched.
const FENCE: usize = 256;
const CANARY: u64 = 0x5AFE_5AFE_5AFE_5AFE;

/// A ring followed by a fence.
fn fenced(make: bytes_common::Make, capacity: u64) -> (Mapped, Region) {
    let geometry = Mapped::geometry(capacity).unwrap();
    let region = make(geometry.total_size() + FENCE);
    let ring = Mapped::new(region.clone(), &geometry, Barrier::Fence).unwrap();
    for at in 0..FENCE / 8 {
        poke(&region, RECORDS + capacity + 8 * at as u64, CANARY);
    }
    (ring, region)
}

fn word(region: &Region, offset: u64) -> &std::sync::atomic::AtomicU64 {
    assert!(offset.is_multiple_of(8) && offset + 8 <= region.len() as u64);
    // SAFETY: inside the region, as asserted.
    let address = unsafe { region.base().add(offset as usize) };
    // SAFETY: aligned to 8 and mapped as long as the region.
    unsafe { std::sync::atomic::AtomicU64::from_ptr(address.as_ptr().cast()) }
}

fn poke(region: &Region, offset: u64, value: u64) {
    word(region, offset).store(value, Ordering::Relaxed);
}

fn assert_fence(region: &Region, capacity: u64) {
    for at in 0..FENCE / 8 {
        assert_eq!(
            word(region, RECORDS + capacity + 8 * at as u64).load(Ordering::Relaxed),
            CANARY,
            "behind the ring"
        );
    }
}

/// A value worth trying: near the correct one, or far from it.
fn evil(random: &mut Random, capacity: u64, position: u64) -> u64 {
    match random.below(12) {
        0 => 0,
        1 => u64::MAX,
        2 => random.next(),
        3 => header::frame(position, random.below(2 * capacity)),
        4 => header::frame(position, u64::from(u32::MAX) - random.below(16)),
        5 => header::padding(position, random.below(2 * capacity)),
        6 => header::padding(position, capacity - (position & (capacity - 1)) - 8),
        7 => header::frame(position.wrapping_sub(capacity), random.below(capacity)),
        8 => position.wrapping_add(random.below(4 * capacity)),
        9 => position.wrapping_sub(random.below(4 * capacity)),
        10 => 1 << random.below(64),
        _ => random.below(256),
    }
}

/// One operation of the producer.
fn produce(producer: &mut Producer<Mapped>, random: &mut Random, capacity: u64) {
    let len = random.below(capacity / 2 + 4) as usize;
    let bytes = frame(random.next(), len);
    let refused = match random.below(6) {
        0 => producer.try_push_vectored(&[IoSlice::new(&bytes), IoSlice::new(b"tail")]).err(),
        1 => producer.try_push_batch(&[&bytes[..len / 2], &bytes[len / 2..], b""]).err(),
        2 => match producer.try_claim(len) {
            Ok(mut claim) => {
                claim.write(len / 3, &bytes[len / 3..]);
                if len.is_multiple_of(2) {
                    let _ = claim.commit(len / 2);
                }
                None
            }
            Err(refused) => Some(refused),
        },
        3 => {
            let _ = producer.is_drained();
            producer.has_room(len).err().map(Refused::Corrupt)
        }
        _ => producer.try_push(&bytes).err(),
    };
    if let Some(Refused::Corrupt(corruption)) = refused {
        assert!(!corruption.to_string().is_empty());
    }
}

/// One operation of the consumer.
fn consume(consumer: &mut Consumer<Mapped>, random: &mut Random, capacity: u64) {
    let longest = (capacity / 2 - 8) as usize;
    let mut buffer = [0; 4096];
    let popped = match random.below(4) {
        0 => consumer.try_pop_into(&mut buffer[..random.below(capacity / 2) as usize]),
        1 => {
            let mut out = Vec::new();
            let popped = consumer.try_pop_vec(&mut out);
            assert!(out.len() <= longest);
            popped
        }
        _ => {
            let _ = consumer.has_item();
            match consumer.try_view() {
                Ok(Ok(view)) => {
                    assert!(view.len() <= longest && view.index() + view.len() as u64 <= capacity);
                    // Up to the last byte, one part before the other.
                    let middle = view.len() / 2;
                    view.read(middle, &mut buffer[middle..view.len()]);
                    view.read(0, &mut buffer[..middle]);
                    if random.below(2) == 0 {
                        let _ = view.release();
                    }
                    return;
                }
                Ok(Err(signal)) => Pop::Empty { signal },
                Err(corruption) => Pop::Corrupt(corruption),
            }
        }
    };
    match popped {
        Pop::Frame { len, .. } => assert!(len <= longest),
        Pop::TooSmall { needed } => assert!(needed <= longest),
        Pop::Empty { .. } => {}
        Pop::Corrupt(corruption) => assert!(!corruption.to_string().is_empty()),
    }
}

#[test]
fn whatever_is_written_anywhere_every_operation_comes_back() {
    for make in MEMORIES {
        for seed in 1..=300 {
            let mut random = Random(seed * 0x9E37_79B9);
            let capacity = 64 << random.below(4);
            let (ring, region) = fenced(make, capacity);
            ring.start_at((random.next() >> random.below(64)) & !7);
            let mut producer = Producer::attach(ring.clone()).unwrap();
            let mut consumer = Consumer::attach(ring.clone()).unwrap();
            for _ in 0..400 {
                match random.below(8) {
                    0..3 => produce(&mut producer, &mut random, capacity),
                    3..6 => consume(&mut consumer, &mut random, capacity),
                    6 => {
                        // Aimed at the words that are read next, or anywhere.
                        let (offset, position) = match random.below(5) {
                            0 => (RECORDS + (consumer.position() & (capacity - 1)), consumer.position()),
                            1 => (RECORDS, (consumer.position() | (capacity - 1)) + 1),
                            2 => (RECORDS + (producer.position() & (capacity - 1)), producer.position()),
                            3 => ([0x280, 0x300][random.below(2) as usize], producer.position()),
                            _ => {
                                let words = (WORDS.end - WORDS.start + capacity) / 8;
                                let offset = WORDS.start + 8 * random.below(words);
                                (offset, consumer.position())
                            }
                        };
                        poke(&region, offset, evil(&mut random, capacity, position));
                    }
                    _ => match random.below(20) {
                        // A successor: rejected, or a fully valid one.
                        0 => {
                            if let Ok(next) = Producer::attach(ring.clone()) {
                                producer = next;
                            }
                        }
                        1 => {
                            if let Ok(next) = Consumer::attach(ring.clone()) {
                                consumer = next;
                            }
                        }
                        _ => {}
                    },
                }
            }
            assert_fence(&region, capacity);
        }
    }
}

#[test]
fn a_peer_that_scribbles_all_the_time_is_survived() {
    for make in MEMORIES {
        let capacity = 256;
        let (ring, region) = fenced(make, capacity);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random(11);
                let mut position = 0;
                while !stop.load(Ordering::Relaxed) {
                    position = (position + 8 * random.below(9)) & 0xFFFF;
                    let value = evil(&mut random, capacity, position);
                    poke(&region, RECORDS + (position & (capacity - 1)), value);
                    if random.below(50) == 0 {
                        poke(&region, [0x280, 0x300][random.below(2) as usize], value & !7);
                    }
                }
            });
            let mut random = Random(12);
            for _ in 0..300 {
                let (Ok(mut producer), Ok(mut consumer)) =
                    (Producer::attach(ring.clone()), Consumer::attach(ring.clone()))
                else {
                    continue;
                };
                for _ in 0..100 {
                    produce(&mut producer, &mut random, capacity);
                    consume(&mut consumer, &mut random, capacity);
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_fence(&region, capacity);
    }
}

/// Two frames in a ring of 128 bytes, then a word is corrupted.
fn spoilt(offset: u64, value: u64) -> (Result<Producer<Mapped>, Corruption>, Consumer<Mapped>) {
    let (ring, region) = fenced(bytes_common::heap, 128);
    let mut producer = Producer::attach(ring.clone()).unwrap();
    producer.try_push(&[1; 20]).unwrap();
    producer.try_push(&[2; 20]).unwrap();
    poke(&region, offset, value);
    (Producer::attach(ring.clone()), Consumer::attach(ring).unwrap())
}

#[test]
fn forged_headers_are_told_from_true_ones() {
    let forged = [
        ("longer than any frame", header::frame(0, 57)),
        ("as long as the ring", header::frame(0, 128)),
        ("as long as a length can be", header::frame(0, u64::from(u32::MAX))),
        ("of another position", header::frame(8, 20)),
        ("of the lap before", header::frame(0u64.wrapping_sub(128), 20)),
        ("a padding over the whole ring", header::padding(0, 120)),
        ("a padding that is too short", header::padding(0, 8)),
        ("not committed", 20),
        ("noise", u64::MAX),
    ];
    for (what, value) in forged {
        let (producer, mut consumer) = spoilt(RECORDS, value);
        assert!(producer.is_err(), "{what}: {producer:?}");
        let mut out = Vec::new();
        assert!(matches!(consumer.try_pop_vec(&mut out), Pop::Corrupt(_)), "{what}");
        assert!(consumer.try_view().is_err(), "{what}");
        assert!(out.is_empty());
    }
    let (producer, mut consumer) = spoilt(RECORDS, header::frame(0, 20));
    assert!(producer.is_ok(), "the true one");
    assert_eq!(pop(&mut consumer).unwrap(), [1; 20]);
}

/// A record that begins near the end must not reach beyond it, however short it claims to be.
#[test]
fn a_record_is_bound_by_what_is_left_of_the_ring() {
    for (len, fits) in [(8, true), (9, false), (24, false), (56, false)] {
        let (ring, region) = fenced(bytes_common::heap, 128);
        ring.start_at(112);
        let mut consumer = Consumer::attach(ring.clone()).unwrap();
        poke(&region, RECORDS + 112, header::frame(112, len));
        poke(&region, RECORDS, 0);
        let mut out = Vec::new();
        let popped = consumer.try_pop_vec(&mut out);
        assert_eq!(matches!(popped, Pop::Frame { .. }), fits, "{len}: {popped:?}");
    }
}

#[test]
fn a_padding_is_followed_by_a_frame() {
    let behind = [0, header::padding(128, 120), header::frame(128, 57), header::frame(0, 8), u64::MAX];
    for value in behind {
        let (ring, region) = fenced(bytes_common::heap, 128);
        ring.start_at(112);
        let mut consumer = Consumer::attach(ring.clone()).unwrap();
        poke(&region, RECORDS + 112, header::padding(112, 8));
        poke(&region, RECORDS, value);
        assert!(matches!(consumer.try_pop_into(&mut [0; 64]), Pop::Corrupt(_)), "{value:#x}");
        assert!(Producer::attach(ring).is_err(), "{value:#x}");
    }
    let (ring, region) = fenced(bytes_common::heap, 128);
    ring.start_at(112);
    let mut consumer = Consumer::attach(ring.clone()).unwrap();
    poke(&region, RECORDS, header::frame(128, 0));
    poke(&region, RECORDS + 112, header::padding(112, 8));
    assert_eq!(pop(&mut consumer).unwrap(), b"");
    assert_eq!(consumer.position(), 136);
    assert_eq!(consumer.memory().consumed().load(Ordering::Relaxed), 136);
}

#[test]
fn forged_positions_are_refused() {
    for (offset, value) in [(0x280, 3), (0x280, 200), (0x300, 4096), (0x300, 1 << 63), (0x280, u64::MAX - 7)]
    {
        let (ring, region) = fenced(bytes_common::heap, 128);
        let mut producer = Producer::attach(ring.clone()).unwrap();
        while producer.try_push(&[1; 20]).is_ok() {}
        // The head is believed first; where it shows no progress, the exact position is read.
        poke(&region, offset, value);
        let refused = producer.try_push(&[1; 20]);
        if offset == 0x280 && value == 3 {
            assert!(Consumer::attach(ring.clone()).is_err());
            assert!(Producer::attach(ring).is_err());
        } else {
            assert!(matches!(refused, Err(Refused::Corrupt(_))), "{offset:#x} {value:#x}: {refused:?}");
        }
        assert_fence(&region, 128);
    }
}
