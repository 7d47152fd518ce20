//! A tap reads a payload while its block is lent again.

use ipc_ring::ring::pool::{Handle, Member, Refused, Unread, read_along};
use loom::thread;

use super::memory::THERE;
use super::{Heap, Mailbox};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("pool_tap_lent_again", 10, lent_again).reaches(&["tapped", "gone"]),
    Model::new("pool_tap_given_back", 10, given_back).reaches(&["tapped", "gone"]),
    Model::new("pool_tap_in_place", 10, in_place).reaches(&["tapped", "gone"]),
    Model::new("pool_tap_lent_again_unordered", 10, lent_again).unordered().reaches(&["tapped", "gone"]),
    Model::new("pool_tap_in_place_unordered", 10, in_place).unordered().reaches(&["tapped", "gone"]),
    Model::new("pool_tap_sent", 10, sent).reaches(&["tapped", "gone", "not there yet"]),
];

/// Sends a block with this number in it.
fn send(pool: &Heap, member: &Member<Heap>, value: u64) -> Handle {
    let loan = member.try_loan(0).expect("a free block");
    pool.write(loan.block(), value);
    let (offered, handle) = member.offer(loan, 8, THERE);
    member.sent(&offered);
    handle
}

/// Receives it and gives it back.
fn receive(member: &Member<Heap>, handle: &Handle) {
    let reading = member.accept(handle).expect("it was sent");
    assert!(member.release(reading));
}

/// Reads the payload of a handle, which is 10 if it is returned at all.
fn tap(pool: &Heap, handle: &Handle) {
    let mut value = 0;
    match read_along(pool, handle, |_, block| value = pool.read(block)) {
        Ok(()) => {
            assert_eq!(value, 10, "a payload that was overwritten is not returned");
            reached("tapped");
        }
        Err(Unread::Refused(Refused::Stale { .. })) => reached("gone"),
        Err(other) => panic!("{other:?}"),
    }
}

/// The block was given back, and is lent again.
fn lent_again() {
    let pool = Heap::tapped(1, 1);
    let member = pool.member(1);
    let handle = send(&pool, &member, 10);
    receive(&member, &handle);
    let shared = pool.clone();
    let other = thread::spawn(move || {
        let loan = member.try_loan(0).expect("it was given back");
        shared.write(loan.block(), 11);
    });
    tap(&pool, &handle);
    other.join().unwrap();
}

/// As before; what was written is given back without being sent.
fn given_back() {
    let pool = Heap::tapped(1, 1);
    let member = pool.member(1);
    let handle = send(&pool, &member, 10);
    receive(&member, &handle);
    let shared = pool.clone();
    let other = thread::spawn(move || {
        let loan = member.try_loan(0).expect("it was given back");
        shared.write(loan.block(), 11);
        member.abandon(loan);
    });
    tap(&pool, &handle);
    other.join().unwrap();
    assert!(read_along(&pool, &handle, |_, _| ()).is_err(), "it was written again");
}

/// The receiver writes the block in place, to send it on.
fn in_place() {
    let pool = Heap::tapped(1, 1);
    let member = pool.member(1);
    let handle = send(&pool, &member, 10);
    let shared = pool.clone();
    let other = thread::spawn(move || {
        let reading = member.accept(&handle).expect("it was sent");
        let loan = member.take_over(reading).expect("received exclusively");
        shared.write(loan.block(), 11);
    });
    tap(&pool, &handle);
    other.join().unwrap();
}

/// The tap finds the handle on its way.
fn sent() {
    let pool = Heap::tapped(1, 1);
    let member = pool.member(1);
    let mailbox = Mailbox::default();
    let (shared, theirs) = (pool.clone(), mailbox.clone());
    let other = thread::spawn(move || {
        let loan = member.try_loan(0).expect("a free block");
        shared.write(loan.block(), 10);
        let (offered, handle) = member.offer(loan, 8, THERE);
        theirs.post(handle);
        member.sent(&offered);
        receive(&member, &handle);
        let loan = member.try_loan(0).expect("it was given back");
        shared.write(loan.block(), 11);
    });
    match mailbox.look(0) {
        Some(handle) => tap_unordered(&pool, &handle),
        None => reached("not there yet"),
    }
    other.join().unwrap();
}

/// As [`tap`], with a handle that came without any order: its block may look as it did before.
fn tap_unordered(pool: &Heap, handle: &Handle) {
    let mut value = 0;
    match read_along(pool, handle, |_, block| value = pool.read(block)) {
        Ok(()) => {
            assert_eq!(value, 10, "a payload that is not complete is not returned");
            reached("tapped");
        }
        Err(Unread::Refused(Refused::Stale { .. })) => reached("gone"),
        Err(Unread::Refused(Refused::NotSent)) => {}
        Err(other) => panic!("{other:?}"),
    }
}
