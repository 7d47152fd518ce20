//! The ring alone: both ends run freely, without waiting for each other.

use ipc_ring::platform::Barrier;
use loom::thread;

use super::Heap;
use super::moves::{
    Consuming, Producing, consumer, finish, pop, pop_batch, producer, push, push_batch, push_by_head,
};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("two_laps_capacity_1", 1000, || two_laps(1, 3, 4)).bound(3).reaches(&["full", "empty"]),
    Model::new("two_laps_capacity_2", 40_000, || two_laps(2, 5, 6)).bound(3).reaches(&[
        "full",
        "empty",
        "a payload taken ahead",
    ]),
    Model::new("batches_capacity_2", 2000, || batches(2))
        .bound(3)
        .reaches(&["whole batch", "part of a batch"]),
    Model::new("batches_capacity_4", 10_000, || batches(4)).bound(3).reaches(&[
        "whole batch",
        "part of a batch",
        "a payload taken ahead",
    ]),
    Model::new("claim_and_view", 300, claim_and_view).bound(3).reaches(&["viewed", "committed"]),
    Model::new("full_by_head_then_exact", 10, full_by_head_then_exact)
        .bound(3)
        .reaches(&["room by the exact position"]),
    Model::new("stream_of_lines", 50, stream_of_lines).bound(3).reaches(&[
        "a line looked at whole",
        "a line taken",
        "a slot of a taken line",
    ]),
    Model::new("stream_of_batches", 50, stream_of_batches).bound(3).reaches(&[
        "a line looked at whole",
        "a line taken",
        "whole batch",
    ]),
    Model::new("stream_meets_half_a_line", 12, stream_meets_half_a_line).bound(3).reaches(&[
        "a line looked at whole",
        "half a line",
        "the rest of the line",
    ]),
    Model::new("known_ahead", 40, known_ahead).bound(3).reaches(&["looked ahead", "popped by one look"]),
    Model::new("room_by_head", 50, room_by_head).bound(3).reaches(&["full", "room by the head"]),
];

/// A ring for models in which no end sleeps. The asymmetric barrier leaves a push without a fence, so that
/// every edge is tested alone.
fn ring(capacity: usize) -> Heap {
    Heap::new(capacity, Barrier::Asymmetric)
}

/// The producer makes `tries` attempts to push `total` elements, and the consumer the same number of attempts
/// to pop.
fn two_laps(capacity: usize, total: u64, tries: u32) {
    let ring = ring(capacity);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    let other = thread::spawn(move || {
        for _ in 0..tries {
            if producing.position() < total && push(&mut producing).is_none() {
                reached("full");
            }
        }
        producing
    });
    for _ in 0..tries {
        if pop(&mut consuming).is_err() {
            reached("empty");
        }
    }
    finish(&mut other.join().unwrap(), &mut consuming, total + 2 * capacity as u64);
}

/// Batches as large as the ring, both ways, for two laps and one more.
fn batches(capacity: u64) {
    let total = 2 * capacity + 1;
    let ring = ring(capacity as usize);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    let other = thread::spawn(move || {
        for _ in 0..3 {
            let wanted = capacity.min(total - producing.position());
            match push_batch(&mut producing, wanted) {
                (done, _) if done == capacity => reached("whole batch"),
                (done, _) if done > 0 && done < wanted => reached("part of a batch"),
                _ => {}
            }
        }
        producing
    });
    for _ in 0..3 {
        let _ = pop_batch(&mut consuming, capacity as usize);
    }
    finish(&mut other.join().unwrap(), &mut consuming, total + 2 * capacity);
}

/// Claims that are written and aborted publish nothing; views that are dropped pop nothing.
#[allow(unsafe_code)]
fn claim_and_view() {
    let ring = ring(1);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    let other = thread::spawn(move || {
        for _ in 0..3 {
            if let Some(mut claim) = producing.try_claim().unwrap() {
                claim.write(&99);
                let _aborted = claim;
                let item = producing.position() + 1;
                let mut claim = producing.try_claim().unwrap().expect("an aborted claim gives its slot back");
                // SAFETY: the slot is this claim's, and valid for one u64.
                claim.with(|slot| unsafe { slot.write(item) });
                let _ = claim.commit();
                reached("committed");
            }
        }
        producing
    });
    for _ in 0..3 {
        let expected = consuming.position() + 1;
        if let Ok(view) = consuming.try_view().unwrap() {
            assert_eq!(view.read(), expected);
            let _dropped = view;
            let view = consuming.try_view().unwrap().expect("a dropped view leaves its element");
            // SAFETY: the slot is this view's, and valid for one u64.
            assert_eq!(view.with(|slot| unsafe { slot.read() }), expected);
            let _ = view.release();
            reached("viewed");
        }
    }
    let mut producing = other.join().unwrap();
    let total = producing.position();
    finish(&mut producing, &mut consuming, total);
}

