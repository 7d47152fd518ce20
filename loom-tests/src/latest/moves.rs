//! Single operations of the two ends, with their checks.

use ipc_ring::ring::latest::{Reader, Trouble, Value, Writer};

use super::memory::{Heap, Item};
use crate::reached;

/// A reader and what it last read of each key.
pub(crate) struct Reading {
    pub(crate) reader: Reader<Heap>,
}

/// The value of a sequence.
fn value(key: u32, sequence: u64) -> Item {
    let word = u64::from(key) << 32 | sequence;
    [word, !word]
}

/// The next value of a key, with its sequence and its time.
pub(crate) fn next_value(writer: &mut Writer<Heap>, key: u32) -> (u64, u64, Item) {
    let next = writer.sequence(key).expect("sound words") + 1;
    (next, 100 + next, value(key, next))
}

/// Publishes the next value of a key.
pub(crate) fn publish(writer: &mut Writer<Heap>, key: u32) -> u64 {
    let (next, time_ns, value) = next_value(writer, key);
    assert_eq!(writer.publish(key, time_ns, &value), Ok(next));
    next
}

/// Whether a value of a key is what was published with its sequence.
pub(crate) fn expect(key: u32, read: &Value<Item>) {
    assert_eq!(read.value, value(key, read.sequence), "a value is whole, and the one of its sequence");
    assert_eq!(read.time_ns, 100 + read.sequence, "the time is the value's");
}

impl Reading {
    pub(crate) fn new(table: &Heap) -> Self {
        Self { reader: Reader::attach(table.clone()) }
    }

    /// Reads the newest value of a key; returns its sequence, 0 for none.
    pub(crate) fn read(&mut self, key: u32) -> u64 {
        let before = self.reader.seen(key).expect("the key is there");
        match self.reader.newest_value(key) {
            Ok(None) => {
                assert_eq!(before, 0, "a value that was there is there");
                0
            }
            Ok(Some(read)) => {
                expect(key, &read);
                assert!(read.sequence >= before, "time does not run backwards");
                read.sequence
            }
            Err(Trouble::Contended) => {
                reached("contended");
                before
            }
            Err(trouble) => panic!("{trouble:?}"),
        }
    }

    /// Reads everything that has changed by the journal.
    pub(crate) fn follow(&mut self) {
        while let Some(key) = self.reader.next_change().expect("sound words") {
            self.read(key);
        }
    }
}
