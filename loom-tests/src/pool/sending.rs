//! One sender, one receiver, without deaths.

use ipc_ring::ring::pool::{Member, Refused};
use loom::thread;

use super::memory::THERE;
use super::{Heap, Mailbox, is_sound};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("pool_send_and_receive", 120, send_and_receive).bound(3).reaches(&[
        "received",
        "received before the mark",
        "lent again",
    ]),
    Model::new("pool_two_lenders", 1_400, two_lenders).reaches(&["both", "one"]),
    Model::new("pool_doubled", 240, doubled).reaches(&["doubled", "out of date"]),
    Model::new("pool_take_back", 230, take_back).bound(3).reaches(&["taken back", "taken before"]),
    Model::new("pool_relay", 100, relay).reaches(&["sent on"]),
];

/// Borrows a block if one is free, writes it, and sends it.
pub fn send(pool: &Heap, member: &Member<Heap>, mailbox: &Mailbox, value: u64) -> bool {
    let Some(loan) = member.try_loan(0) else { return false };
    pool.write(loan.block(), value);
    let (offered, handle) = member.offer(loan, 8, THERE);
    mailbox.post(handle);
    member.sent(&offered);
    true
}

/// Takes the block that the handle of this number names, if it is there and names one; reads and releases it.
pub fn receive(pool: &Heap, member: &Member<Heap>, mailbox: &Mailbox, number: usize) -> Option<u64> {
    let handle = mailbox.look(number)?;
    let reading = member.accept(&handle).ok()?;
    let value = pool.read(reading.block());
    member.release(reading);
    Some(value)
}

/// Two payloads through one block.
fn send_and_receive() {
    let pool = Heap::new(1, 2);
    let (sender, receiver) = (pool.member(1), pool.member(2));
    let mailbox = Mailbox::default();
    let (shared, theirs) = (pool.clone(), mailbox.clone());
    let other = thread::spawn(move || {
        let mut got = Vec::new();
        for number in [0, 0, 1] {
            if got.len() == number {
                got.extend(receive(&shared, &receiver, &theirs, number));
            }
        }
        (receiver, got)
    });
    let mut sent = 0;
    for value in [10, 11] {
        if send(&pool, &sender, &mailbox, value) {
            sent += 1;
        }
    }
    if sent == 2 {
        reached("lent again");
    }
    let (receiver, mut got) = other.join().unwrap();
    if !got.is_empty() {
        reached("received");
    }
    if sent == 2 && got.is_empty() {
        panic!("one block was lent twice");
    }
    while got.len() < sent {
        got.push(receive(&pool, &receiver, &mailbox, got.len()).expect("what was sent is received"));
    }
    assert_eq!(got[..], [10, 11][..sent]);
    before_the_mark();
    assert!(sender.leave() && receiver.leave());
    is_sound(&pool, 1, 2);
}

/// A receiver that is faster than the sender's mark: reported once, the same in every execution.
fn before_the_mark() {
    let pool = Heap::new(1, 2);
    let (sender, receiver) = (pool.member(1), pool.member(2));
    let loan = sender.try_loan(0).unwrap();
    let (offered, handle) = sender.offer(loan, 8, THERE);
    let reading = receiver.accept(&handle).unwrap();
    sender.sent(&offered);
    assert_eq!(receiver.accept(&handle), Err(Refused::Doubled { holders: 2 }));
    receiver.release(reading);
    reached("received before the mark");
}

/// Two members want a block, and there are too few for both.
fn two_lenders() {
    let pool = Heap::new(1, 2);
    let others = [1, 2].map(|identity| {
        let member = pool.member(identity);
        let shared = pool.clone();
        thread::spawn(move || {
            let mut times = 0;
            for _ in 0..2 {
                if let Some(loan) = member.try_loan(0) {
                    shared.write(loan.block(), identity);
                    assert_eq!(shared.read(loan.block()), identity, "one block was lent to two");
                    member.abandon(loan);
                    times += 1;
                }
            }
            assert!(member.leave());
            times
        })
    });
    let times = others.map(|other| other.join().unwrap());
    match times {
        [0, 0] => panic!("no block was lent"),
        [0, _] | [_, 0] => reached("one"),
        _ => reached("both"),
    }
    is_sound(&pool, 1, 2);
}

