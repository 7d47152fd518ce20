//! A tap reads frames while the producer overwrites them.

use ipc_ring::edge::Edge;
use ipc_ring::memory::Ring as _;
use ipc_ring::ring::ahead::{Ahead, Copied, Read, Steps};
use ipc_ring::ring::bytes::{Tap, Tapped};
use loom::thread;

use super::Heap;
use super::moves::{Consuming, Lengths, Producing, consumer, laid, pop, producer, push, push_pieces, pushed};
use crate::{Loom, Model, reached};

/// Frames of 16 bytes with their headers; the seventh of 8.
const SIXTEENS: Lengths = &[8, 8, 8, 8, 8, 8, 0];
/// Frames of 24 bytes with their headers, of which two fit a ring of 64 bytes.
const LONGER: Lengths = &[16];
/// Empty frames, the ninth of which is long.
const LONG_LAST: Lengths = &[0, 0, 0, 0, 0, 0, 0, 0, 24];
/// The fourth is long, behind a padding of 24 bytes.
const PADDED: Lengths = &[8, 8, 0, 24];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("frames_tap_marked", 80, || popped(SIXTEENS, 3, 0, 2)).reaches(&["tapped", "missed"]),
    Model::new("frames_tap_in_place", 80, || pieces(true)).reaches(&["tapped", "missed"]),
    Model::new("frames_tap_pieces", 80, || pieces(false)).reaches(&["tapped", "missed"]),
    Model::new("frames_tap_ahead", 80, ahead).unordered().reaches(&["tapped", "missed"]),
    Model::new("frames_tap_in_reach", 80, || popped(SIXTEENS, 4, 2, 3)).reaches(&["tapped", "missed"]),
    Model::new("frames_tap_longest", 30, || popped(LONG_LAST, 8, 2, 1)).reaches(&["missed"]),
    Model::new("frames_tap_padding", 400, || popped(PADDED, 3, 1, 1)).reaches(&["tapped", "missed"]),
    Model::new("frames_tap_unread", 3_000, unread).reaches(&["tapped", "missed"]),
    Model::new("frames_tap_oldest", 15_000, || start(Tap::oldest)).reaches(&["tapped", "not there yet"]),
    Model::new("frames_tap_next", 30_000, || start(Tap::next)).reaches(&["tapped", "not there yet"]),
];

/// Reads the next frame, which is the one of the tap's position and number if it is returned at all.
fn read(tap: &mut Tap<Heap>, lengths: Lengths) -> Tapped {
    let capacity = tap.memory().capacity();
    let (number, frame) = laid(tap.position(), capacity, lengths);
    assert_eq!(tap.sequence(), number, "a tap knows the number of its frame");
    let mut out = Vec::new();
    let tapped = tap.try_read(&mut out);
    match tapped {
        Tapped::Frame { len } => {
            assert_eq!(out, frame.payload(capacity), "a frame that was overwritten is not given");
            assert_eq!((len as u64, tap.position()), (frame.len, frame.end()));
            reached("tapped");
        }
        Tapped::Missed { count } => {
            assert_eq!(laid(tap.position(), capacity, lengths).0, number + count);
            reached("missed");
        }
        Tapped::Empty => reached("not there yet"),
        Tapped::Corrupt(corruption) => panic!("what was overwritten is judged: {corruption}"),
    }
    tapped
}

/// The ends of a ring of 64 bytes, after this number of frames were pushed and popped.
fn ends(ring: &Heap, lengths: Lengths, warm: u64) -> (Producing, Consuming) {
    let (mut producing, mut consuming) = (producer(ring), consumer(ring));
    for _ in 0..warm {
        assert!(push(&mut producing, lengths).is_some() && pop(&mut consuming, lengths).is_ok());
    }
    (producing, consuming)
}

/// Everything was popped, and the producer wraps around: it pushes `more` frames while a tap reads the frame
/// of this number.
fn popped(lengths: Lengths, warm: u64, tapped: u64, more: u64) {
    popped_by(move |producing| push(producing, lengths), lengths, warm, tapped, more);
}

/// As [`popped`], by this way to push.
fn popped_by(
    push: impl Fn(&mut Producing) -> Option<u32> + Send + Sync + 'static,
    lengths: Lengths,
    warm: u64,
    tapped: u64,
    more: u64,
) {
    let ring = Heap::tapped(64);
    let (mut producing, _consuming) = ends(&ring, lengths, warm);
    let position = (0..tapped).fold(0, |at, _| laid(at, 64, lengths).1.end());
    let mut tap = Tap::at(ring, position, tapped);
    let other = thread::spawn(move || {
        for _ in 0..more {
            assert!(push(&mut producing).is_some(), "there is room");
        }
    });
    let _ = read(&mut tap, lengths);
    other.join().unwrap();
    assert_ne!(read(&mut tap, lengths), Tapped::Empty, "more were pushed");
}

