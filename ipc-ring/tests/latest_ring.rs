//! The table of latest values over heap memory and over a segment: what readers see of a writer in the same
//! process, one call after the other and in two threads.

mod bytes_common;
mod spsc_common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes_common::{MEMORIES, Make};
use ipc_ring::platform::Barrier;
use ipc_ring::ring::latest::{MAX_KEYS, Mapped, Memory as _, Reader, Trouble, Value, Words as _, Writer};
use ipc_ring::{AttachError, AttachErrorKind, Message, Region};
use proptest::prelude::*;
use spsc_common::{Random, check, payload};

fn table<T: Message>(make: Make, keys: u64) -> Mapped<T> {
    Mapped::make(make(Mapped::<T>::geometry(keys).unwrap().total_size()), keys, Barrier::Fence).unwrap()
}

#[test]
fn the_newest_value_with_its_sequence_and_time() {
    for make in MEMORIES {
        let table = table::<u64>(make, 1);
        let mut reader = Reader::attach(table.clone());
        assert_eq!(reader.newest_value(0), Ok(None));
        assert_eq!(reader.newest(0), Ok(0));
        let mut writer = Writer::attach(table.clone());
        for sequence in 1..100 {
            assert!(!reader.has_newer(0));
            assert_eq!(writer.publish(0, 7 * sequence, &(sequence + 5)), Ok(sequence));
            assert!(reader.has_newer(0));
            assert_eq!(reader.newest(0), Ok(sequence));
            let newest = Value { value: sequence + 5, sequence, time_ns: 7 * sequence };
            if sequence % 3 > 0 {
                assert_eq!(reader.newer_value(0), Ok(Some(newest)));
                assert_eq!(reader.newer_value(0), Ok(None));
            }
            assert_eq!(reader.newest_value(0), Ok(Some(newest)), "as often as one likes");
        }
        // A reader that joins late, or has not read for a long time, sees the newest value at once.
        let mut late = Reader::attach(table.clone());
        assert_eq!(late.newest_value(0).unwrap().map(|newest| newest.sequence), Some(99));
        for _ in 0..50 {
            writer.publish(0, 0, &1).unwrap();
        }
        assert_eq!(late.newer_value(0).unwrap().map(|newest| newest.sequence), Some(149));
        // A successor continues.
        drop(writer);
        assert_eq!(Writer::attach(table).publish(0, 0, &1), Ok(150));
    }
}

fn of_size<const N: usize>(make: Make) {
    let table = table::<[u8; N]>(make, 3);
    let mut writer = Writer::attach(table.clone());
    let mut reader = Reader::attach(table);
    for number in 0..20 {
        writer.publish(number as u32 % 3, number, &payload::<N>(number)).unwrap();
        let newest = reader.newest_value(number as u32 % 3).unwrap().unwrap();
        assert_eq!((newest.sequence, newest.time_ns), (number / 3 + 1, number));
        check(&newest.value, number);
    }
    for key in 0..3 {
        check(
            &reader.newest_value(key).unwrap().unwrap().value,
            if key == 2 { 17 } else { 18 + u64::from(key) },
        );
    }
}

#[test]
fn values_of_every_size() {
    for make in MEMORIES {
        of_size::<1>(make);
        of_size::<7>(make);
        of_size::<16>(make);
        of_size::<17>(make);
        of_size::<48>(make);
        of_size::<49>(make);
        of_size::<112>(make);
        of_size::<1000>(make);
        of_size::<65536>(make);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable)]
#[repr(C, align(64))]
struct Aligned([u64; 8]);

#[test]
fn values_lie_where_their_alignment_asks() {
    let table = table::<Aligned>(bytes_common::heap, 2);
    let mut writer = Writer::attach(table.clone());
    writer.publish(1, 0, &Aligned([3; 8])).unwrap();
    assert_eq!(Reader::attach(table).newest_value(1).unwrap().unwrap().value, Aligned([3; 8]));
}

#[test]
fn keys_are_checked() {
    let table = table::<u64>(bytes_common::heap, 5);
    let (mut writer, mut reader) = (Writer::attach(table.clone()), Reader::attach(table));
    for key in [5, 6, 1 << 20, u32::MAX] {
        assert_eq!(writer.publish(key, 0, &1), Err(Trouble::NoSuchKey));
        assert_eq!(writer.sequence(key), Err(Trouble::NoSuchKey));
        assert_eq!(reader.newest_value(key), Err(Trouble::NoSuchKey));
        assert_eq!(reader.newest(key), Err(Trouble::NoSuchKey));
        assert!(!reader.has_newer(key));
    }
    for keys in [0, u64::from(MAX_KEYS) + 1, u64::MAX] {
        assert!(matches!(
            Mapped::<u64>::geometry(keys).as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::TooLarge { .. })
        ));
    }
    let geometry = Mapped::<u64>::geometry(u64::from(MAX_KEYS)).unwrap();
    assert_eq!(geometry.capacity(), u64::from(MAX_KEYS));
}

