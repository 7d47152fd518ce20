//! Frames: finding records by their headers, paddings, where a subscriber starts, and a publisher that waits.

use std::num::NonZeroU64;

use ipc_ring::memory::Records;
use ipc_ring::platform::{Barrier, Site};
use ipc_ring::ring::broadcast::frames::{Mapped, Memory, Pop, Publisher, Refused, Start, Subscriber};
use ipc_ring::ring::broadcast::{Mode, Resume, seat};
use loom::thread;

use super::memory::{Private, Shape};
use crate::memory::{self, Objects};
use crate::{Model, Word64, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("broadcast_frames_overrun", 5_000, || overrun(64, 8, 3))
        .bound(1)
        .reaches(&["frame", "missed", "empty"]),
    Model::new("broadcast_frames_padding", 900, || overrun(64, 16, 2))
        .bound(1)
        .reaches(&["frame", "missed", "empty"]),
    Model::new("broadcast_frames_join", 50, || join(Start::Next)).reaches(&["frame"]),
    Model::new("broadcast_frames_dies_written", 25_000, || dies(Site::BroadcastWritten))
        .bound(1)
        .reaches(&["died", "frame"]),
    Model::new("broadcast_frames_dies_published", 2_500, || dies(Site::BroadcastPublished))
        .bound(1)
        .reaches(&["died", "frame"]),
    Model::new("broadcast_frames_gated", 270, gated).reaches(&["frame", "empty", "full"]),
];

/// A ring of frames on the heap; clones share it.
pub(super) type Frames = memory::Heap<Private<InRecords>>;

/// Marks the messages as frames.
#[derive(Clone, Debug)]
pub(super) struct InRecords;

impl Frames {
    fn new(capacity: usize, mode: Mode) -> Self {
        Self::of_shape(Shape { mode, ..Shape::lossy(capacity) })
    }

    /// An empty ring; the capacity is in bytes.
    pub(super) fn of_shape(shape: Shape) -> Self {
        Self::with(shape, |objects, at| objects.word(at, Word64::checked(0)))
    }

    /// An empty gated ring: the bytes of a frame are never read and written at the same time, which the
    /// checker sees to.
    fn gated(capacity: usize) -> Self {
        let shape = Shape::gated(capacity, Barrier::Asymmetric);
        Self::with(shape, |objects, at| objects.payload(at).word(at, Word64::contended(0)))
    }

    /// An empty ring; `word` adds that of an offset.
    fn with(shape: Shape, word: impl Fn(Objects, usize) -> Objects) -> Self {
        let objects =
            super::memory::words(&shape).checked("frames").checked("last").plain_words("landmarks", 1);
        let records = (0..shape.capacity).step_by(8).map(|index| <Self as Records>::OFFSET + index);
        Self::of(shape, InRecords, records.fold(objects, word))
    }
}

// SAFETY: `new` has made a word for every eight bytes.
#[allow(unsafe_code)]
unsafe impl Records for Frames {
    const OFFSET: usize = <Mapped as Records>::OFFSET;
}

impl Memory for Frames {
    fn landmarks(&self) -> u64 {
        1
    }
}

/// Frame number `number`: each word of it identifies the frame.
pub(super) fn frame(number: u64, len: usize) -> Vec<u8> {
    (0..len / 8).flat_map(|at| (1000 + 10 * number + at as u64).to_ne_bytes()).collect()
}

fn publisher(ring: &Frames) -> Publisher<Frames> {
    Publisher::attach(ring.clone()).expect("the ring is sound")
}

/// Pops once and checks the result; returns how far the number has moved.
fn pop(reader: &mut Subscriber<Frames>, len: usize) -> u64 {
    let before = reader.sequence();
    let mut out = Vec::new();
    match reader.try_pop_vec(&mut out) {
        Pop::Frame { .. } => {
            reached("frame");
            assert_eq!(out, frame(before, len), "frame {before}");
            assert_eq!(reader.sequence(), before + 1);
        }
        Pop::Missed { count } => {
            reached("missed");
            assert_eq!(reader.sequence(), before + count);
        }
        Pop::Empty { .. } => reached("empty"),
        other => panic!("{other:?} at {before}, {}", reader.position()),
    }
    reader.sequence() - before
}