/// As [`popped`], and the frame that overwrites the one read is written in place, or given in pieces.
fn pieces(in_place: bool) {
    popped_by(move |producing| push_pieces(producing, LONGER, in_place), LONGER, 2, 0, 1);
}

/// What waits to be popped is intact until it is popped.
fn unread() {
    let ring = Heap::tapped(64);
    let (mut producing, mut consuming) = ends(&ring, SIXTEENS, 0);
    for _ in 0..3 {
        assert!(push(&mut producing, SIXTEENS).is_some());
    }
    // The room that is taken over lies behind what waits.
    assert!(pop(&mut consuming, SIXTEENS).is_ok());
    assert!(push(&mut producing, SIXTEENS).is_some());
    let mut tap = Tap::oldest(ring);
    assert_eq!(tap.sequence(), 1, "the oldest that waits");
    let other = thread::spawn(move || {
        for _ in 0..2 {
            assert!(pop(&mut consuming, SIXTEENS).is_ok());
            assert!(push(&mut producing, SIXTEENS).is_some(), "its room was given back");
        }
    });
    let _ = read(&mut tap, SIXTEENS);
    other.join().unwrap();
}

/// A tap begins while the producer takes over room, in a ring whose bytes look like headers of later laps.
fn start(begin: fn(Heap) -> Tap<Heap>) {
    let ring = Heap::tapped(32);
    let lengths: Lengths = &[8];
    let (mut producing, mut consuming) = ends(&ring, lengths, 2);
    let other = thread::spawn(move || {
        for _ in 0..2 {
            assert!(push(&mut producing, lengths).is_some());
            assert!(pop(&mut consuming, lengths).is_ok());
        }
        producing
    });
    let mut tap = begin(ring);
    let _ = read(&mut tap, lengths);
    let producing = other.join().unwrap();
    let total = pushed(&producing, lengths);
    while tap.sequence() < total {
        assert_ne!(read(&mut tap, lengths), Tapped::Empty, "it was pushed");
    }
    assert_eq!(read(&mut tap, lengths), Tapped::Empty);
}

/// A tap of these rings that copies several frames before it checks them.
struct Frames(Tap<Heap>);

impl Steps for Frames {
    type Platform = Loom;
    type Message = Vec<u8>;
    type Place = (u64, u64);
    const EDGE: Edge = Edge::BytesValidate;
    const IS_CHAIN: bool = true;

    fn copy_next(&mut self, message: &mut Vec<u8>) -> Copied<(u64, u64)> {
        let place = (self.0.position(), self.0.sequence());
        match self.0.copy_next(message) {
            Tapped::Frame { .. } => Copied::Message { place, sequence: place.1 },
            Tapped::Missed { count } => Copied::Missed(count),
            Tapped::Corrupt(corruption) => Copied::Corrupt(place, corruption),
            Tapped::Empty => Copied::Empty,
        }
    }

    fn is_intact(&self, (position, _): (u64, u64)) -> bool {
        self.0.is_intact(position)
    }

    fn skip(&mut self, (position, sequence): (u64, u64)) -> u64 {
        match self.0.skip(position, sequence) {
            Tapped::Missed { count } => count,
            _ => 0,
        }
    }
}

/// Three frames were popped, and the producer wraps around while the tap reads the last of them.
fn ahead() {
    let ring = Heap::tapped(64);
    let (mut producing, _consuming) = ends(&ring, SIXTEENS, 3);
    let mut tap = Ahead::new(Frames(Tap::at(ring, 0, 0)));
    let other = thread::spawn(move || {
        for _ in 0..2 {
            assert!(push(&mut producing, SIXTEENS).is_some(), "there is room");
        }
    });
    let mut next = 0;
    let mut read = || {
        let mut out = Vec::new();
        let read = tap.try_read(&mut out).expect("barriers are there");
        match read {
            Read::Message { sequence } => {
                assert_eq!(sequence, next);
                let position = (0..next).fold(0, |at, _| laid(at, 64, SIXTEENS).1.end());
                let payload = laid(position, 64, SIXTEENS).1.payload(64);
                assert_eq!(out, payload, "a frame that was overwritten is not given");
                next += 1;
                reached("tapped");
            }
            Read::Missed { count } => {
                next += count;
                reached("missed");
            }
            Read::Empty => {}
            Read::Corrupt(corruption) => panic!("what was overwritten is judged: {corruption}"),
        }
        (read, next)
    };
    let _ = read();
    other.join().unwrap();
    while read().0 != Read::Empty {}
    assert_eq!(read().1, 5, "five were pushed");
}