/// A full ring of eight, of which the consumer takes one: too few to publish the head, so the producer finds
/// the room only by the exact position.
fn full_by_head_then_exact() {
    let ring = ring(8);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    while push(&mut producing).is_some() {}
    let other = thread::spawn(move || {
        for _ in 0..2 {
            if push(&mut producing).is_some() {
                reached("room by the exact position");
            }
        }
        producing
    });
    assert_eq!(pop(&mut consuming), Ok(0));
    let mut producing = other.join().unwrap();
    finish(&mut producing, &mut consuming, 10);
}

/// A full ring of four, of which each pop publishes the head; the producer never loads the exact position.
fn room_by_head() {
    let ring = ring(4);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    while push(&mut producing).is_some() {}
    let other = thread::spawn(move || {
        for _ in 0..3 {
            if push_by_head(&mut producing).is_some() {
                reached("room by the head");
            } else {
                reached("full");
            }
        }
        producing
    });
    for _ in 0..2 {
        let _ = pop(&mut consuming);
    }
    let mut producing = other.join().unwrap();
    finish(&mut producing, &mut consuming, 10);
}

/// A ring of eight with two slots to a line: a quarter is a line, and after the first quarter popped the rest
/// is a stream.
pub(super) fn full_ring_of_lines() -> (Producing, Consuming) {
    let ring = Heap::with_lines(8, Barrier::Asymmetric, 2);
    let consuming = consumer(&ring);
    let mut producing = producer(&ring);
    while push(&mut producing).is_some() {}
    (producing, consuming)
}

/// The consumer acquires the lines of a stream; the producer rewrites their slots as soon as they are free.
fn stream_of_lines() {
    let (mut producing, mut consuming) = full_ring_of_lines();
    let other = thread::spawn(move || {
        for _ in 0..3 {
            if push(&mut producing).is_some() && producing.position() > 10 {
                reached("a slot of a taken line");
            }
        }
        producing
    });
    for expected in 0..4 {
        assert_eq!(pop(&mut consuming), Ok(0), "{expected}");
    }
    let mut producing = other.join().unwrap();
    finish(&mut producing, &mut consuming, 20);
}

/// A consumer that takes the lines of a stream comes to one of which only the first element has been pushed.
/// The check of the line's last word tells it so.
fn stream_meets_half_a_line() {
    let (mut producing, mut consuming) = full_ring_of_lines();
    for expected in 0..7 {
        assert_eq!(pop(&mut consuming), Ok(0), "{expected}");
    }
    assert!(push(&mut producing).is_some());
    let other = thread::spawn(move || {
        assert!(push(&mut producing).is_some());
        producing
    });
    for expected in 7..9 {
        assert_eq!(pop(&mut consuming), Ok(0), "{expected}");
    }
    reached(if pop(&mut consuming).is_ok() { "the rest of the line" } else { "half a line" });
    let mut producing = other.join().unwrap();
    finish(&mut producing, &mut consuming, 20);
}

/// The consumer knows from one check of the second element that two are ready, while they are pushed.
fn known_ahead() {
    let ring = Heap::looking_ahead(8, Barrier::Asymmetric, 2);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    for _ in 0..4 {
        assert!(push(&mut producing).is_some());
    }
    for _ in 0..3 {
        assert_eq!(pop(&mut consuming), Ok(0));
    }
    let other = thread::spawn(move || {
        for _ in 0..2 {
            let _ = push(&mut producing);
        }
        producing
    });
    for popped in 3..6 {
        if pop(&mut consuming).is_ok() && popped == 5 {
            reached("popped by one look");
        }
    }
    let mut producing = other.join().unwrap();
    finish(&mut producing, &mut consuming, 8);
}

/// As [`stream_of_lines`], popped by batches that begin and end in the middle of a line.
fn stream_of_batches() {
    let (mut producing, mut consuming) = full_ring_of_lines();
    let other = thread::spawn(move || {
        for _ in 0..3 {
            let _ = push(&mut producing);
        }
        producing
    });
    for _ in 0..2 {
        if pop_batch(&mut consuming, 3).0 == 3 {
            reached("whole batch");
        }
    }
    let mut producing = other.join().unwrap();
    finish(&mut producing, &mut consuming, 20);
}
