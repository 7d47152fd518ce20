//! Gated broadcast, calls, and the blocks of a pool.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use ipc_ring::platform::{Barrier, Native};
use ipc_ring::ring::{broadcast, call, pool};
use ipc_ring::{Message, Region};

use super::{MESSAGES, Seen, number, until, whole};

// SAFETY: the ring has the words.
unsafe impl<M: broadcast::Words<Platform = Native>> broadcast::Words for Seen<M> {}
// SAFETY: the ring has the seats.
unsafe impl<M: broadcast::Seats<Platform = Native>> broadcast::Seats for Seen<M> {}

impl<T: Message> broadcast::Control for Seen<broadcast::Mapped<T>> {
    fn barrier(&self) -> Barrier {
        Barrier::Fence
    }

    fn gated(&self) -> bool {
        true
    }
}

impl<T: Message> broadcast::Memory for Seen<broadcast::Mapped<T>> {}

#[test]
fn gated_broadcast_to_two() {
    use broadcast::{Mapped, Mode, Pop, Publish, Publisher, Resume, Start, Subscriber, seat};
    let geometry = Mapped::<[u64; 3]>::geometry(4).unwrap();
    let region = Region::heap(geometry.total_size());
    let ring = Seen(Mapped::<[u64; 3]>::new(region, &geometry, Barrier::Fence, Mode::Gated).unwrap());
    let mut publisher = Publisher::attach(ring.clone()).unwrap();
    let subscribers = [1, 2].map(|identity| {
        let seat = seat::take(&ring, NonZeroU64::new(identity).unwrap()).unwrap();
        Subscriber::join(ring.clone(), seat, Start::Oldest, Resume::Oldest, || true).unwrap()
    });
    thread::scope(|scope| {
        for mut subscriber in subscribers {
            scope.spawn(move || {
                for expected in 0..MESSAGES {
                    let message = until(|| match subscriber.try_pop() {
                        Pop::Item { item, .. } => Some(item),
                        Pop::Empty { .. } => None,
                        other => panic!("{other:?}"),
                    });
                    assert_eq!(number(message), expected);
                }
            });
        }
        for sent in 0..MESSAGES {
            until(|| match publisher.try_publish(&whole(sent)) {
                Publish::Done => Some(()),
                Publish::Full => None,
                other => panic!("{other:?}"),
            });
        }
    });
}

// SAFETY: the ring has the words.
unsafe impl<M: call::Words<Platform = Native>> call::Words for Seen<M> {}

// SAFETY: the ring has the line.
unsafe impl<Req: Message, Rep: Message> call::Memory for Seen<call::Mapped<Req, Rep>> {
    type Request = Req;
    type Reply = Rep;

    fn barrier(&self) -> Barrier {
        Barrier::Fence
    }
}

#[test]
fn calls_and_replies() {
    type Mapped = call::Mapped<[u64; 3], u64>;
    let region = Region::heap(Mapped::geometry(1).unwrap().total_size());
    let ring = Seen(Mapped::new(region, Barrier::Fence).unwrap());
    let mut caller = call::Caller::attach(ring.clone()).unwrap();
    let mut responder = call::Responder::attach(ring).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for expected in 0..MESSAGES {
                let taken = until(|| responder.try_take().unwrap());
                assert_eq!(number(taken.request), expected);
                responder.reply(&!expected);
            }
        });
        for sent in 0..MESSAGES {
            caller.try_ask(&whole(sent)).unwrap();
            assert_eq!(until(|| caller.try_reply().unwrap()), !sent);
        }
    });
}

// SAFETY: the pool has the tables.
unsafe impl pool::Tables for Seen<pool::Mapped> {}
// SAFETY: those of the pool.
unsafe impl pool::Sizes for Seen<pool::Mapped> {
    fn classes(&self) -> &[pool::Class] {
        self.0.classes()
    }
    fn blocks(&self) -> u32 {
        self.0.blocks()
    }
}
// SAFETY: those of the pool.
unsafe impl pool::Classes for Seen<pool::Mapped> {}
// SAFETY: those of the pool.
unsafe impl pool::Seats for Seen<pool::Mapped> {}
// SAFETY: those of the pool.
unsafe impl pool::Blocks for Seen<pool::Mapped> {}

impl pool::Memory for Seen<pool::Mapped> {
    fn generation(&self) -> u64 {
        self.0.generation()
    }
    fn readers(&self, block: u32) -> &AtomicU32 {
        self.0.readers(block)
    }
}

/// The payload of a block.
fn payload(member: &pool::Member<Seen<pool::Mapped>>, block: u32) -> *mut [u64; 3] {
    member.memory().0.bytes(0, block).as_ptr().cast()
}

/// The place of one handle, which orders nothing.
#[derive(Default)]
struct Mailbox(AtomicU64);

impl Mailbox {
    fn post(&self, handle: pool::Handle) {
        let [_, block, place] = handle.words();
        let word = ((block as u32 as u64) << 32) | ((place as u32 as u64) + 1); // The class is 0.
        until(|| (self.0.load(Ordering::Relaxed) == 0).then_some(()));
        self.0.store(word, Ordering::Relaxed);
    }

    fn take(&self) -> pool::Handle {
        let word = until(|| Some(self.0.load(Ordering::Relaxed)).filter(|word| *word != 0));
        self.0.store(0, Ordering::Relaxed);
        pool::Handle::from_words([GENERATION, word >> 32, (word as u32 - 1) as u64 | 24 << 32])
    }
}

/// The generation of the pool.
const GENERATION: u64 = 7;

/// Every other block is sent, the others are shared: of those the receiver may come too late.
#[test]
fn blocks_of_a_pool_written_in_place() {
    let shape = pool::Shape::new(&[(64, 2)]).unwrap();
    let region = Region::heap(shape.total_size);
    let member = |identity| {
        let memory = Seen(pool::Mapped::new(region.clone(), shape.clone(), GENERATION).unwrap());
        let seat = pool::Seat::take(&memory, NonZeroU64::new(identity).unwrap()).unwrap();
        pool::Member::new(memory, seat)
    };
    let (sender, receiver, mailbox) = (member(1), member(2), Mailbox::default());
    let route = pool::Route::from_words(5, 6);
    thread::scope(|scope| {
        scope.spawn(|| {
            for sent in 0..MESSAGES {
                let loan = until(|| sender.try_loan(0));
                // SAFETY: the block is this thread's, and holds 64 bytes.
                unsafe { payload(&sender, loan.block()).write(whole(sent)) };
                if sent % 2 == 0 {
                    let (offered, handle) = sender.offer(loan, 24, route);
                    mailbox.post(handle);
                    sender.sent(&offered);
                } else {
                    let (reading, handle) = sender.share(loan, 24);
                    mailbox.post(handle);
                    // SAFETY: this thread reads the block too.
                    assert_eq!(number(unsafe { payload(&sender, reading.block()).read() }), sent);
                    sender.release(reading);
                }
            }
        });
        for expected in 0..MESSAGES {
            match receiver.accept(&mailbox.take()) {
                Ok(reading) => {
                    // SAFETY: the receiver reads the block.
                    assert_eq!(number(unsafe { payload(&receiver, reading.block()).read() }), expected);
                    receiver.release(reading);
                }
                Err(refused) => assert_eq!(expected % 2, 1, "sent, and refused: {refused:?}"),
            }
        }
    });
}
