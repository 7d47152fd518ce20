//! A member dies at each site, with a live member and a recovery running concurrently.

use ipc_ring::platform::Site;
use ipc_ring::ring::pool::{Counter, Refused, State, recovery};
use loom::thread;

use super::memory::{GONE, THERE};
use super::sending::{receive, send};
use super::{Heap, Mailbox, is_sound};
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] =
    &[
        Model::new("pool_sender_dies_loaned", 250, || sender_dies(Site::PoolLoaned))
            .reaches(&["died", "recovered"]),
        Model::new("pool_sender_dies_offered", 280, || sender_dies(Site::PoolOffered))
            .reaches(&["died", "recovered"]),
        Model::new("pool_sender_dies_pushed", 480, || sender_dies(Site::PoolPushed)).reaches(&[
            "died",
            "recovered",
            "received",
            "as if never sent",
        ]),
        Model::new("pool_sender_dies_sent", 500, || sender_dies(Site::PoolSent)).reaches(&[
            "died",
            "recovered",
            "received",
        ]),
        Model::new("pool_receiver_dies_reading", 100, || receiver_dies(None, false)).reaches(&[
            "died",
            "recovered",
            "lent again",
        ]),
        Model::new("pool_reader_dies_reading", 380, || receiver_dies(None, true)).reaches(&[
            "died",
            "recovered",
            "lent again",
        ]),
        Model::new("pool_receiver_dies_taken", 100, || receiver_dies(Some(Site::PoolTaken), false))
            .reaches(&["died", "recovered", "lent again"]),
        Model::new("pool_receiver_dies_released", 180, || receiver_dies(Some(Site::PoolReleased), false))
            .reaches(&["died", "recovered", "lent again"]),
        Model::new("pool_reader_dies_joined", 380, || receiver_dies(Some(Site::PoolJoined), true))
            .reaches(&["died", "recovered", "lent again"]),
        Model::new("pool_reader_dies_released", 550, || receiver_dies(Some(Site::PoolReleased), true))
            .reaches(&["died", "recovered", "lent again"]),
        Model::new("pool_two_readers_die", 12_000, two_readers_die).reaches(&["both cleared"]),
        Model::new("pool_route_of_the_same_generation", 16, route_of_the_same_generation)
            .reaches(&["looked at while sent", "received"]),
        Model::new("pool_lost_with_its_channel", 130, lost_with_its_channel).reaches(&["died", "freed"]),
    ];

fn recover(pool: &Heap) {
    if pool.recover().seats > 0 {
        reached("recovered");
    }
}

/// The sender, identity 1, dies; a receiver and a recovery run.
fn sender_dies(site: Site) {
    let pool = Heap::new(1, 2);
    let (sender, receiver) = (pool.member(1), pool.member(2));
    let mailbox = Mailbox::default();
    let (shared, theirs) = (pool.clone(), mailbox.clone());
    let one = thread::spawn(move || {
        let died = crash::kill_at(site, 0, || send(&shared, &sender, &theirs, 10)).is_none();
        if died {
            reached("died");
        }
        shared.dies(1);
        died
    });
    let shared = pool.clone();
    let two = thread::spawn(move || recover(&shared));
    let mut got = receive(&pool, &receiver, &mailbox, 0);
    // Blocks that are free meanwhile may be lent.
    if let Some(loan) = receiver.try_loan(0) {
        pool.write(loan.block(), 11);
        receiver.abandon(loan);
    }
    let died = one.join().unwrap();
    two.join().unwrap();
    recover(&pool);
    let late = receive(&pool, &receiver, &mailbox, 0);
    assert!(got.is_none() || late.is_none(), "received twice");
    got = got.or(late);
    assert!(got.is_none_or(|value| value == 10), "{got:?}");
    match site {
        // Otherwise the block was lent to another member just then.
        Site::PoolSent if !died => {}
        Site::PoolSent => assert_eq!(got, Some(10), "what was sent is received, though its sender died"),
        Site::PoolPushed if got.is_none() => reached("as if never sent"),
        Site::PoolPushed => {}
        _ => assert_eq!(got, None),
    }
    if got.is_some() {
        reached("received");
    }
    assert!(receiver.leave());
    is_sound(&pool, 1, 2);
}

