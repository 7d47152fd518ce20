//! A thread that joins a shared block because its process reads it already looks at the block's word twice.
//! Between the two checks the other readers may release the block, and it may be lent and shared again, and
//! read again by the same process: then the handle names a payload that is gone, and must not open the next
//! one.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ipc_ring::Region;
use ipc_ring::memory::{self, Access};
use ipc_ring::platform::Native;
use ipc_ring::ring::pool::{
    Blocks, Class, Classes, Handle, Mapped, Member, Memory, Reading, Refused, Seat, Seats, Shape, Sizes,
    State, Tables, Tag,
};

thread_local! {
    /// What other threads do the next time this one queries the readers of a block.
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A pool in memory that lets something happen at a chosen moment.
#[derive(Clone)]
struct Paused {
    pool: Mapped,
    /// Whether the generations noted next to the tags are what the members wrote. A peer that breaks the
    /// protocol may set them back.
    notes: bool,
}

// SAFETY: everything is passed on to the mapped pool, which keeps the promise.
unsafe impl Access for Paused {
    type Platform = Native;

    unsafe fn u64_at(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the caller's promise.
        unsafe { self.pool.u64_at(offset) }
    }
    unsafe fn u32_at(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the caller's promise.
        unsafe { self.pool.u32_at(offset) }
    }
    unsafe fn with_mut<R>(&self, offset: usize, f: impl FnOnce(*mut u8) -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe { self.pool.with_mut(offset, f) }
    }
    unsafe fn with<R>(&self, offset: usize, f: impl FnOnce(*const u8) -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe { self.pool.with(offset, f) }
    }
    unsafe fn store_item<S: memory::Shape>(&self, offset: usize, shape: S, item: &S::Item) {
        // SAFETY: the caller's promise.
        unsafe { self.pool.store_item(offset, shape, item) }
    }
    unsafe fn load_item<S: memory::Shape>(&self, offset: usize, shape: S, place: &mut S::Place) {
        // SAFETY: the caller's promise.
        unsafe { self.pool.load_item(offset, shape, place) }
    }
    unsafe fn store_bytes(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: the caller's promise.
        unsafe { self.pool.store_bytes(offset, bytes) }
    }
    unsafe fn load_bytes(&self, offset: usize, out: &mut [MaybeUninit<u8>]) {
        // SAFETY: the caller's promise.
        unsafe { self.pool.load_bytes(offset, out) }
    }
}

// SAFETY: as above.
unsafe impl Tables for Paused {}
// SAFETY: as above.
unsafe impl Sizes for Paused {
    fn classes(&self) -> &[Class] {
        self.pool.classes()
    }
    fn blocks(&self) -> u32 {
        self.pool.blocks()
    }
}
// SAFETY: as above.
unsafe impl Classes for Paused {}
// SAFETY: as above.
unsafe impl Seats for Paused {}
// SAFETY: as above.
unsafe impl Blocks for Paused {
    fn generations(&self, block: u32) -> &AtomicU64 {
        if self.notes { self.pool.generations(block) } else { Box::leak(Box::new(AtomicU64::new(0))) }
    }
}

impl Memory for Paused {
    fn generation(&self) -> u64 {
        self.pool.generation()
    }
    fn readers(&self, block: u32) -> &AtomicU32 {
        let meanwhile = MEANWHILE.with_borrow_mut(Option::take);
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.pool.readers(block)
    }
}

type One = Member<Paused>;

/// A pool of one block, and two processes with a seat each.
fn pool(notes: bool) -> (Rc<One>, Rc<One>) {
    let shape = Shape::new(&[(64, 1)]).unwrap();
    let region = Region::heap(shape.total_size);
    let member = |identity| {
        let memory = Paused { pool: Mapped::new(region.clone(), shape.clone(), 7).unwrap(), notes };
        let seat = Seat::take(&memory, NonZeroU64::new(identity).unwrap()).unwrap();
        Rc::new(Member::new(memory, seat))
    };
    (member(1), member(2))
}

fn share(writer: &One) -> (Reading, Handle) {
    writer.share(writer.try_loan(0).expect("the block is free"), 8)
}

fn readers(member: &One) -> u32 {
    member.memory().readers(0).load(Ordering::Relaxed)
}

#[test]
fn a_handle_whose_payload_went_meanwhile_does_not_open_the_next_one() {
    old_handle_and_new_payload(true);
}

/// Then only the word distinguishes the two.
#[test]
fn it_does_not_either_when_the_notes_of_generations_are_wrong() {
    old_handle_and_new_payload(false);
}

fn old_handle_and_new_payload(notes: bool) {
    let (writer, reader) = pool(notes);
    let (kept, old) = share(&writer);
    let first = reader.accept(&old).unwrap();

    let again = Rc::new(RefCell::new(None));
    let others = {
        let (writer, reader, again) = (Rc::clone(&writer), Rc::clone(&reader), Rc::clone(&again));
        move || {
            // All readers release it, and the block has another payload, which this process reads.
            reader.release(first);
            writer.release(kept);
            let (kept, new) = share(&writer);
            *again.borrow_mut() = Some((kept, reader.accept(&new).unwrap(), new));
        }
    };
    MEANWHILE.set(Some(Box::new(others)));
    let answer = reader.accept(&old);
    assert!(MEANWHILE.with_borrow(Option::is_none), "it happened while the handle was looked at");
    assert!(
        matches!(answer, Err(Refused::Stale { .. })),
        "the old handle opened the new payload: {answer:?}"
    );

    // Nothing is counted for the one that was refused: the reader of the new payload releases it, and the
    // block is free.
    let (kept, reading, new) = again.take().expect("it happened");
    assert_eq!((readers(&writer), readers(&reader)), (1, 1));
    reader.release(reading);
    writer.release(kept);
    assert_eq!((readers(&writer), readers(&reader)), (0, 0));
    let tag = Tag::from_raw(writer.memory().tag(0).load(Ordering::Relaxed));
    assert_eq!(tag.state(), Some(State::Free));
    assert!(matches!(reader.accept(&new), Err(Refused::Stale { .. } | Refused::NotSent)));
}

/// The same, but the process has the new payload for itself, to read or to write.
#[test]
fn a_handle_whose_payload_went_meanwhile_does_not_open_what_is_written() {
    let (writer, reader) = pool(true);
    let (kept, old) = share(&writer);
    let first = reader.accept(&old).unwrap();
    let loan = Rc::new(RefCell::new(None));
    let others = {
        let (writer, reader, loan) = (Rc::clone(&writer), Rc::clone(&reader), Rc::clone(&loan));
        move || {
            reader.release(first);
            writer.release(kept);
            *loan.borrow_mut() = reader.try_loan(0);
        }
    };
    MEANWHILE.set(Some(Box::new(others)));
    let answer = reader.accept(&old);
    assert!(matches!(answer, Err(Refused::Stale { .. })), "{answer:?}");
    let loan = loan.take().expect("the block was free");
    reader.abandon(loan);
    assert_eq!((readers(&writer), readers(&reader)), (0, 0));
}

/// And what the second look is not for: while the payload stays, all threads of a process join it.
#[test]
fn a_handle_whose_payload_stays_opens_it_as_often_as_one_likes() {
    let (writer, reader) = pool(true);
    let (kept, handle) = share(&writer);
    let first = reader.accept(&handle).unwrap();
    let others = {
        let reader = Rc::clone(&reader);
        move || assert!(!reader.release(reader.accept(&handle).unwrap()))
    };
    MEANWHILE.set(Some(Box::new(others)));
    let second = reader.accept(&handle).unwrap();
    assert_eq!(readers(&reader), 2);
    for reading in [first, second] {
        reader.release(reading);
    }
    writer.release(kept);
    assert!(writer.try_loan(0).is_some());
}