/// One handle reaches two receivers.
fn doubled() {
    let pool = Heap::new(1, 3);
    let sender = pool.member(1);
    let mailbox = Mailbox::default();
    let others = [2, 3].map(|identity| {
        let member = pool.member(identity);
        let (shared, theirs) = (pool.clone(), mailbox.clone());
        thread::spawn(move || {
            let answer = theirs.look(0).map(|handle| {
                member.accept(&handle).map(|reading| {
                    assert_eq!(shared.read(reading.block()), 10);
                    shared.write(reading.block(), identity);
                    member.release(reading);
                })
            });
            match answer {
                Some(Err(Refused::Doubled { .. })) => reached("doubled"),
                Some(Err(Refused::Stale { .. })) => reached("out of date"),
                Some(Err(other)) => panic!("{other:?}"),
                None | Some(Ok(())) => {}
            }
            (member, answer.is_some_and(|answer| answer.is_ok()))
        })
    });
    assert!(send(&pool, &sender, &mailbox, 10));
    let [(one, first), (two, second)] = others.map(|other| other.join().unwrap());
    let rest = receive(&pool, &one, &mailbox, 0).is_some();
    assert_eq!(
        u32::from(first) + u32::from(second) + u32::from(rest),
        1,
        "received more than once, or never"
    );
    assert!(sender.leave() && one.leave() && two.leave());
    is_sound(&pool, 1, 3);
}

/// A push fails after the handle became visible: either the sender gets the block back, or the receiver has
/// it.
fn take_back() {
    let pool = Heap::new(1, 2);
    let (sender, receiver) = (pool.member(1), pool.member(2));
    let mailbox = Mailbox::default();
    let (shared, theirs) = (pool.clone(), mailbox.clone());
    let other = thread::spawn(move || {
        let value = receive(&shared, &receiver, &theirs, 0);
        assert!(receiver.leave());
        value
    });
    let loan = sender.try_loan(0).unwrap();
    pool.write(loan.block(), 10);
    let (offered, handle) = sender.offer(loan, 8, THERE);
    mailbox.post(handle);
    let back = sender.take_back(offered);
    let had = back.is_some();
    if let Some(loan) = back {
        reached("taken back");
        pool.write(loan.block(), 11);
        sender.abandon(loan);
    }
    let value = other.join().unwrap();
    if value.is_some() {
        reached("taken before");
    }
    assert!(value.is_none_or(|value| value == 10 && !had), "both have it");
    assert!(sender.leave());
    is_sound(&pool, 1, 2);
}

/// A payload is received, changed in place, and sent on.
fn relay() {
    let pool = Heap::new(1, 3);
    let (sender, middle, receiver) = (pool.member(1), pool.member(2), pool.member(3));
    let (first, second) = (Mailbox::default(), Mailbox::default());
    let (shared, from, to) = (pool.clone(), first.clone(), second.clone());
    let one = thread::spawn(move || {
        if let Some(Ok(reading)) = from.look(0).map(|handle| middle.accept(&handle)) {
            let loan = middle.take_over(reading).unwrap();
            let value = shared.read(loan.block());
            shared.write(loan.block(), value + 1);
            let (offered, handle) = middle.offer(loan, 8, THERE);
            to.post(handle);
            middle.sent(&offered);
        }
        middle
    });
    let (shared, to) = (pool.clone(), second.clone());
    let two = thread::spawn(move || (receive(&shared, &receiver, &to, 0), receiver));
    assert!(send(&pool, &sender, &first, 10));
    let middle = one.join().unwrap();
    let (mut got, receiver) = two.join().unwrap();
    if got.is_some() {
        reached("sent on");
    }
    let direct = receive(&pool, &middle, &first, 0);
    if direct.is_none() {
        got = got.or_else(|| receive(&pool, &receiver, &second, 0));
    }
    assert_eq!((direct, got), if direct.is_some() { (Some(10), None) } else { (None, Some(11)) });
    assert!(sender.leave() && middle.leave() && receiver.leave());
    is_sound(&pool, 1, 3);
}
