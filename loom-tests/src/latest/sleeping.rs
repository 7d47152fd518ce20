//! Readers that sleep until a key changes, or any, and a writer that wakes them. A lost wake-up is a
//! deadlock, which the checker reports.

use ipc_ring::News;
use ipc_ring::end::latest::Topic;
use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::ends::{Channel, READER};
use super::memory::Heap;
use crate::pair::Ended;
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("latest_reader_sleeps_fence", 1100, || one_sleeper(Barrier::Fence)).reaches(&["sleeps"]),
    Model::new("latest_reader_sleeps_asymmetric", 1900, || one_sleeper(Barrier::Asymmetric))
        .reaches(&["sleeps"]),
    Model::new("latest_reader_relies_on_fences", 1_600, || one_sleeper(Barrier::Asymmetric))
        .fenced_looks(1)
        .reaches(&["sleeps"]),
    Model::new("latest_reader_sleeps_for_any", 600, for_any).reaches(&["sleeps"]),
    Model::new("latest_set_sleeps_for_any", 2_800, set_after_one_key).reaches(&["sleeps", "the set sleeps"]),
    Model::new("latest_keys_behind_one_mask", 20000, keys_behind_one_mask).reaches(&["sleeps"]),
    Model::new("latest_reader_changes_its_mind", 5000, changes_its_mind).reaches(&["sleeps", "gives up"]),
    Model::new("latest_reader_sleeps_writer_closes", 1100, || through_end(Ended::Closed))
        .reaches(&["sleeps"]),
    Model::new("latest_reader_sleeps_writer_detaches", 1100, || through_end(Ended::PeerDetached))
        .reaches(&["sleeps"]),
    Model::new("latest_closed_behind_a_value", 150, closed_behind_a_value).bound(3).reaches(&["read"]),
    Model::new("latest_writer_dies_before_it_wakes", 580, || writer_dies(Site::LatestCounted))
        .reaches(&["died", "sleeps"]),
    Model::new("latest_writer_dies_with_the_mask", 400, || writer_dies(Site::WaitMaskTaken))
        .reaches(&["died", "sleeps"]),
    Model::new("latest_writer_dies_with_the_bit_taken", 430, || writer_dies(Site::WakeClaimed))
        .reaches(&["died", "sleeps"]),
    Model::new("latest_writer_dies_for_good", 90, writer_dies_for_good).reaches(&["died", "sleeps"]),
];

/// The semaphore of a set.
const BELL: u32 = 4;

/// Two keys whose readers share a mask.
const KEYS: [u32; 2] = [0, 64];

/// One reader sleeps until each of two values has come, or the second one only.
fn one_sleeper(barrier: Barrier) {
    let channel = Channel::immortal(Heap::new(1, 2, 0), barrier);
    let mut reader = channel.reader(0);
    let mut writer = channel.writer();
    let other = thread::spawn(move || {
        writer.publish(0);
        writer.publish(0);
    });
    reader.wait_until(Topic::Key(0), 0, 2);
    other.join().unwrap();
}

/// A reader has waited for one key alone, then a set waits for it: any key ends that.
fn set_after_one_key() {
    let channel = Channel::immortal(Heap::new(2, 2, 2), Barrier::Fence);
    let (mut writer, mut reader) = (channel.writer(), channel.reader(0));
    let other = thread::spawn(move || {
        writer.publish(0);
        writer.publish(1);
    });
    assert_eq!(reader.wait(Topic::Key(0)), Ok(true));
    let mut set = channel.set(READER, BELL);
    let event = set.wait(&mut [&mut reader.0], None).expect("no end goes");
    assert_eq!(event.news, News::Ready);
    assert_eq!(reader.wait(Topic::Any), Ok(true));
    assert_eq!(reader.seen(1), 1);
    other.join().unwrap();
}

/// A reader of any key sleeps until the one has come that is published last.
fn for_any() {
    let channel = Channel::immortal(Heap::new(2, 2, 2), Barrier::Fence);
    let mut writer = channel.writer();
    let mut reader = channel.reader(0);
    let other = thread::spawn(move || {
        writer.publish(0);
        writer.publish(1);
    });
    reader.wait_until(Topic::Any, 1, 1);
    other.join().unwrap();
}