#[test]
fn a_table_that_is_not_one_is_refused() {
    let region = Region::heap(Mapped::<u64>::geometry(3).unwrap().total_size());
    assert!(matches!(
        Mapped::<u64>::open(region.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotARing { .. })
    ));
    Mapped::<u64>::make(region.clone(), 3, Barrier::Fence).unwrap();
    assert!(Mapped::<u64>::open(region.clone()).is_ok());
    assert!(matches!(
        Mapped::<u32>::open(region.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementSize { .. })
    ));
    assert!(matches!(
        Mapped::<i64>::open(region).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementType { .. })
    ));
    assert!(matches!(
        Mapped::<u64>::make(Region::heap(100), 1, Barrier::Fence).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::TooSmall { .. })
    ));
}

/// A reader that has to search finds the newest value next to one that its writer died writing.
#[test]
fn a_value_half_written_hides_no_other() {
    for make in MEMORIES {
        let table = table::<u64>(make, 1);
        let mut writer = Writer::attach(table.clone());
        for sequence in 1..=20 {
            writer.publish(0, 0, &sequence).unwrap();
            let next = table.word(0, (sequence + 1) % table.slots());
            let before = next.swap((sequence + 1) << 1 | 1, Ordering::Relaxed);
            let newest = Reader::attach(table.clone()).newest_value(0).unwrap().unwrap();
            assert_eq!((newest.sequence, newest.value), (sequence, sequence));
            next.store(before, Ordering::Relaxed);
        }
    }
}

/// A writer dies between a publication and its entry in the journal: its successor does not know the key, and
/// makes all readers check all keys.
#[test]
fn a_change_that_was_not_noted_is_found_after_a_succession() {
    for make in MEMORIES {
        let table = table::<u64>(make, 5);
        let (mut writer, mut reader) = (Writer::attach(table.clone()), Reader::attach(table.clone()));
        assert_eq!(reader.next_change(), Ok(None));
        for key in [2, 4, 0, 2] {
            let changes = table.changes().load(Ordering::Relaxed);
            let entry = table.entry((changes + 1) % table.journal());
            let before = entry.load(Ordering::Relaxed);
            writer.publish(key, 0, &7).unwrap();
            entry.store(before, Ordering::Relaxed);
            table.changes().store(changes, Ordering::Relaxed);
            assert!(!reader.has_change());
            writer = Writer::attach(table.clone());
            assert!(reader.has_change());
            assert_eq!(reader.next_change(), Ok(Some(key)));
            assert_eq!(reader.newer_value(key).unwrap().map(|newest| newest.value), Some(7));
            assert_eq!(reader.next_change(), Ok(None));
        }
    }
}

/// An entry of the journal is checked before it is used: any process of the channel may have written it.
#[test]
fn a_journal_that_names_no_key_is_corrupt() {
    for key in [5, 6, 0xffff] {
        let table = table::<u64>(bytes_common::heap, 5);
        let (mut writer, mut reader) = (Writer::attach(table.clone()), Reader::attach(table.clone()));
        writer.publish(4, 0, &1).unwrap();
        while let Some(changed) = reader.next_change().unwrap() {
            reader.newer_value(changed).unwrap();
        }
        let next = table.changes().load(Ordering::Relaxed) + 1;
        table.entry(next % table.journal()).store(next << 16 | key, Ordering::Relaxed);
        assert!(reader.has_change());
        for _ in 0..2 {
            match reader.next_change() {
                Err(Trouble::Corrupt(corruption)) => {
                    assert_eq!((corruption.word, corruption.found), ("journal's entry", key));
                }
                other => panic!("key {key} of 5: {other:?}"),
            }
        }
    }
}

/// What a reader of all keys must know: of each key the newest value.
#[derive(Clone, Debug)]
enum Act {
    Publish(u32),
    /// Many times one key, so that readers are overtaken.
    Storm(u32, u64),
    Get(u32),
    /// Reads all that has changed, and compares.
    Follow,
    Successor,
    Join,
}

fn act(keys: u32) -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..keys).prop_map(Act::Publish),
        1 => (0..keys, 1u64..3000).prop_map(|(key, count)| Act::Storm(key, count)),
        3 => (0..keys).prop_map(Act::Get),
        3 => Just(Act::Follow),
        1 => Just(Act::Successor),
        1 => Just(Act::Join),
    ]
}

