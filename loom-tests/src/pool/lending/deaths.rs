//! Lenders and holders die, while another lender sleeps or is about to. Sleeps end by tokens only, so what
//! the periodic check would find is lost here, except where a model says that it comes.

use ipc_ring::platform::Site;
use loom::thread;

use super::ends::{Channel, LenderEnd};
use super::{FIRST, GIVER, OTHER, SECOND};
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("pool_lender_dies_about_to_sleep", 15, lender_dies_about_to_sleep)
        .reaches(&["died", "a lender sleeps"]),
    Model::new("pool_lender_dies_woken", 8, lender_dies_woken).reaches(&["a lender sleeps", "recovered"]),
    Model::new("pool_lender_dies_with_a_block", 60, lender_dies_with_a_block)
        .bound(2)
        .reaches(&["a lender sleeps", "recovered"]),
    Model::new("pool_giver_dies_with_the_mask", 500, || giver_dies(Site::WaitMaskTaken))
        .bound(1)
        .reaches(&["died", "a lender sleeps"]),
    Model::new("pool_giver_dies_with_the_bit", 1_000, || giver_dies(Site::WakeClaimed))
        .bound(1)
        .reaches(&["died", "a lender sleeps"]),
    Model::new("pool_giver_dies_before_it_looks", 8, giver_dies_before_it_looks)
        .reaches(&["died", "a lender sleeps"]),
];

/// A lender that died with its bits set does not prevent the wake-up of the other one.
fn lender_dies_about_to_sleep() {
    let channel = Channel::mortal(1, 3);
    let (giver, mut first) = (channel.giver(GIVER), channel.lender(FIRST));
    let held = giver.hold();
    let other = channel.sleeper(SECOND);
    if crash::kill_at(Site::WaitingSet, 0, || first.lend_and_keep()).is_none() {
        reached("died");
        channel.domain().die(u64::from(FIRST));
    }
    giver.give_back(held);
    other.join().unwrap();
    channel.is_whole();
}

/// A lender dies with the token of a block that was given back. A process that notices its death wakes
/// the others: a block that is free may have woken the dead one only.
fn lender_dies_woken() {
    let channel = Channel::mortal(1, 3);
    let giver = channel.giver(GIVER);
    let held = giver.hold();
    let other = channel.sleeper(SECOND);
    let first = channel.lender(FIRST); // Its turn comes first.
    first.arm();
    giver.give_back(held);
    channel.domain().die(u64::from(FIRST));
    giver.recover();
    reached("recovered");
    other.join().unwrap();
    channel.is_whole();
}

/// A process dies with a block. One that finds out frees it, and wakes the lender.
fn lender_dies_with_a_block() {
    let channel = Channel::mortal(1, 3);
    let (giver, finder) = (channel.giver(GIVER), channel.giver(OTHER));
    let _lost = giver.hold();
    let other = channel.sleeper(FIRST);
    let dying = channel.clone();
    let death = thread::spawn(move || dying.domain().die(u64::from(GIVER)));
    finder.recover();
    death.join().unwrap();
    if finder.recover().seats > 0 {
        reached("recovered");
    }
    other.join().unwrap();
    channel.is_whole();
}

/// One lender sleeps and one goes to sleep; a process that has given a block back for each dies on its way to
/// waking one of them. Both need the token of that death, or find the blocks before they sleep.
fn giver_dies(site: Site) {
    let channel = Channel::mortal(2, 3);
    let giver = channel.giver(GIVER);
    let (one, two) = (giver.hold(), giver.hold());
    let mut late = channel.lender(SECOND);
    let lenders = [
        channel.asleep(channel.lender(FIRST), LenderEnd::lend_and_keep),
        thread::spawn(move || late.lend_and_keep()),
    ];
    giver.member.abandon(one);
    assert!(crash::kill_at(site, 0, || giver.give_back(two)).is_none(), "one is asleep");
    reached("died");
    channel.domain().die(u64::from(GIVER));
    let [first, second] = lenders.map(|lender| lender.join().unwrap());
    assert_ne!(first, second, "a block was lent twice");
}

/// A process dies behind giving a block back, before it looks for sleepers: the periodic check finds the
/// block.
fn giver_dies_before_it_looks() {
    let channel = Channel::mortal(1, 2);
    let giver = channel.giver(GIVER);
    let held = giver.hold();
    let other = channel.sleeper(FIRST);
    if crash::kill_at(Site::PoolReleased, 0, || giver.give_back(held)).is_none() {
        reached("died");
        channel.domain().die(u64::from(GIVER));
        channel.domain().heartbeat(FIRST);
    }
    other.join().unwrap();
    channel.is_whole();
}