fn finish(reader: &mut Subscriber<Frames>, len: usize, count: u64) {
    while pop(reader, len) > 0 {}
    assert_eq!(reader.sequence(), count, "the last frame is delivered or reported");
}

fn overrun(capacity: usize, len: usize, count: u64) {
    let ring = Frames::new(capacity, Mode::Lossy);
    let mut publishing = publisher(&ring);
    let mut reader =
        Subscriber::watch(ring.clone(), Start::Oldest, Resume::Oldest).expect("there is a start");
    let other = thread::spawn(move || {
        for number in 0..count {
            publishing.try_publish(&frame(number, len)).expect("a lossy ring");
        }
    });
    pop(&mut reader, len);
    other.join().unwrap();
    finish(&mut reader, len, count);
}

/// Joins while frames are published.
fn join(start: Start) {
    let ring = Frames::new(128, Mode::Lossy);
    let mut publishing = publisher(&ring);
    publishing.try_publish(&frame(0, 8)).expect("a lossy ring");
    let other = thread::spawn(move || {
        for number in 1..3 {
            publishing.try_publish(&frame(number, 8)).expect("a lossy ring");
        }
    });
    let mut reader = Subscriber::watch(ring.clone(), start, Resume::Oldest).expect("there is a start");
    assert!(start == Start::Oldest || reader.sequence() >= 1, "frame 0 was published before");
    other.join().unwrap();
    finish(&mut reader, 8, 3);
}

/// The publisher dies in the middle of the second frame, or right after it; its successor continues.
fn dies(site: Site) {
    let ring = Frames::new(64, Mode::Lossy);
    let shared = ring.clone();
    let mut reader =
        Subscriber::watch(ring.clone(), Start::Oldest, Resume::Oldest).expect("there is a start");
    let other = thread::spawn(move || {
        let mut first = publisher(&shared);
        let life = crash::kill_at(site, 1, || {
            for number in 0..2 {
                first.try_publish(&frame(number, 8)).expect("a lossy ring");
            }
        });
        if life.is_none() {
            reached("died");
        }
        drop(first);
        let mut next = publisher(&shared);
        while next.sequence() < 3 {
            let number = next.sequence();
            next.try_publish(&frame(number, 8)).expect("a lossy ring");
        }
    });
    pop(&mut reader, 8);
    other.join().unwrap();
    finish(&mut reader, 8, 3);
}

/// A publisher waits for its subscriber, and writes where that one has read.
fn gated() {
    let ring = Frames::gated(64); // Two records of 24 bytes, and a padding.
    let mut publishing = publisher(&ring);
    let seat = seat::take(&ring, NonZeroU64::new(2).expect("two")).expect("there are seats");
    let mut reader = Subscriber::join(ring.clone(), seat, Start::Oldest, Resume::Oldest, || true)
        .expect("there is a start");
    let other = thread::spawn(move || {
        for _ in 0..5 {
            publish(&mut publishing);
        }
        publishing
    });
    for _ in 0..2 {
        pop(&mut reader, 8);
    }
    let mut publishing = other.join().unwrap();
    while publishing.sequence() < 3 {
        publish(&mut publishing);
        pop(&mut reader, 8);
    }
    finish(&mut reader, 8, publishing.sequence());
}

/// Publishes the next frame, unless a subscriber is in the way.
fn publish(publishing: &mut Publisher<Frames>) {
    match publishing.try_publish(&frame(publishing.sequence(), 8)) {
        Ok(()) => {}
        Err(Refused::Full) => reached("full"),
        Err(other) => panic!("{other:?}"),
    }
}
