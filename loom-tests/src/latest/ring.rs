//! Readers concurrent with a writer that is not killed.

use ipc_ring::ring::latest::Writer;
use loom::thread;

use super::memory::Heap;
use super::moves::{Reading, publish};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("latest_reader_of_a_fast_writer", 1200, || fast_writer(2, 3))
        .reaches(&["none", "between", "newest"]),
    Model::new("latest_reader_that_was_overtaken", 1100, overtaken).reaches(&["newest"]),
    Model::new("latest_two_readers", 1200, two_readers).reaches(&["newest"]),
    Model::new("latest_any_change", 170, any_change).reaches(&["noticed"]),
    Model::new("latest_journal_overtakes", 1300, journal_overtakes).reaches(&["noticed"]),
    Model::new("latest_reader_joins", 230, reader_joins),
];

/// A reader reads twice while the writer wraps around its slots.
fn fast_writer(slots: u64, count: u64) {
    let table = Heap::new(1, slots, 0);
    let mut reading = Reading::new(&table);
    let mut writer = Writer::attach(table);
    let other = thread::spawn(move || {
        for _ in 0..count {
            publish(&mut writer, 0);
        }
    });
    for _ in 0..2 {
        match reading.read(0) {
            0 => reached("none"),
            sequence if sequence == count => reached("newest"),
            _ => reached("between"),
        }
    }
    other.join().unwrap();
    assert_eq!(reading.read(0), count, "what was published is read");
    assert!(!reading.reader.has_newer(0));
}

/// A reader that read the first value long ago reads while the writer continues.
fn overtaken() {
    let table = Heap::new(1, 2, 0);
    let mut reading = Reading::new(&table);
    let mut writer = Writer::attach(table);
    publish(&mut writer, 0);
    assert_eq!(reading.read(0), 1);
    publish(&mut writer, 0);
    publish(&mut writer, 0);
    let other = thread::spawn(move || {
        publish(&mut writer, 0);
        publish(&mut writer, 0);
    });
    let read = reading.read(0);
    assert!(read >= 3 || read == 1, "what was there before is read, or the writer was too fast");
    if read == 5 {
        reached("newest");
    }
    other.join().unwrap();
    assert_eq!(reading.read(0), 5);
}

/// What one reader has read, another reader that learns of it reads too.
fn two_readers() {
    let table = Heap::new(1, 2, 0);
    let (mut one, mut two) = (Reading::new(&table), Reading::new(&table));
    let mut writer = Writer::attach(table);
    let other = thread::spawn(move || {
        publish(&mut writer, 0);
        publish(&mut writer, 0);
    });
    let another = thread::spawn(move || one.read(0));
    two.read(0);
    let read = another.join().unwrap();
    assert!(two.read(0) >= read, "readers agree on the order");
    if read == 2 {
        reached("newest");
    }
    other.join().unwrap();
}

/// A reader follows all keys; in the end it has read the newest value of each.
fn follow(table: &Heap, keys: &'static [u32]) {
    let mut reading = Reading::new(table);
    reading.follow();
    let mut writer = Writer::attach(table.clone());
    reading.follow();
    let other = thread::spawn(move || {
        keys.iter().for_each(|key| {
            publish(&mut writer, *key);
        })
    });
    if reading.reader.has_change() {
        reached("noticed");
    }
    reading.follow();
    other.join().unwrap();
    reading.follow();
    assert_up_to_date(&reading, keys);
}

/// Each key's newest value was read.
pub(super) fn assert_up_to_date(reading: &Reading, keys: &[u32]) {
    for key in keys {
        let published = keys.iter().filter(|other| *other == key).count() as u64;
        assert_eq!(reading.reader.seen(*key), Ok(published), "the last change of key {key} was noticed");
    }
}

fn any_change() {
    follow(&Heap::new(2, 2, 4), &[1, 0]);
}

/// More changes than the journal holds.
fn journal_overtakes() {
    follow(&Heap::new(2, 2, 2), &[1, 0, 1]);
}

/// A reader attaches while the writer publishes.
fn reader_joins() {
    let keys = &[1, 0];
    let table = Heap::new(2, 2, 4);
    let mut writer = Writer::attach(table.clone());
    let other = thread::spawn(move || {
        keys.iter().for_each(|key| {
            publish(&mut writer, *key);
        })
    });
    let mut reading = Reading::new(&table);
    reading.follow();
    other.join().unwrap();
    reading.follow();
    assert_up_to_date(&reading, keys);
}
