//! Frames: records that are found by their headers, paddings, and where a subscriber starts.

use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::platform::{Barrier, Platform, Site, Word as _};
use ipc_ring::ring::broadcast::frames::{Memory, Pop, Publisher, Start, Subscriber};
use ipc_ring::ring::broadcast::{Memory as _, Mode, Resume};
use loom::thread;

use super::memory::{Front, Heap, Shape};
use crate::{Loom, Model, Word64, crash, reached};

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
];

/// A ring of frames on the heap; clones share it.
#[derive(Clone, Debug)]
struct Frames(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    /// For its words in front.
    front: Heap,
    words: Vec<Word64>,
    frames: Word64,
    last: Word64,
    landmarks: Vec<Word64>,
}

impl Frames {
    fn new(capacity: usize, mode: Mode) -> Self {
        let shape = Shape { capacity, mode, barrier: Barrier::Asymmetric, moves: false, closes: false };
        Self(Rc::new(Shared {
            front: Heap::words_only(shape),
            words: (0..capacity / 8).map(|_| Word64::checked(0)).collect(),
            frames: Word64::checked(0),
            last: Word64::checked(0),
            landmarks: (0..1).map(|_| Word64::plain(0)).collect(),
        }))
    }

    fn at(&self, index: u64) -> &Word64 {
        &self.0.words[usize::try_from(index / 8).expect("an index inside the ring")]
    }
}

// SAFETY: `read` fills `out`.
#[allow(unsafe_code)]
unsafe impl Memory for Frames {
    type Platform = Loom;
    type Words = Front;

    fn words(&self) -> &Front {
        self.0.front.words()
    }

    fn word(&self, index: u64) -> &<Loom as Platform>::U64 {
        assert_eq!(index % 8, 0, "words are aligned");
        self.at(index)
    }

    fn write(&self, index: u64, bytes: &[u8]) {
        assert_eq!((index % 8, bytes.len() % 8), (0, 0), "models move whole words");
        for (at, word) in bytes.chunks(8).enumerate() {
            let word = u64::from_ne_bytes(word.try_into().expect("eight bytes"));
            self.at(index + 8 * at as u64).store(word, Relaxed);
        }
    }

    fn read(&self, index: u64, out: &mut [MaybeUninit<u8>]) {
        assert_eq!((index % 8, out.len() % 8), (0, 0), "models move whole words");
        for (at, bytes) in out.chunks_mut(8).enumerate() {
            let word = self.at(index + 8 * at as u64).load(Relaxed);
            for (place, byte) in bytes.iter_mut().zip(word.to_ne_bytes()) {
                place.write(byte);
            }
        }
    }

    fn frames(&self) -> &Word64 {
        &self.0.frames
    }

    fn last(&self) -> &Word64 {
        &self.0.last
    }

    fn landmarks(&self) -> u64 {
        1
    }

    fn landmark(&self, number: u64) -> &Word64 {
        &self.0.landmarks[usize::try_from(number).expect("few")]
    }
}

/// Frame number `number`: each word of it tells.
fn frame(number: u64, len: usize) -> Vec<u8> {
    (0..len / 8).flat_map(|at| (1000 + 10 * number + at as u64).to_ne_bytes()).collect()
}

fn publisher(ring: &Frames) -> Publisher<Frames> {
    Publisher::attach(ring.clone()).expect("the ring is sound")
}

/// Pops once and checks what came; gives how far the number has moved.
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

/// Comes while frames are published.
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

/// The publisher dies in the middle of the second frame, or right behind it; its successor goes on.
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
