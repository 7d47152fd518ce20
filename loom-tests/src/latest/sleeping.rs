//! Readers that sleep until a key changes, or any. A lost wake-up is a deadlock, which the checker reports.
//!
//! The ring and the functions of [`waiter_set`] are production's; the steps of
//! `channel/latest/table_reader.rs` that call the kernel are mirrored over mock semaphores. Time is left out:
//! a reader that finds nothing sleeps at once.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::platform::{Barrier, Site, Word as _};
use ipc_ring::ring::latest::Writer;
use ipc_ring::wait::signal;
use ipc_ring::wait::waiter_set::{self, WaiterSet};
use loom::thread;

use super::memory::Heap;
use super::moves::{Reading, publish};
use crate::{Loom, Model, Semaphore, Word32, Word64, crash, mutation, reached};

/// A mistake: a taken bit is not restored for readers that the publication does not concern.
pub const OTHERS_FORGOTTEN: &str = "readers that wait for another key behind the same mask are forgotten";
/// A mistake: the reader goes to sleep without checking again.
pub const NO_SECOND_LOOK: &str = "a reader of latest values sleeps without a second look";
/// A mistake: a writer that takes over wakes no one.
pub const SILENT_SUCCESSOR: &str = "a writer of latest values that takes over wakes nobody";
/// A mistake: the writer checks only for readers that wait for the key.
pub const ANY_FORGOTTEN: &str = "the writer of latest values does not look for those who wait for any key";

/// All of them.
pub const MISTAKES: [&str; 4] = [OTHERS_FORGOTTEN, NO_SECOND_LOOK, SILENT_SUCCESSOR, ANY_FORGOTTEN];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("latest_reader_sleeps_fence", 600, || one_sleeper(Barrier::Fence)).reaches(&["sleeps"]),
    Model::new("latest_reader_sleeps_asymmetric", 1100, || one_sleeper(Barrier::Asymmetric))
        .reaches(&["sleeps"]),
    Model::new("latest_reader_sleeps_for_any", 400, for_any).reaches(&["sleeps"]),
    Model::new("latest_keys_behind_one_mask", 3000, keys_behind_one_mask).reaches(&["sleeps"]),
    Model::new("latest_reader_changes_its_mind", 2500, changes_its_mind).reaches(&["sleeps"]),
    Model::new("latest_writer_dies_before_it_wakes", 60, writer_dies).reaches(&["died", "sleeps"]),
];

/// The mask of readers that wait for any key, and that of readers that wait for one key: both keys share it.
const ANY: usize = 0;
const KEY: usize = 1;

struct Bed {
    table: Heap,
    barrier: Barrier,
    masks: [Word64; 2],
    signals: [Word32; 2],
    /// The mask in which a seat's end sets a bit.
    sides: [Word32; 2],
    /// What the reader waits for: a key + 1, or 0.
    topics: [Word32; 2],
    semaphores: [Semaphore; 2],
}

/// The readers of one mask, and what was published.
struct Side<'a> {
    bed: &'a Bed,
    mask: usize,
    topic: u32,
}

impl WaiterSet for Side<'_> {
    type Platform = Loom;

    fn mask(&self) -> &Word64 {
        &self.bed.masks[self.mask]
    }

    fn signal(&self, number: u16) -> &Word32 {
        &self.bed.signals[usize::from(number)]
    }

    fn belongs(&self, number: u16) -> bool {
        self.bed.sides[usize::from(number)].load(Relaxed) == self.mask as u32
            && (!mutation::logic(OTHERS_FORGOTTEN) || self.is_concerned(number))
    }

    fn is_concerned(&self, number: u16) -> bool {
        self.topic == 0 || self.bed.topics[usize::from(number)].load(Relaxed) == self.topic
    }

    fn seats(&self) -> u16 {
        2
    }

    fn bits(&self) -> u16 {
        1
    }
}

/// What a reader waits for.
#[derive(Clone, Copy)]
enum Topic {
    Any,
    Key(u32),
}

impl Bed {
    fn new(table: Heap, barrier: Barrier) -> Rc<Self> {
        let words = || [Word32::contended(0), Word32::contended(0)];
        Rc::new(Self {
            table,
            barrier,
            masks: [Word64::contended(0), Word64::contended(0)],
            signals: words(),
            sides: words(),
            topics: words(),
            semaphores: [Semaphore::new(), Semaphore::new()],
        })
    }

