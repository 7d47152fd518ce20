//! One payload, several readers, without deaths.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::platform::Word as _;
use ipc_ring::ring::pool::Blocks as _;
use loom::thread;

use super::sending::receive;
use super::{Heap, Mailbox, is_sound};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("pool_last_reader_frees", 1_300, last_reader_frees).reaches(&[
        "two readers",
        "too late",
        "lent again",
    ]),
    Model::new("pool_readers_of_one_process", 2_000, readers_of_one_process)
        .reaches(&["two readers", "lent again"]),
    Model::new("pool_reader_comes_again", 4_000, reader_comes_again)
        .reaches(&["another payload", "too late"]),
    Model::new("pool_only_the_word_is_right", 1_000, only_the_word_is_right).reaches(&[
        "two readers",
        "another payload",
        "too late",
    ]),
];

/// The sender shares a payload with two other processes and releases it; then it borrows the block again.
fn last_reader_frees() {
    let pool = Heap::new(1, 3);
    let sender = pool.member(1);
    let mailbox = Mailbox::default();
    let loan = sender.try_loan(0).unwrap();
    pool.write(loan.block(), 10);
    let (reading, handle) = sender.share(loan, 8);
    mailbox.post(handle);
    let others = [2, 3].map(|identity| {
        let member = pool.member(identity);
        let (shared, theirs) = (pool.clone(), mailbox.clone());
        thread::spawn(move || {
            let value = receive(&shared, &member, &theirs, 0);
            assert!(value.is_none_or(|value| value == 10), "{value:?}");
            assert!(member.leave());
            value.is_some()
        })
    });
    assert_eq!(pool.read(reading.block()), 10);
    sender.release(reading);
    if let Some(loan) = sender.try_loan(0) {
        reached("lent again");
        pool.write(loan.block(), 11);
        sender.abandon(loan);
    }
    match others.map(|other| other.join().unwrap()) {
        [true, true] => reached("two readers"),
        _ => reached("too late"),
    }
    assert!(sender.leave());
    is_sound(&pool, 1, 3);
}

/// Two threads of one process read a payload; the sender, which has released it, rewrites the block when both
/// are done.
fn readers_of_one_process() {
    let pool = Heap::new(1, 2);
    let (sender, member) = (pool.member(1), Rc::new(pool.member(2)));
    let mailbox = Mailbox::default();
    let others = [(); 2].map(|()| {
        let member = Rc::clone(&member);
        let (shared, theirs) = (pool.clone(), mailbox.clone());
        thread::spawn(move || {
            let value = receive(&shared, &member, &theirs, 0);
            assert!(value.is_none_or(|value| value == 10), "{value:?}");
            value.is_some()
        })
    });
    let loan = sender.try_loan(0).unwrap();
    pool.write(loan.block(), 10);
    let (reading, handle) = sender.share(loan, 8);
    mailbox.post(handle);
    sender.release(reading);
    if let Some(loan) = sender.try_loan(0) {
        reached("lent again");
        pool.write(loan.block(), 11);
        sender.abandon(loan);
    }
    if others.map(|other| other.join().unwrap()) == [true, true] {
        reached("two readers");
    }
    assert!(sender.leave() && member.leave());
    is_sound(&pool, 1, 2);
}

/// A thread of the sender's own process takes a payload while another one releases it and shares the next.
fn reader_comes_again() {
    let pool = Heap::new(1, 2);
    let member = Rc::new(pool.member(1));
    let mailbox = Mailbox::default();
    let mut shares = Vec::new();
    let loan = member.try_loan(0).unwrap();
    pool.write(loan.block(), 10);
    let (reading, handle) = member.share(loan, 8);
    mailbox.post(handle);
    shares.push(reading);
    let others = [0, 1].map(|number| {
        let member = Rc::clone(&member);
        let (shared, theirs) = (pool.clone(), mailbox.clone());
        thread::spawn(move || {
            let value = receive(&shared, &member, &theirs, number);
            assert!(value.is_none_or(|value| value == 10 + number as u64), "{value:?}");
            value.is_some()
        })
    });
    member.release(shares.pop().unwrap());
    if let Some(loan) = member.try_loan(0) {
        pool.write(loan.block(), 11);
        let (reading, handle) = member.share(loan, 8);
        mailbox.post(handle);
        member.release(reading);
    }
    match others.map(|other| other.join().unwrap()) {
        [_, true] => reached("another payload"),
        [false, _] => reached("too late"),
        _ => {}
    }
    assert!(member.leave());
    is_sound(&pool, 1, 2);
}

/// A thread of the sender's own process joins the readers of a payload while the sender releases it and
/// shares the next one, and a peer that breaks the protocol sets back the generation noted next to the word.
/// The word alone then says that the handle is out of date.
fn only_the_word_is_right() {
    let pool = Heap::new(1, 1);
    let member = Rc::new(pool.member(1));
    let loan = member.try_loan(0).unwrap();
    pool.write(loan.block(), 10);
    let (reading, old) = member.share(loan, 8);
    let other = {
        let (member, pool) = (Rc::clone(&member), pool.clone());
        thread::spawn(move || {
            let Ok(reading) = member.accept(&old) else { return false };
            assert_eq!(pool.read(reading.block()), 10, "the handle opened another payload");
            member.release(reading);
            true
        })
    };
    member.release(reading);
    let next = member.try_loan(0).map(|loan| {
        pool.write(loan.block(), 11);
        let (reading, _) = member.share(loan, 8);
        pool.generations(0).store(0, Relaxed);
        reading
    });
    match (next.is_some(), other.join().unwrap()) {
        (true, false) => reached("another payload"),
        (true, true) => reached("too late"),
        (false, _) => reached("two readers"),
    }
    if let Some(reading) = next {
        member.release(reading);
    }
    assert!(member.leave());
    is_sound(&pool, 1, 1);
}