/// The receiver, identity 2, dies at a site, or while it reads; the sender wants its block back, and a
/// recovery runs.
fn receiver_dies(site: Option<Site>, share: bool) {
    let pool = Heap::new(1, 2);
    let (sender, receiver) = (pool.member(1), pool.member(2));
    let mailbox = Mailbox::default();
    let loan = sender.try_loan(0).unwrap();
    pool.write(loan.block(), 10);
    let kept = if share {
        let (reading, handle) = sender.share(loan, 8);
        mailbox.post(handle);
        Some(reading)
    } else {
        let (offered, handle) = sender.offer(loan, 8, THERE);
        mailbox.post(handle);
        sender.sent(&offered);
        None
    };
    let (shared, theirs) = (pool.clone(), mailbox.clone());
    let one = thread::spawn(move || {
        let read = || {
            let reading = receiver.accept(&theirs.look(0)?).ok()?;
            assert_eq!(shared.read(reading.block()), 10);
            match site {
                Some(_) => {
                    receiver.release(reading);
                }
                None => {
                    let _lost = reading;
                }
            }
            Some(())
        };
        let died = match site {
            Some(site) => crash::kill_at(site, 0, read).is_none(),
            None => read().is_some(),
        };
        if died {
            reached("died");
        }
        shared.dies(2);
    });
    let shared = pool.clone();
    let two = thread::spawn(move || recover(&shared));
    if let Some(reading) = kept {
        assert_eq!(pool.read(reading.block()), 10);
        sender.release(reading);
    }
    if let Some(loan) = sender.try_loan(0) {
        reached("lent again");
        pool.write(loan.block(), 11);
        sender.abandon(loan);
    }
    one.join().unwrap();
    two.join().unwrap();
    recover(&pool);
    if pool.state(0) == Some(State::Sent) {
        // The victim never got there: the handle is still there for another receiver.
        assert_eq!(receive(&pool, &sender, &mailbox, 0), Some(10));
    }
    assert!(sender.leave());
    is_sound(&pool, 1, 2);
}

/// Two processes that share a block are dead; two recoveries run, each of which must ensure that the bits of
/// both are cleared before their seats are free.
fn two_readers_die() {
    let pool = Heap::new(1, 3);
    let (sender, one, two) = (pool.member(1), pool.member(2), pool.member(3));
    let loan = sender.try_loan(0).unwrap();
    let (kept, handle) = sender.share(loan, 8);
    let _lost = (one.accept(&handle).unwrap(), two.accept(&handle).unwrap());
    pool.dies(2);
    pool.dies(3);
    let others = [(); 2].map(|()| {
        let shared = pool.clone();
        thread::spawn(move || {
            shared.recover();
        })
    });
    sender.release(kept);
    others.into_iter().for_each(|other| other.join().unwrap());
    pool.recover();
    assert_eq!(pool.count(Counter::Reclaimed), 2);
    reached("both cleared");
    assert!(sender.leave());
    is_sound(&pool, 1, 3);
}

/// A block was once in a channel that is gone. It is sent again, into a channel that exists, while a process
/// searches for lost blocks: that process must not mistake the old route for the new one.
fn route_of_the_same_generation() {
    let pool = Heap::new(1, 2);
    let (sender, receiver) = (pool.member(1), pool.member(2));
    let loan = sender.try_loan(0).unwrap();
    let (offered, handle) = sender.offer(loan, 8, GONE);
    sender.sent(&offered);
    receiver.release(receiver.accept(&handle).unwrap());
    let mailbox = Mailbox::default();
    let (shared, theirs) = (pool.clone(), mailbox.clone());
    let other = thread::spawn(move || assert!(send(&shared, &sender, &theirs, 10)));
    recovery::reclaim(&pool, |route| {
        reached("looked at while sent");
        route == THERE
    });
    other.join().unwrap();
    assert_eq!(receive(&pool, &receiver, &mailbox, 0), Some(10), "a live payload was taken for a lost one");
    reached("received");
    assert!(receiver.leave());
}

/// A channel is gone with a payload in it. Two processes search for the block, of which one may die.
fn lost_with_its_channel() {
    let pool = Heap::new(1, 2);
    let (sender, receiver) = (pool.member(1), pool.member(2));
    let loan = sender.try_loan(0).unwrap();
    pool.write(loan.block(), 10);
    let (offered, handle) = sender.offer(loan, 8, GONE);
    sender.sent(&offered);
    let shared = pool.clone();
    let one = thread::spawn(move || {
        if crash::kill_at(Site::PoolReclaimed, 0, || recovery::reclaim(&shared, |_| false)).is_none() {
            reached("died");
        }
    });
    let shared = pool.clone();
    let two = thread::spawn(move || recovery::reclaim(&shared, |_| false));
    if let Some(loan) = receiver.try_loan(0) {
        reached("freed");
        pool.write(loan.block(), 11);
        receiver.abandon(loan);
    }
    one.join().unwrap();
    two.join().unwrap();
    assert!(matches!(receiver.accept(&handle), Err(Refused::Stale { .. })));
    assert!(sender.leave() && receiver.leave());
    is_sound(&pool, 1, 2);
}