fn follow(reader: &mut Reader<Mapped<[u64; 3]>>, truth: &BTreeMap<u32, u64>, known: &mut BTreeMap<u32, u64>) {
    let mut changed = BTreeSet::new();
    while let Some(key) = reader.next_change().unwrap() {
        assert!(changed.insert(key), "told once");
        assert_eq!(reader.next_change(), Ok(Some(key)), "until it is read");
        let newest = reader.newer_value(key).unwrap().expect("a change is a newer value");
        assert_eq!(newest.value, [newest.sequence; 3]);
        known.insert(key, newest.sequence);
    }
    assert!(!reader.has_change());
    assert_eq!(known, truth, "all that changed was told");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn readers_know_what_a_plain_map_knows(
        (keys, acts) in (1u32..20).prop_flat_map(|keys| (Just(keys), prop::collection::vec(act(keys), 1..60)))
    ) {
        let table = table::<[u64; 3]>(bytes_common::heap, u64::from(keys));
        let mut writer = Writer::attach(table.clone());
        let mut reader = Reader::attach(table.clone());
        let (mut truth, mut known) = (BTreeMap::new(), BTreeMap::new());
        for act in acts {
            match act {
                Act::Publish(key) | Act::Storm(key, _) => {
                    for _ in 0..if let Act::Storm(_, count) = act { count } else { 1 } {
                        let next = truth.get(&key).map_or(1, |last| last + 1);
                        prop_assert_eq!(writer.publish(key, next, &[next; 3]), Ok(next));
                        truth.insert(key, next);
                    }
                }
                Act::Get(key) => {
                    let newest = reader.newest_value(key).unwrap().map(|newest| newest.sequence);
                    prop_assert_eq!(newest, truth.get(&key).copied());
                    if let Some(sequence) = newest {
                        known.insert(key, sequence);
                    }
                }
                Act::Follow => follow(&mut reader, &truth, &mut known),
                Act::Successor => writer = Writer::attach(table.clone()),
                Act::Join => {
                    reader = Reader::attach(table.clone());
                    known.clear();
                }
            }
        }
        follow(&mut reader, &truth, &mut known);
    }
}

/// Readers together with a writer at full speed: whole values, sequences that only grow, and the last one in
/// the end.
fn at_full_speed<const N: usize>(make: Make, keys: u32, count: u64) {
    let table = table::<[u8; N]>(make, u64::from(keys));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..3u64 {
            let mut ring = Reader::attach(table.clone());
            let done = &done;
            scope.spawn(move || {
                let mut random = Random::new(reader);
                let mut last = vec![0; keys as usize];
                loop {
                    // Looked at before the last round.
                    let over = done.load(Ordering::Acquire);
                    for key in 0..keys {
                        let read = if reader == 0 { ring.newer_value(key) } else { ring.newest_value(key) };
                        match read {
                            Ok(Some(newest)) => {
                                check(&newest.value, newest.time_ns);
                                assert!(newest.sequence >= last[key as usize], "backwards");
                                last[key as usize] = newest.sequence;
                            }
                            Ok(None) | Err(Trouble::Contended) => {}
                            Err(trouble) => panic!("{trouble:?}"),
                        }
                    }
                    if over {
                        break;
                    }
                    if reader == 2 {
                        random.pause();
                    }
                }
                for (key, last) in last.into_iter().enumerate() {
                    assert_eq!(
                        last,
                        (count - key as u64).div_ceil(u64::from(keys)),
                        "the last value is read"
                    );
                }
            });
        }
        let mut writer = Writer::attach(table.clone());
        for number in 0..count {
            writer.publish((number % u64::from(keys)) as u32, number, &payload::<N>(number)).unwrap();
        }
        done.store(true, Ordering::Release);
    });
}

#[test]
fn values_are_whole_at_full_speed() {
    for make in MEMORIES {
        at_full_speed::<8>(make, 1, 100_000);
        at_full_speed::<48>(make, 1, 60_000);
        at_full_speed::<200>(make, 3, 30_000);
        at_full_speed::<5000>(make, 1, 2_000);
        at_full_speed::<65536>(make, 2, 200);
    }
}

/// One that follows all keys of a writer at full speed ends with the newest value of each.
#[test]
fn nothing_is_missed_at_full_speed() {
    for make in MEMORIES {
        let keys = 200;
        let table = table::<u64>(make, keys);
        let mut reader = Reader::attach(table.clone());
        let mut truth = vec![0; keys as usize];
        let done = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let following = scope.spawn(|| {
                let mut seen = vec![0; keys as usize];
                loop {
                    let over = done.load(Ordering::Acquire);
                    loop {
                        let key = match reader.next_change() {
                            Ok(Some(key)) => key,
                            Ok(None) => break,
                            Err(Trouble::Contended) => continue,
                            Err(trouble) => panic!("{trouble:?}"),
                        };
                        if let Ok(Some(newest)) = reader.newer_value(key) {
                            assert_eq!(newest.value, newest.sequence);
                            seen[key as usize] = newest.sequence;
                        }
                    }
                    if over {
                        return seen;
                    }
                }
            });
            let mut writer = Writer::attach(table.clone());
            let mut random = Random::new(9);
            for _ in 0..100_000 {
                let key = random.below(keys);
                truth[key as usize] += 1;
                writer.publish(key as u32, 0, &truth[key as usize]).unwrap();
                if random.below(500) == 0 {
                    writer = Writer::attach(table.clone());
                }
            }
            done.store(true, Ordering::Release);
            following.join().unwrap()
        });
        assert_eq!(seen, truth);
    }
}