/// Two readers wait for a key each, behind one bit of one mask.
fn keys_behind_one_mask() {
    let [first, second] = KEYS;
    let channel = Channel::immortal(Heap::with_keys(&KEYS, 2, 0), Barrier::Fence);
    let mut writer = channel.writer();
    let (mut one, mut two) = (channel.reader(0), channel.reader(1));
    let one = thread::spawn(move || one.wait_until(Topic::Key(first), first, 1));
    let two = thread::spawn(move || two.wait_until(Topic::Key(second), second, 1));
    writer.publish(second);
    writer.publish(first);
    one.join().unwrap();
    two.join().unwrap();
}

/// A reader gives up waiting for one key and waits for the other one, whose publication may find what is left
/// of the first wait.
fn changes_its_mind() {
    let [first, second] = KEYS;
    let channel = Channel::immortal(Heap::with_keys(&KEYS, 2, 0), Barrier::Fence);
    let mut writer = channel.writer();
    let mut reader = channel.reader(0);
    let handle = reader.interrupter();
    let other = thread::spawn(move || {
        handle.interrupt();
        writer.publish(second);
    });
    while reader.wait(Topic::Key(first)).expect("no end goes") {}
    reached("gives up");
    reader.wait_until(Topic::Key(second), second, 1);
    other.join().unwrap();
}

/// One value, then the end.
fn through_end(how: Ended) {
    let channel = Channel::immortal(Heap::new(1, 2, 0), Barrier::Fence);
    let mut reader = channel.reader(0);
    let mut writer = channel.writer();
    let other = thread::spawn(move || {
        writer.publish(0);
        writer.end(how);
    });
    assert_eq!(reader.wait(Topic::Key(0)), Ok(true));
    assert_eq!(reader.wait(Topic::Key(0)), Err(how));
    other.join().unwrap();
}

/// What was published before the end is read, even if the end is seen first.
fn closed_behind_a_value() {
    let channel = Channel::immortal(Heap::new(1, 2, 0), Barrier::Fence);
    let mut reader = channel.reader(0);
    let mut writer = channel.writer();
    writer.publish(0);
    let other = thread::spawn(move || writer.end(Ended::Closed));
    assert_eq!(reader.wait(Topic::Key(0)), Ok(true));
    reached("read");
    assert_eq!(reader.wait(Topic::Key(0)), Err(Ended::Closed));
    other.join().unwrap();
}

/// The writer dies with a value published and the reader not woken. Its successor wakes the reader when it
/// takes the seat; if the dead one had already taken the reader's bit, its death has posted a token.
fn writer_dies(site: Site) {
    let channel = Channel::mortal(Heap::new(1, 2, 0), Barrier::Fence);
    let mut reader = channel.reader(0).awaiting_successors();
    let mut first = channel.writer();
    let other = thread::spawn(move || {
        if crash::kill_at(site, 0, || first.publish(0)).is_none() {
            reached("died");
            channel.writer_dies();
        }
        let _next = channel.next_writer();
    });
    reader.wait_until(Topic::Key(0), 0, 1);
    other.join().unwrap();
}

/// The writer dies after its publication, and no other takes its seat. The reader reads the value first, and
/// learns of the death by its periodic check.
fn writer_dies_for_good() {
    let channel = Channel::mortal(Heap::new(1, 2, 0), Barrier::Fence);
    let mut reader = channel.reader(0);
    let mut first = channel.writer();
    let other = thread::spawn(move || {
        assert!(crash::kill_at(Site::LatestCounted, 0, || first.publish(0)).is_none());
        reached("died");
        channel.writer_dies();
        channel.domain().heartbeat(READER);
    });
    assert_eq!(reader.wait(Topic::Key(0)), Ok(true));
    assert_eq!(reader.wait(Topic::Key(0)), Err(Ended::PeerDied));
    other.join().unwrap();
}
