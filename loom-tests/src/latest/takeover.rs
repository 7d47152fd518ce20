//! The writer dies at each site; its successor continues while a reader reads.

use ipc_ring::platform::Site;
use ipc_ring::ring::latest::Writer;
use loom::thread;

use super::memory::Heap;
use super::moves::{Reading, publish};
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("latest_writer_dies_busy", 320, || one_key(Site::LatestBusy, false)).reaches(&["died"]),
    Model::new("latest_writer_dies_written", 320, || one_key(Site::LatestWritten, false)).reaches(&["died"]),
    Model::new("latest_writer_dies_published", 4700, || one_key(Site::LatestPublished, true))
        .reaches(&["died"]),
    Model::new("latest_writer_of_many_dies_written", 14, || two_keys(Site::LatestWritten)).reaches(&["died"]),
    Model::new("latest_writer_of_many_dies_published", 17, || two_keys(Site::LatestPublished))
        .reaches(&["died"]),
    Model::new("latest_writer_of_many_dies_noted", 240, || two_keys(Site::LatestNoted)).reaches(&["died"]),
    Model::new("latest_writer_of_many_dies_counted", 120, || two_keys(Site::LatestCounted))
        .reaches(&["died"]),
];

/// The third publication is the fatal one; earlier values stay readable, and the sequence continues.
fn one_key(site: Site, arrived: bool) {
    let table = Heap::new(1, 2, 0);
    let mut reading = Reading::new(&table);
    let mut first = Writer::attach(table.clone());
    publish(&mut first, 0);
    publish(&mut first, 0);
    let other = thread::spawn(move || {
        assert!(crash::kill_at(site, 0, || publish(&mut first, 0)).is_none());
        reached("died");
        let mut next = Writer::attach(table);
        assert_eq!(next.sequence(0), Ok(2 + u64::from(arrived)), "the successor knows what was published");
        publish(&mut next, 0)
    });
    let read = reading.read(0);
    assert!(read >= 2 || read == 0, "the value before is read, whichever process dies");
    reading.read(0);
    let last = other.join().unwrap();
    assert_eq!(reading.read(0), last);
}

/// A reader follows all keys. The change that is missing in the dead writer's journal is noticed too.
fn two_keys(site: Site) {
    let table = Heap::new(2, 2, 2);
    let mut reading = Reading::new(&table);
    let mut first = Writer::attach(table.clone());
    publish(&mut first, 0);
    reading.follow();
    let other = thread::spawn(move || {
        assert!(crash::kill_at(site, 0, || publish(&mut first, 1)).is_none());
        reached("died");
        let mut next = Writer::attach(table);
        publish(&mut next, 0);
        [0, 1].map(|key| next.sequence(key).expect("sound words"))
    });
    reading.follow();
    let last = other.join().unwrap();
    reading.follow();
    for (key, last) in [0, 1].into_iter().zip(last) {
        assert_eq!(reading.reader.seen(key), Ok(last), "the last change of key {key} was noticed");
    }
}
