//! The two ends as the models use them, and faulty copies of them.

use std::num::NonZeroU64;
use std::rc::Rc;

use ipc_ring::platform::Word as _;
use ipc_ring::ring::broadcast::{self, Pop, Publish, Resume, Start, Subscriber, payloads, seat};
use ipc_ring::ring::pool::{Blocks as _, Handle, Loaned, Member, Refused, State, Tag, recovery};
use loom::sync::atomic::Ordering;

use super::Handles;
use crate::broadcast::memory::Shape;
use crate::pool::memory::THERE;
use crate::pool::{self, Heap};
use crate::{mutation, reached};

/// A mistake: a block is withdrawn before its place is given up.
pub const WITHDRAWN_FIRST: &str = "payloads: a block is withdrawn before its place is given up";
/// A mistake: the ring keeps the blocks of places that are overwritten.
pub const NOT_WITHDRAWN: &str = "payloads: a block is not withdrawn when its slot is overwritten";
/// A mistake: the ring owns the block before its handle is in the ring.
pub const MARKED_FIRST: &str = "payloads: the ring has the block before it has the handle";
/// A mistake: a successor ignores the blocks in the ring.
pub const NOT_TAKEN_OVER: &str = "payloads: a successor does not look at the slots";
/// A mistake: a subscriber advances before it takes the block.
pub const MOVES_ON_FIRST: &str = "payloads: a subscriber moves on before it takes the block";

/// The possible mistakes of a publisher.
const PUBLISHERS: [&str; 4] = [WITHDRAWN_FIRST, NOT_WITHDRAWN, MARKED_FIRST, NOT_TAKEN_OVER];
/// All of them.
pub const MISTAKES: [&str; 5] =
    [WITHDRAWN_FIRST, NOT_WITHDRAWN, MARKED_FIRST, NOT_TAKEN_OVER, MOVES_ON_FIRST];

/// Slots of every ring here.
const CAPACITY: usize = 1;

/// A ring and a pool.
#[derive(Clone, Debug)]
pub struct World {
    /// The pool.
    pub pool: Heap,
    /// The ring.
    pub ring: Handles,
    blocks: u32,
    seats: usize,
}

impl World {
    /// A ring of one slot, and a pool with this number of blocks and this number of seats.
    #[must_use]
    pub fn new(shape: fn(usize) -> Shape, blocks: u32, seats: usize) -> Self {
        Self { pool: Heap::new(blocks, seats), ring: Handles::of_one_pool(shape(CAPACITY)), blocks, seats }
    }

    /// The publishing end, for this member.
    #[must_use]
    pub fn publisher(&self, member: Rc<Member<Heap>>) -> Outgoing {
        let mistaken = PUBLISHERS.into_iter().any(mutation::logic);
        let ring = if mistaken {
            let ring = broadcast::Publisher::attach(self.ring.clone()).expect("the ring is sound");
            Ring::Mistaken { ring, kept: None }
        } else {
            let ring = payloads::Publisher::attach(self.ring.clone(), &member, THERE);
            Ring::Right(ring.expect("the ring is sound"))
        };
        Outgoing { pool: self.pool.clone(), member, ring }
    }

    /// A reading end with a seat, for this member. Only one caller takes one at a time, as under the lock.
    #[must_use]
    pub fn subscriber(&self, identity: u64, member: Rc<Member<Heap>>) -> Incoming {
        let seat = seat::take(&self.ring, NonZeroU64::new(identity).expect("not 0")).expect("a free seat");
        let ring = Subscriber::join(self.ring.clone(), seat, Start::Oldest, Resume::Oldest, || true).unwrap();
        Incoming { pool: self.pool.clone(), member, ring, received: 0, missed: 0, refused: 0 }
    }

    /// When all threads are joined and all ends are gone: nothing is lost, and only the ring holds anything.
    pub fn is_sound(&self) {
        self.pool.recover();
        let tags = (0..self.blocks).map(|block| Tag::from_raw(self.pool.tag(block).load(Ordering::Acquire)));
        let tags: Vec<Tag> = tags.collect();
        assert!(tags.iter().all(|tag| tag.holders() == 0), "a block is held: {tags:?}");
        let published = tags.iter().filter(|tag| tag.state() == Some(State::Published));
        assert!(published.count() <= CAPACITY, "the ring has more blocks than slots");
        (1..4).for_each(|identity| self.pool.dies(identity));
        recovery::reclaim(&self.pool, |_| false);
        pool::is_sound(&self.pool, self.blocks, self.seats);
    }
}

/// A publishing end.
#[derive(Debug)]
pub struct Outgoing {
    pool: Heap,
    member: Rc<Member<Heap>>,
    ring: Ring,
}

#[derive(Debug)]
enum Ring {
    Right(payloads::Publisher<Handles>),
    Mistaken { ring: broadcast::Publisher<Handles>, kept: Option<Handle> },
}

