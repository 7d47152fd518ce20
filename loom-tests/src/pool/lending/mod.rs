//! Lenders that wait for a block, and processes that give one back. A lost wake-up is a deadlock, which the
//! checker reports.

pub mod deaths;
mod ends;

use ipc_ring::platform::Barrier;
use loom::thread;

use self::ends::{Channel, LenderEnd};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("pool_lender_sleeps_fence", 150, || lender_sleeps(Barrier::Fence))
        .reaches(&["a lender sleeps"]),
    Model::new("pool_lender_sleeps_asymmetric", 200, || lender_sleeps(Barrier::Asymmetric))
        .reaches(&["a lender sleeps"]),
    Model::new("pool_two_lenders_two_givers", 15_000, two_lenders_two_givers)
        .bound(1)
        .reaches(&["a lender sleeps"]),
    Model::new("pool_one_block_for_two", 2_000, one_block_for_two).bound(1).reaches(&["a lender sleeps"]),
    Model::new("pool_lent_while_armed_fence", 80, || lent_while_armed(Barrier::Fence))
        .reaches(&["a lender sleeps"]),
    Model::new("pool_lent_while_armed_asymmetric", 80, || lent_while_armed(Barrier::Asymmetric))
        .reaches(&["a lender sleeps"]),
    Model::new("pool_lender_passed_over", 120, passed_over).reaches(&["a lender sleeps"]),
    Model::new("pool_lender_leaves", 8, lender_leaves).reaches(&["a lender sleeps"]),
    Model::new("pool_last_reader_wakes", 50, last_reader_wakes).bound(2).reaches(&["a lender sleeps"]),
];

const FIRST: u32 = 1;
const SECOND: u32 = 2;
const GIVER: u32 = 3;
const OTHER: u32 = 4;

/// A block is given back while a lender goes to sleep.
fn lender_sleeps(barrier: Barrier) {
    let channel = Channel::peaceful(1, 2, barrier);
    let (giver, mut lender) = (channel.giver(GIVER), channel.lender(FIRST));
    let held = giver.hold();
    let other = thread::spawn(move || lender.lend_and_give_back());
    giver.give_back(held);
    other.join().unwrap();
    channel.is_whole();
}

/// Two lenders sleep; each of two processes gives a block back, and both blocks are kept.
fn two_lenders_two_givers() {
    let channel = Channel::peaceful(2, 4, Barrier::Fence);
    let (one, two) = (channel.giver(GIVER), channel.giver(OTHER));
    let (first, second) = (one.hold(), two.hold());
    let sleeper = |owner| channel.asleep(channel.lender(owner), LenderEnd::lend_and_keep);
    let lenders = [sleeper(FIRST), sleeper(SECOND)];
    let other = thread::spawn(move || two.give_back(second));
    one.give_back(first);
    other.join().unwrap();
    let [first, second] = lenders.map(|lender| lender.join().unwrap());
    assert_ne!(first, second, "a block was lent twice");
}

/// Both lenders want the one block; the one that has it gives it back to the other.
fn one_block_for_two() {
    let channel = Channel::peaceful(1, 3, Barrier::Fence);
    let (giver, mut late) = (channel.giver(GIVER), channel.lender(SECOND));
    let held = giver.hold();
    let first = channel.sleeper(FIRST);
    let second = thread::spawn(move || late.lend_and_give_back());
    giver.give_back(held);
    first.join().unwrap();
    second.join().unwrap();
    channel.is_whole();
}

/// A lender that is armed, as a task is, finds a block before it is woken; meanwhile another block wakes it,
/// and another lender sleeps.
fn lent_while_armed(barrier: Barrier) {
    let channel = Channel::peaceful(2, 3, barrier);
    let (giver, second, mut armed) = (channel.giver(GIVER), channel.lender(SECOND), channel.lender(FIRST));
    let held = giver.hold();
    armed.arm();
    let mine = armed.try_lend().expect("one block is free");
    let other = channel.asleep(second, LenderEnd::lend_and_give_back);
    let giving = thread::spawn(move || giver.give_back(held));
    armed.disarm();
    armed.served();
    giving.join().unwrap();
    other.join().unwrap();
    armed.give_back(mine);
    channel.is_whole();
}

/// A lender in a set has the token of a block, and the set serves another of its ends.
fn passed_over() {
    let channel = Channel::peaceful(1, 3, Barrier::Asymmetric);
    let giver = channel.giver(GIVER);
    let held = giver.hold();
    let other = channel.sleeper(SECOND);
    let mut first = channel.lender(FIRST); // Its turn comes first.
    first.arm();
    let set = thread::spawn(move || {
        first.disarm();
        first.0.give_up();
    });
    giver.give_back(held);
    set.join().unwrap();
    other.join().unwrap();
    channel.is_whole();
}

/// A lender that waits in a set has the token of a block, and leaves without it.
fn lender_leaves() {
    let channel = Channel::peaceful(1, 3, Barrier::Asymmetric);
    let giver = channel.giver(GIVER);
    let held = giver.hold();
    let other = channel.sleeper(SECOND);
    let mut first = channel.lender(FIRST); // Its turn comes first.
    first.arm();
    giver.give_back(held);
    first.leave();
    other.join().unwrap();
    channel.is_whole();
}

/// Two processes read a shared block, and whichever releases it last wakes the lender.
fn last_reader_wakes() {
    let channel = Channel::peaceful(1, 3, Barrier::Fence);
    let (one, two) = (channel.giver(GIVER), channel.giver(OTHER));
    let (first, handle) = one.member.share(one.hold(), 8);
    let second = two.member.accept(&handle).expect("it is shared");
    let lender = channel.sleeper(FIRST);
    let other = thread::spawn(move || two.release(second));
    one.release(first);
    other.join().unwrap();
    lender.join().unwrap();
    channel.is_whole();
}
