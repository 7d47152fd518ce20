//! The ring alone: both ends run freely, without waiting for each other.

use ipc_ring::memory::Ring as _;
use ipc_ring::platform::Barrier;
use ipc_ring::ring::bytes::Refused;
use loom::thread;

use super::Heap;
use super::moves::{Lengths, consumer, finish, laid, pop, popped, producer, push, pushed, warm_up};
use crate::{Model, reached};

/// Frames that fill the ring of 32 bytes with a padding once a lap.
pub(super) const PADDED: Lengths = &[8, 0, 8];
/// Frames of which one fits at a time, without paddings.
pub(super) const LONGEST: Lengths = &[8];
/// Frames of which three fit at a time.
pub(super) const EMPTY: Lengths = &[0];
/// In a ring of 64 bytes: paddings of 8 and of 16 bytes.
pub(super) const MIXED: Lengths = &[16, 8, 24, 0, 16];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("frames_with_padding", 5000, || stream(32, PADDED, 1, 4, 5))
        .bound(3)
        .reaches(&["full", "empty", "padding"]),
    Model::new("longest_frames", 1000, || stream(32, LONGEST, 0, 4, 5)).bound(2).reaches(&["full", "empty"]),
    Model::new("empty_frames", 6000, || stream(32, EMPTY, 3, 7, 5)).bound(3).reaches(&["empty"]),
    Model::new("mixed_frames", 150, || stream(64, MIXED, 3, 6, 4)).bound(3).reaches(&["empty", "padding"]),
    Model::new("frame_batches", 800, batches).bound(3).reaches(&[
        "whole batch",
        "part of a batch",
        "padding",
    ]),
    Model::new("frame_claim_and_view", 300, claim_and_view).bound(3).reaches(&[
        "aborted at the wrap",
        "committed behind a padding",
        "viewed",
    ]),
    Model::new("frame_lines_taken", 700, lines_taken).bound(3).reaches(&[
        "a line taken",
        "room taken ahead",
        "full",
    ]),
    Model::new("frame_room_by_exact_position", 10, room_by_exact_position)
        .bound(3)
        .reaches(&["room by the exact position"]),
];

/// A ring for models in which no end sleeps. The asymmetric barrier leaves a push without a fence, so that
/// every edge is tested alone.
fn ring(capacity: u64) -> Heap {
    Heap::new(capacity, Barrier::Asymmetric)
}

/// After `warm` frames, the producer makes `tries` attempts to reach `total`, and the consumer the same
/// number of attempts to pop.
fn stream(capacity: u64, lengths: Lengths, warm: u64, total: u64, tries: u32) {
    let ring = ring(capacity);
    warm_up(&ring, lengths, warm);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    let other = thread::spawn(move || {
        for _ in 0..tries {
            if pushed(&producing, lengths) < total && push(&mut producing, lengths).is_none() {
                reached("full");
            }
        }
        producing
    });
    for _ in 0..tries {
        if pop(&mut consuming, lengths).is_err() {
            reached("empty");
        }
    }
    finish(&mut other.join().unwrap(), &mut consuming, lengths, total + 4);
}

/// A consumer that finds frames one after the other acquires the lines it has read before it releases them,
/// while the producer of a full ring waits for them.
fn lines_taken() {
    let ring = Heap::with_stream(64, Barrier::Asymmetric, 1);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    // Everything popped before the ring is found empty is a stream.
    finish(&mut producing, &mut consuming, EMPTY, 2);
    while push(&mut producing, EMPTY).is_some() {}
    let other = thread::spawn(move || {
        for _ in 0..3 {
            if push(&mut producing, EMPTY).is_none() {
                reached("full");
            }
        }
        producing
    });
    for _ in 0..3 {
        let _ = pop(&mut consuming, EMPTY);
    }
    let mut producing = other.join().unwrap();
    // The place of the next header is empty.
    while pop(&mut consuming, EMPTY).is_ok() {}
    let total = pushed(&producing, EMPTY) + 2;
    finish(&mut producing, &mut consuming, EMPTY, total);
}

/// Batches of frames, more than fit.
fn batches() {
    let ring = ring(64);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    let other = thread::spawn(move || {
        for _ in 0..2 {
            let mut frames = Vec::new();
            let mut position = producing.position();
            for _ in 0..3 {
                let (_, frame) = laid(position, 64, MIXED);
                frames.push(frame.payload(64));
                position = frame.end();
            }
            match producing.try_push_batch(&frames) {
                Ok((3, _)) => reached("whole batch"),
                Ok(_) => reached("part of a batch"),
                Err(refused) => assert_eq!(refused, Refused::Full),
            }
        }
        producing
    });
    for _ in 0..3 {
        let _ = pop(&mut consuming, MIXED);
    }
    finish(&mut other.join().unwrap(), &mut consuming, MIXED, 9);
}

/// Claims that are written and aborted publish nothing, at any position; views that are dropped pop nothing.
fn claim_and_view() {
    let ring = ring(32);
    warm_up(&ring, PADDED, 1);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    let other = thread::spawn(move || {
        for _ in 0..3 {
            let (_, frame) = laid(producing.position(), 32, PADDED);
            if let Ok(mut claim) = producing.try_claim(8) {
                let wrapped = claim.index() == 8 && frame.position % 32 != 0;
                claim.write(0, &[0xFF; 8]);
                let _aborted = claim;
                if wrapped {
                    reached("aborted at the wrap");
                }
                let mut claim =
                    producing.try_claim(frame.len as usize).expect("an aborted claim gives its room back");
                claim.write(0, &frame.payload(32));
                let _ = claim.commit(frame.len as usize);
                if frame.start > frame.position {
                    reached("committed behind a padding");
                }
            }
        }
        producing
    });
    for _ in 0..3 {
        let (_, frame) = laid(consuming.position(), 32, PADDED);
        if let Ok(view) = consuming.try_view().unwrap() {
            let mut out = vec![0; view.len()];
            view.read(0, &mut out);
            assert_eq!(out, frame.payload(32));
            let _dropped = view;
            let view = consuming.try_view().unwrap().expect("a dropped view leaves its frame");
            assert_eq!(view.position(), frame.start);
            let _ = view.release();
            reached("viewed");
        }
    }
    let mut producing = other.join().unwrap();
    let total = pushed(&producing, PADDED) + 4;
    assert!(popped(&consuming, PADDED) <= total);
    finish(&mut producing, &mut consuming, PADDED, total);
}

/// A full ring, of which the consumer takes less than a quarter: too little to publish the head, so the
/// producer finds the room only by the exact position.
fn room_by_exact_position() {
    let ring = ring(64);
    let mut consuming = consumer(&ring);
    let mut producing = producer(&ring);
    while push(&mut producing, EMPTY).is_some() {}
    let other = thread::spawn(move || {
        for _ in 0..2 {
            if push(&mut producing, EMPTY).is_some() {
                reached("room by the exact position");
            }
        }
        producing
    });
    assert_eq!(pop(&mut consuming, EMPTY), Ok(0));
    let mut producing = other.join().unwrap();
    assert_eq!(producing.memory().capacity(), 64);
    finish(&mut producing, &mut consuming, EMPTY, 10);
}