impl Outgoing {
    /// The number of the next payload.
    #[must_use]
    pub fn position(&self) -> u64 {
        match &self.ring {
            Ring::Right(ring) => ring.position(),
            Ring::Mistaken { ring, .. } => ring.position(),
        }
    }

    /// A block, if one is free or can be made free.
    fn lend(&mut self) -> Option<Loaned> {
        if let Some(loaned) = self.member.try_loan(0) {
            return Some(loaned);
        }
        if let Ring::Right(ring) = &mut self.ring {
            if ring.withdraw_given_up(&*self.member)
                && let Some(loaned) = self.member.try_loan(0)
            {
                return Some(loaned);
            }
            if ring.give_up_oldest(&*self.member, 0)
                && let Some(loaned) = self.member.try_loan(0)
            {
                reached("given up for its block");
                return Some(loaned);
            }
        }
        self.pool.recover();
        self.member.try_loan(0)
    }

    /// Publishes the next payload. False when there is no block or no room.
    pub fn publish(&mut self) -> bool {
        let Some(loaned) = self.lend() else { return false };
        self.pool.write(loaned.block(), 10 + self.position());
        match &mut self.ring {
            Ring::Right(ring) => match ring.try_publish(&*self.member, loaned, 8) {
                Ok(()) => true,
                Err((loaned, publish)) => {
                    assert_eq!(publish, Publish::Full);
                    reached("full");
                    self.member.abandon(loaned);
                    false
                }
            },
            Ring::Mistaken { ring, kept } => mistaken(&self.member, ring, kept, loaned),
        }
    }
}

/// The steps of a publication, one of them wrong.
fn mistaken(
    member: &Member<Heap>,
    ring: &mut broadcast::Publisher<Handles>,
    kept: &mut Option<Handle>,
    loaned: Loaned,
) -> bool {
    let is = mutation::logic;
    let mut withdraw = || kept.take().is_some_and(|handle| member.withdraw(&handle));
    if is(WITHDRAWN_FIRST) {
        withdraw();
    }
    if ring.has_room() != Ok(true) {
        member.abandon(loaned);
        return false;
    }
    if !is(NOT_WITHDRAWN) {
        withdraw();
    }
    let (reading, handle) = member.publish(loaned, 8, THERE);
    if is(MARKED_FIRST) {
        member.published(reading);
        assert_eq!(ring.try_publish(&handle), Publish::Done);
    } else {
        assert_eq!(ring.try_publish(&handle), Publish::Done);
        member.published(reading);
    }
    *kept = Some(handle);
    true
}

/// A reading end and its books.
#[derive(Debug)]
pub struct Incoming {
    pool: Heap,
    member: Rc<Member<Heap>>,
    ring: Subscriber<Handles>,
    received: u64,
    missed: u64,
    refused: u64,
}

impl Incoming {
    /// Pops once, reads the payload in place, and releases it. False when nothing was there.
    pub fn pop(&mut self) -> bool {
        let before = self.ring.position();
        let mut late = false;
        let member = &self.member;
        let mut accept = |handle: &Handle| {
            member.accept(handle).inspect_err(|refused| late = matches!(refused, Refused::Stale { .. }))
        };
        let popped = if mutation::logic(MOVES_ON_FIRST) {
            match self.ring.try_pop() {
                Pop::Item { item, look } => Pop::Item { item: accept(&item), look },
                Pop::Missed { count } => Pop::Missed { count },
                Pop::Empty { look } => Pop::Empty { look },
                Pop::Corrupt(corruption) => Pop::Corrupt(corruption),
            }
        } else {
            payloads::try_pop(&mut self.ring, accept)
        };
        match popped {
            Pop::Item { item: Ok(reading), .. } => {
                assert_eq!(self.pool.read(reading.block()), 10 + before, "another lap's payload");
                self.member.release(reading);
                self.received += 1;
                reached("read");
            }
            Pop::Item { item: Err(refused), .. } => {
                assert!(matches!(refused, Refused::Stale { .. }), "{refused:?}");
                self.refused += 1;
                reached("refused");
            }
            Pop::Missed { count } => {
                self.missed += count;
                reached(if late { "gone when it was to be taken" } else { "missed" });
            }
            Pop::Empty { .. } => return false,
            Pop::Corrupt(corruption) => panic!("{corruption}"),
        }
        true
    }

    /// After the last publication: reads what is left. The books must balance, with at most this number of
    /// refused handles.
    pub fn finish(mut self, published: u64, refused: u64) {
        while self.pop() {}
        assert_eq!(self.ring.position(), published, "the last payload is delivered or reported");
        assert_eq!(self.received + self.missed + self.refused, published);
        assert!(self.refused <= refused, "{} handles were refused", self.refused);
    }

    /// A gated subscriber misses nothing.
    pub fn missed_nothing(&self) {
        assert_eq!((self.missed, self.refused), (0, 0), "a gated subscriber missed payloads");
    }
}
