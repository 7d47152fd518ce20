//! Corners of a pool: as many classes and blocks as it may have, and which class counts a block that was
//! lost with its holder.

use std::num::NonZeroU64;

use ipc_ring::ring::pool::recovery::recover;
use ipc_ring::ring::pool::{MAX_BLOCK, MAX_BLOCKS, MAX_CLASSES, Mapped, Member, Seat, Shape, class_stats};
use ipc_ring::{AttachErrorKind, Region};

/// This number of classes of one block each, which grow by 64 bytes.
fn growing(classes: usize) -> Vec<(usize, u64)> {
    (1..=classes).map(|number| (64 * number, 1)).collect()
}

#[test]
fn a_pool_may_have_as_much_as_is_said_and_no_more() {
    assert!(Shape::new(&growing(MAX_CLASSES)).is_ok() && Shape::new(&growing(MAX_CLASSES + 1)).is_err());
    assert!(Shape::new(&[(MAX_BLOCK, 1)]).is_ok() && Shape::new(&[(MAX_BLOCK + 1, 1)]).is_err());
    assert!(Shape::new(&[(64, MAX_BLOCKS)]).is_ok() && Shape::new(&[(64, MAX_BLOCKS + 1)]).is_err());
    assert!(Shape::new(&[(64, MAX_BLOCKS - 1), (128, 1)]).is_ok());
    assert!(Shape::new(&[(64, MAX_BLOCKS - 1), (128, 2)]).is_err());
}

#[test]
fn a_shape_that_is_not_that_of_its_classes_is_refused() {
    let shape = Shape::new(&growing(2)).unwrap();
    let mut moved = shape.clone();
    moved.offsets[1] -= 64;
    let made = |shape: &Shape| Mapped::new(Region::heap(shape.total_size), shape.clone(), 1).map(drop);
    assert!(made(&shape).is_ok());
    assert!(matches!(made(&moved).unwrap_err().kind(), AttachErrorKind::BadClasses { .. }));
}

#[test]
fn each_class_counts_its_own_blocks_that_died() {
    let shape = Shape::new(&growing(3)).unwrap();
    let memory = Mapped::new(Region::heap(shape.total_size), shape, 1).unwrap();
    let member = Member::new(memory.clone(), Seat::take(&memory, NonZeroU64::MIN).unwrap());
    let held = [0, 1, 2].map(|class| member.try_loan(class).unwrap());
    assert_eq!(held.map(|loan| loan.class()), [0, 1, 2]);
    let report = recover(&memory, |_| false);
    assert_eq!((report.seats, report.blocks), (1, 3));
    assert_eq!([0, 1, 2].map(|class| class_stats(&memory, class).reclaimed), [1, 1, 1]);
}

#[test]
fn blocks_that_were_needed_are_lent_in_turn_and_no_others() {
    let shape = Shape::new(&[(64, 8)]).unwrap();
    let memory = Mapped::new(Region::heap(shape.total_size), shape, 1).unwrap();
    let member = Member::new(memory.clone(), Seat::take(&memory, NonZeroU64::MIN).unwrap());
    let in_turn = |count: usize| {
        let lend = |_| {
            let loaned = member.try_loan(0).unwrap();
            let block = loaned.block();
            member.abandon(loaned);
            block
        };
        (0..count).map(lend).collect::<Vec<_>>()
    };
    // Four from the start.
    assert_eq!(in_turn(5), [0, 1, 2, 3, 0]);
    let held = [(); 6].map(|()| member.try_loan(0).unwrap());
    for loaned in held {
        member.abandon(loaned);
    }
    let mut blocks = in_turn(6);
    blocks.sort_unstable();
    assert_eq!(blocks, [0, 1, 2, 3, 4, 5]);
    assert_eq!(class_stats(&memory, 0).high_water, 6);
}
