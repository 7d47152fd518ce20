//! The rings of messages and of frames.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ipc_ring::platform::{Barrier, Native};
use ipc_ring::ring::{bytes, mpmc, spsc};
use ipc_ring::{Message, Region};

use super::{MESSAGES, Seen, number, until, whole};

// SAFETY: the ring has the words.
unsafe impl<M: spsc::Words<Platform = Native>> spsc::Words for Seen<M> {}

impl<T: Message> spsc::Memory for Seen<spsc::Mapped<T>> {
    fn barrier(&self) -> Barrier {
        Barrier::Fence
    }
}

#[test]
fn spsc_by_copies_and_in_place() {
    let geometry = spsc::Mapped::<[u64; 3]>::geometry(8).unwrap();
    let region = Region::heap(geometry.total_size());
    let ring = Seen(spsc::Mapped::<[u64; 3]>::new(region, &geometry, Barrier::Fence).unwrap());
    let mut producer = spsc::Producer::attach(ring.clone()).unwrap();
    let mut consumer = spsc::Consumer::attach(ring);
    thread::scope(|scope| {
        scope.spawn(move || {
            for sent in 0..MESSAGES {
                until(|| match sent % 3 {
                    0 => {
                        let mut claim = producer.try_claim().unwrap()?;
                        // SAFETY: the slot is the claim's, with room for one element.
                        claim.with(|slot| unsafe { slot.write(whole(sent)) });
                        let _ = claim.commit();
                        Some(())
                    }
                    1 => matches!(producer.try_push(&whole(sent)), spsc::Push::Done { .. }).then_some(()),
                    _ => (producer.try_push_slice(&[whole(sent)]).unwrap().0 == 1).then_some(()),
                });
            }
        });
        for expected in 0..MESSAGES {
            let message = until(|| {
                if expected % 2 == 0 {
                    let view = consumer.try_view().unwrap().ok()?;
                    // SAFETY: the slot is the view's and holds an element.
                    let message = view.with(|slot| unsafe { slot.read() });
                    let _ = view.release();
                    Some(message)
                } else {
                    match consumer.try_pop() {
                        spsc::Pop::Item { item, .. } => Some(item),
                        spsc::Pop::Empty { .. } => None,
                        spsc::Pop::Corrupt(corruption) => panic!("{corruption}"),
                    }
                }
            });
            assert_eq!(number(message), expected);
        }
    });
}

// SAFETY: the ring has the words.
unsafe impl<M: bytes::Words<Platform = Native>> bytes::Words for Seen<M> {}

impl bytes::Memory for Seen<bytes::Mapped> {
    fn barrier(&self) -> Barrier {
        Barrier::Fence
    }
}

#[test]
fn frames_of_many_lengths() {
    let geometry = bytes::Mapped::geometry(256).unwrap();
    let ring = bytes::Mapped::new(Region::heap(geometry.total_size()), &geometry, Barrier::Fence).unwrap();
    ring.start_at(0);
    let ring = Seen(ring);
    let mut producer = bytes::Producer::attach(ring.clone()).unwrap();
    let mut consumer = bytes::Consumer::attach(ring).unwrap();
    let frame = |number: u64| vec![number as u8; (number % 67) as usize];
    thread::scope(|scope| {
        scope.spawn(move || {
            for sent in 0..MESSAGES {
                until(|| match producer.try_push(&frame(sent)) {
                    Ok(_) => Some(()),
                    Err(bytes::Refused::Full) => None,
                    Err(other) => panic!("{other:?}"),
                });
            }
        });
        let mut out = Vec::new();
        for expected in 0..MESSAGES {
            until(|| match consumer.try_pop_vec(&mut out) {
                bytes::Pop::Frame { .. } => Some(()),
                bytes::Pop::Empty { .. } => None,
                other => panic!("{other:?}"),
            });
            assert_eq!(out, frame(expected));
        }
    });
}

// SAFETY: the ring has the words.
unsafe impl<M: mpmc::Words<Platform = Native>> mpmc::Words for Seen<M> {}
// SAFETY: the ring has the seats.
unsafe impl<M: mpmc::Seats<Platform = Native>> mpmc::Seats for Seen<M> {}

impl<T: Message> mpmc::Memory for Seen<mpmc::Mapped<T>> {}

#[test]
fn mpmc_two_by_two() {
    let geometry = mpmc::Mapped::<[u64; 3]>::geometry(4).unwrap();
    let ring = mpmc::Mapped::<[u64; 3]>::new(Region::heap(geometry.total_size()), &geometry).unwrap();
    ring.start_at(0);
    let ring = Seen(ring);
    let seat = |identity| mpmc::Seat::take(&ring, NonZeroU64::new(identity).unwrap()).unwrap();
    let producers = [1, 2].map(|identity| mpmc::Producer::attach(ring.clone(), seat(identity)));
    let consumers = [3, 4].map(|identity| mpmc::Consumer::attach(ring.clone(), seat(identity)));
    let popped = AtomicU64::new(0);
    let sum: u64 = thread::scope(|scope| {
        for (which, mut producer) in producers.into_iter().enumerate() {
            scope.spawn(move || {
                for sent in (which as u64..MESSAGES).step_by(2) {
                    until(|| {
                        if sent % 3 == 0 {
                            let mut claim = producer.try_claim().ok()?;
                            // SAFETY: the slot is the claim's, with room for one element.
                            claim.with(|slot| unsafe { slot.write(whole(sent)) });
                            claim.commit();
                            Some(())
                        } else {
                            producer.try_push(&whole(sent)).ok()
                        }
                    });
                }
            });
        }
        let workers = consumers.map(|mut consumer| {
            let popped = &popped;
            scope.spawn(move || {
                let (mut sum, mut last) = (0, [None; 2]);
                while popped.load(Ordering::Relaxed) < MESSAGES {
                    let message = if sum % 2 == 0 {
                        consumer.try_pop_with(|lent| {
                            // SAFETY: the slot is lent and holds an element.
                            lent.with(|slot| unsafe { slot.read() })
                        })
                    } else {
                        consumer.try_pop().map(|popped| popped.item)
                    };
                    let Ok(message) = message else {
                        thread::yield_now();
                        continue;
                    };
                    let number = number(message);
                    let last = &mut last[(number % 2) as usize];
                    assert!(last.is_none_or(|last| last < number), "out of order");
                    *last = Some(number);
                    popped.fetch_add(1, Ordering::Relaxed);
                    sum += number;
                }
                sum
            })
        });
        workers.map(|worker| worker.join().unwrap()).iter().sum()
    });
    assert_eq!(sum, MESSAGES * (MESSAGES - 1) / 2, "lost or doubled");
}
