//! A publisher that never waits, and subscribers that it overruns.

use ipc_ring::platform::Site;
use ipc_ring::ring::broadcast::{Pop, Resume, Start};
use loom::thread;
use std::mem::MaybeUninit;

use super::books::{Reader, publish, publisher};
use super::memory::{Heap, Shape, message};
use crate::{Model, crash, reached};

const ALL: &[&str] = &["item", "missed", "empty"];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("broadcast_overrun_capacity_1", 11_000, || overrun(1, 3, Resume::Oldest))
        .bound(3)
        .reaches(ALL),
    Model::new("broadcast_overrun_capacity_2", 6_900, || overrun(2, 4, Resume::Oldest)).bound(3).reaches(ALL),
    Model::new("broadcast_overrun_newest", 4_200, || overrun(2, 4, Resume::Newest)).reaches(ALL),
    Model::new("broadcast_two_readers", 60_000, two_readers).reaches(ALL),
    Model::new("broadcast_batch", 1_300, batch).reaches(&["batch", "missed"]),
    Model::new("broadcast_lossy_join", 300, join).reaches(&["item"]),
    Model::new("broadcast_publisher_dies_written", 1_100, || dies(Site::BroadcastWritten))
        .reaches(&["died", "item", "missed"]),
    Model::new("broadcast_publisher_dies_published", 800, || dies(Site::BroadcastPublished))
        .reaches(&["died", "item", "missed"]),
    Model::new("broadcast_publisher_dies_raised", 580, || dies(Site::BroadcastRaised))
        .reaches(&["died", "item", "missed"]),
];

fn overrun(capacity: usize, count: u64, resume: Resume) {
    let ring = Heap::new(Shape::lossy(capacity));
    let mut publishing = publisher(&ring);
    let mut reader = Reader::watch(&ring, Start::Oldest, resume);
    let other = thread::spawn(move || {
        for _ in 0..count {
            assert!(publish(&mut publishing));
        }
    });
    for _ in 0..3 {
        reader.pop();
    }
    other.join().unwrap();
    reader.finish(count);
}

fn two_readers() {
    let ring = Heap::new(Shape::lossy(1));
    let mut publishing = publisher(&ring);
    let others = [1, 2].map(|identity| {
        let mut reader = Reader::join(&ring, identity, Start::Oldest, 3);
        thread::spawn(move || {
            reader.pop();
            reader.pop();
            reader
        })
    });
    for _ in 0..2 {
        assert!(publish(&mut publishing));
    }
    for other in others {
        other.join().unwrap().finish(2);
    }
}

/// Batches both ways.
fn batch() {
    let ring = Heap::new(Shape::lossy(2));
    let mut publishing = publisher(&ring);
    let mut reader = Reader::watch(&ring, Start::Oldest, Resume::Oldest).ring;
    let other = thread::spawn(move || {
        let all = [0, 1, 2, 3].map(message);
        assert_eq!(publishing.try_publish_slice(&all[..2]), Ok(2));
        assert_eq!(publishing.try_publish_slice(&all[2..]), Ok(2));
    });
    let mut other = Some(other);
    for _ in 0..4 {
        let before = reader.position();
        let mut out = [MaybeUninit::new([0; 2]); 2];
        match reader.try_pop_slice(&mut out) {
            Pop::Item { item: count, .. } => {
                for (rank, place) in out[..count].iter().enumerate() {
                    // SAFETY: every place was initialised above.
                    #[allow(unsafe_code)]
                    let found = unsafe { place.assume_init() };
                    assert_eq!(found, message(before + rank as u64));
                }
                if count == 2 {
                    reached("batch");
                }
                assert_eq!(reader.position(), before + count as u64);
            }
            Pop::Missed { count } => {
                reached("missed");
                assert_eq!(reader.position(), before + count);
            }
            Pop::Empty { .. } => {
                if let Some(other) = other.take() {
                    other.join().unwrap();
                }
            }
            Pop::Corrupt(corruption) => panic!("{corruption}"),
        }
    }
    if let Some(other) = other {
        other.join().unwrap();
    }
}

/// Joins while messages are published.
fn join() {
    let ring = Heap::new(Shape::lossy(2));
    let mut publishing = publisher(&ring);
    let other = thread::spawn(move || {
        for _ in 0..3 {
            assert!(publish(&mut publishing));
        }
    });
    let mut reader = Reader::watch(&ring, Start::Newest, Resume::Newest);
    reader.pop();
    other.join().unwrap();
    reader.finish(3);
}

/// The publisher dies at a site with something to overwrite, and a successor continues.
fn dies(site: Site) {
    let ring = Heap::new(Shape::lossy(1));
    let shared = ring.clone();
    let mut reader = Reader::watch(&ring, Start::Oldest, Resume::Oldest);
    let other = thread::spawn(move || {
        let mut first = publisher(&shared);
        assert!(publish(&mut first));
        let visit = u32::from(site != Site::BroadcastRaised) - u32::from(site == Site::BroadcastWritten);
        if crash::kill_at(site, visit, || {
            publish(&mut first);
            publish(&mut first);
        })
        .is_none()
        {
            reached("died");
        }
        drop(first);
        let mut next = publisher(&shared);
        while next.position() < 3 {
            assert!(publish(&mut next));
        }
    });
    reader.pop();
    reader.pop();
    other.join().unwrap();
    reader.finish(3);
}