    fn side(&self, topic: Topic) -> Side<'_> {
        match topic {
            Topic::Any => Side { bed: self, mask: ANY, topic: 0 },
            Topic::Key(key) => Side { bed: self, mask: KEY, topic: key + 1 },
        }
    }

    fn wake_behind(&self, side: &Side<'_>) {
        waiter_set::wake(
            side,
            &mut 0,
            usize::MAX,
            waiter_set::Post(|number| {
                self.semaphores[usize::from(number)].post();
                true
            }),
        );
    }

    /// The writer's end: publishes and wakes.
    fn publish(&self, writer: &mut Writer<Heap>, key: u32) {
        publish(writer, key);
        if mutation::logic(ANY_FORGOTTEN) {
            if waiter_set::has_waiters::<Loom>(&self.masks[KEY], self.barrier) {
                self.wake_behind(&self.side(Topic::Key(key)));
            }
            return;
        }
        // As `Place::wake_concerned`.
        if waiter_set::has_waiters::<Loom>(&self.masks[ANY], self.barrier)
            || self.masks[KEY].load(Relaxed) != 0
        {
            self.wake_behind(&self.side(Topic::Any));
            self.wake_behind(&self.side(Topic::Key(key)));
        }
    }

    /// A writer that takes the seat of a dead one.
    fn successor(&self) -> Writer<Heap> {
        if !mutation::logic(SILENT_SUCCESSOR) {
            for mask in [ANY, KEY] {
                use ipc_ring::platform::Platform as _;
                Loom::light(self.barrier);
                self.wake_behind(&Side { bed: self, mask, topic: 0 });
            }
        }
        Writer::attach(self.table.clone())
    }

    fn announce(&self, number: u16, topic: Topic) {
        let side = self.side(topic);
        self.sides[usize::from(number)].store(side.mask as u32, Relaxed);
        self.topics[usize::from(number)].store(side.topic, Relaxed);
        waiter_set::prepare_wait(&side, number, self.barrier).expect("no barrier of a model fails");
    }

    fn do_not_sleep(&self, number: u16) {
        if signal::withdraw::<Loom>(&self.signals[usize::from(number)]) {
            self.semaphores[usize::from(number)].try_wait();
        }
    }

    /// Reads until a key has this sequence; sleeps meanwhile.
    fn wait(&self, reading: &mut Reading, number: u16, topic: Topic, key: u32, sequence: u64) {
        loop {
            match topic {
                Topic::Any => reading.follow(),
                Topic::Key(key) => {
                    reading.read(key);
                }
            }
            if reading.reader.seen(key).expect("the key is there") >= sequence {
                return;
            }
            self.announce(number, topic);
            let something = match topic {
                Topic::Any => reading.reader.has_change(),
                Topic::Key(key) => reading.reader.has_newer(key),
            };
            if something && !mutation::logic(NO_SECOND_LOOK) {
                self.do_not_sleep(number);
            } else {
                reached("sleeps");
                self.semaphores[usize::from(number)].wait();
                signal::withdraw::<Loom>(&self.signals[usize::from(number)]);
            }
        }
    }
}

/// One reader sleeps until each of two values has come, or the second one only.
fn one_sleeper(barrier: Barrier) {
    let bed = Bed::new(Heap::new(1, 2, 0), barrier);
    let mut reading = Reading::new(&bed.table);
    let mut writer = Writer::attach(bed.table.clone());
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || {
        shared.publish(&mut writer, 0);
        shared.publish(&mut writer, 0);
    });
    bed.wait(&mut reading, 0, Topic::Key(0), 0, 2);
    other.join().unwrap();
}

/// A reader of any key sleeps until the key that is published last has come.
fn for_any() {
    let bed = Bed::new(Heap::new(2, 2, 2), Barrier::Fence);
    let mut writer = Writer::attach(bed.table.clone());
    let mut reading = Reading::new(&bed.table);
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || {
        shared.publish(&mut writer, 0);
        shared.publish(&mut writer, 1);
    });
    bed.wait(&mut reading, 0, Topic::Any, 1, 1);
    other.join().unwrap();
}

/// Two readers wait for a key each, under one bit of one mask.
fn keys_behind_one_mask() {
    let bed = Bed::new(Heap::new(2, 2, 0), Barrier::Fence);
    // Asleep already.
    bed.announce(0, Topic::Key(0));
    let mut writer = Writer::attach(bed.table.clone());
    let shared = Rc::clone(&bed);
    let one = thread::spawn(move || shared.semaphores[0].wait());
    let shared = Rc::clone(&bed);
    let two = thread::spawn(move || {
        let mut reading = Reading::new(&shared.table);
        shared.wait(&mut reading, 1, Topic::Key(1), 1, 1);
    });
    bed.publish(&mut writer, 1);
    bed.publish(&mut writer, 0);
    one.join().unwrap();
    two.join().unwrap();
}

/// A reader gives up waiting for one key and waits for the other one, whose publication may find what is left
/// of the first wait.
fn changes_its_mind() {
    let bed = Bed::new(Heap::new(2, 2, 0), Barrier::Fence);
    let mut reading = Reading::new(&bed.table);
    let mut writer = Writer::attach(bed.table.clone());
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || {
        shared.publish(&mut writer, 0);
        shared.publish(&mut writer, 1);
    });
    bed.announce(0, Topic::Key(0));
    bed.do_not_sleep(0);
    bed.wait(&mut reading, 0, Topic::Key(1), 1, 1);
    other.join().unwrap();
}

/// The writer dies with a value published and no one woken. The process that takes its seat wakes the reader.
fn writer_dies() {
    let bed = Bed::new(Heap::new(1, 2, 0), Barrier::Fence);
    let mut reading = Reading::new(&bed.table);
    let mut first = Writer::attach(bed.table.clone());
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || {
        assert!(crash::kill_at(Site::LatestCounted, 0, || shared.publish(&mut first, 0)).is_none());
        reached("died");
        shared.successor()
    });
    bed.wait(&mut reading, 0, Topic::Key(0), 0, 1);
    other.join().unwrap();
}
