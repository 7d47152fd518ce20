//! Channels of latest values between real processes: what readers see, which are woken, the state after a
//! SIGKILL at each named place, and what is left behind.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::latest::{Builder, PublishError, ReadError, TableBuilder, TableReader, TableWriter, now_ns};
use ipc_ring::platform::Site;
use ipc_ring::{AttachError, AttachErrorKind, Domain, Lifetime, PeerExit, PeerState, WaitStrategy, fault};

type Item = [u64; 5];

/// The value of a key that has this sequence.
fn value(key: u32, sequence: u64) -> Item {
    [sequence, u64::from(key), sequence * 3, !sequence, sequence]
}

fn builder(domain: &str, keys: u32) -> TableBuilder<Item> {
    TableBuilder::new("values").domain(&Domain::open(domain).unwrap()).keys(keys).wait(WaitStrategy::Sleep)
}

fn publish(writer: &mut TableWriter<Item>, key: u32) -> u64 {
    let next = writer.sequence(key).unwrap() + 1;
    assert_eq!(writer.publish(key, value(key, next)), Ok(next));
    next
}

/// Waits for any change; returns what was read, or how it ended.
fn next(reader: &mut TableReader<Item>) -> Result<(u32, u64), ReadError> {
    let (key, newest) = reader.wait_any()?;
    assert_eq!(newest.value, value(key, newest.sequence));
    assert!(newest.time_ns <= now_ns());
    Ok((key, newest.sequence))
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["read", domain, keys] => {
            let mut reader = builder(domain, keys.parse().unwrap()).create_receiver().unwrap();
            say("ready");
            loop {
                match next(&mut reader) {
                    Ok((key, sequence)) => say(&format!("{key} {sequence}")),
                    Err(ReadError::Closed) => break say("closed"),
                    Err(error) => panic!("{error}"),
                }
            }
        }
        ["write", domain, keys, count] => {
            let keys = keys.parse().unwrap();
            let mut writer = builder(domain, keys).create_sender().unwrap();
            say("ready");
            listen();
            for number in 0..count.parse().unwrap() {
                publish(&mut writer, number % keys);
            }
        }
        ["write-and-die", domain, keys, site, after] => {
            let keys = keys.parse().unwrap();
            let mut writer = builder(domain, keys).create_sender().unwrap();
            let site = Site::ALL.into_iter().find(|known| format!("{known:?}") == site).unwrap();
            say("ready");
            listen();
            fault::arm(site, after.parse().unwrap());
            for number in 0.. {
                publish(&mut writer, number % keys);
            }
        }
        ["sleep-and-die", domain, keys] => {
            let mut reader = builder(domain, keys.parse().unwrap()).create_receiver().unwrap();
            fault::arm(Site::WaitingSet, 0);
            say("ready");
            let _ = reader.wait_any();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

#[test]
fn readers_in_other_processes_end_with_the_newest_value_of_each_key() {
    private_namespace();
    let before = kernel_objects();
    for keys in [1u32, 70] {
        let domain = unique("many");
        let mut writer = Role::start("write", &[&domain, &keys.to_string(), "7000"]);
        assert_eq!(writer.hear(), "ready");
        let mut readers: Vec<Role> =
            (0..4).map(|_| Role::start("read", &[&domain, &keys.to_string()])).collect();
        for reader in &mut readers {
            assert_eq!(reader.hear(), "ready");
        }
        writer.tell("go");
        for mut reader in readers {
            let mut last = BTreeMap::new();
            loop {
                let said = reader.hear();
                let Some((key, sequence)) = said.split_once(' ') else { break };
                let (key, sequence): (u32, u64) = (key.parse().unwrap(), sequence.parse().unwrap());
                assert!(last.insert(key, sequence).is_none_or(|before| before < sequence), "backwards");
            }
            assert_eq!(last.len(), keys as usize);
            assert!(last.values().all(|sequence| *sequence == 7000 / u64::from(keys)), "{last:?}");
            reader.finish();
        }
        writer.finish();
    }
    assert_eq!(kernel_objects(), before, "something was left behind");
}

#[test]
fn a_writer_killed_at_each_site() {
    private_namespace();
    let sites = [
        ("LatestBusy", false),
        ("LatestWritten", false),
        ("LatestPublished", true),
        ("LatestNoted", true),
        ("LatestCounted", true),
    ];
    for keys in [1, 3] {
        for (site, arrived) in sites {
            if keys == 1 && site == "LatestNoted" {
                continue; // There is no journal.
            }
            let domain = unique("kill-writer");
            let mut reader = builder(&domain, keys).create_receiver().unwrap();
            let mut seen = BTreeMap::new();
            let mut last_of = |reader: &mut TableReader<Item>| loop {
                match next(reader) {
                    Ok((key, sequence)) => {
                        assert!(seen.insert(key, sequence).is_none_or(|before| before < sequence));
                    }
                    Err(over) => return (over, seen.clone()),
                }
            };
            // Publications before the deadly one, over all keys.
            let whole: u64 = 10;
            let mut victim =
                Role::start("write-and-die", &[&domain, &keys.to_string(), site, &whole.to_string()]);
            assert_eq!(victim.hear(), "ready");
            victim.tell("go");
            let (over, seen) = last_of(&mut reader);
            assert!(
                matches!(over, ReadError::PeerGone(PeerExit::Died { pid }) if pid == victim.pid()),
                "{over}"
            );
            victim.wait_killed();
            let published = whole + u64::from(arrived);
            // A change missing from the dead one's journal is found by its key, or when a successor joins.
            let known: u64 = seen.values().sum();
            assert!(known == published || (site == "LatestPublished" && known + 1 == published), "{seen:?}");
            let newest = |reader: &mut TableReader<Item>| -> u64 {
                (0..keys).map(|key| reader.get(key).unwrap().map_or(0, |newest| newest.sequence)).sum()
            };
            assert_eq!(newest(&mut builder(&domain, keys).open_receiver().unwrap()), published);
            // The successor continues, and a reader that follows all keys misses nothing.
            let mut successor = builder(&domain, keys).open_sender().unwrap();
            publish(&mut successor, 0);
            successor.detach();
            let (over, seen) = last_of(&mut reader);
            assert!(matches!(over, ReadError::PeerGone(PeerExit::Detached)), "{over}");
            assert_eq!(seen.values().sum::<u64>(), published + 1, "{site}, {keys} keys");
        }
    }
}

#[test]
fn a_killed_sleeper_keeps_no_other_end_asleep() {
    private_namespace();
    let domain = unique("kill-sleeper");
    let mut writer = builder(&domain, 1).create_sender().unwrap();
    let mut victim = Role::start("sleep-and-die", &[&domain, "1"]);
    assert_eq!(victim.hear(), "ready");
    victim.wait_killed();
    let mut live = Role::start("read", &[&domain, "1"]);
    assert_eq!(live.hear(), "ready");
    for sequence in 1..20 {
        publish(&mut writer, 0);
        assert_eq!(live.hear(), format!("0 {sequence}"));
    }
    drop(writer);
    assert_eq!(live.hear(), "closed");
    live.finish();
}

#[test]
fn a_reader_wakes_for_its_own_key_only() {
    private_namespace();
    let domain = unique("topic");
    let mut writer = builder(&domain, 200).create_sender().unwrap();
    let (mut one, mut all) =
        (builder(&domain, 200).open_receiver().unwrap(), builder(&domain, 200).open_receiver().unwrap());
    std::thread::scope(|scope| {
        // Key 67 sleeps behind the same mask as key 3.
        let three = scope.spawn(|| one.wait(3).unwrap());
        let any = scope.spawn(|| {
            let mut seen = BTreeMap::new();
            loop {
                match next(&mut all) {
                    Ok((key, sequence)) => {
                        seen.insert(key, sequence);
                    }
                    Err(ReadError::Closed) => return seen,
                    Err(error) => panic!("{error}"),
                }
            }
        });
        for _ in 0..50 {
            publish(&mut writer, 67);
            std::thread::sleep(Duration::from_micros(300));
        }
        assert!(!three.is_finished());
        publish(&mut writer, 3);
        assert_eq!(three.join().unwrap().value, value(3, 1));
        drop(writer);
        assert_eq!(any.join().unwrap(), BTreeMap::from([(67, 50), (3, 1)]));
    });
}

#[test]
fn two_hundred_fifty_six_readers_sleep_and_wake_and_the_next_is_refused() {
    private_namespace();
    let domain = unique("full");
    let mut writer = builder(&domain, 2).create_sender().unwrap();
    let mut readers: Vec<TableReader<Item>> =
        (0..256).map(|_| builder(&domain, 2).open_receiver().unwrap()).collect();
    let refused = builder(&domain, 2).open_receiver().map(|_| ());
    assert!(
        matches!(
            refused.as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::DomainFull { limit: 256, .. })
        ),
        "{refused:?}"
    );
    // An observer needs no seat.
    let mut observer = builder(&domain, 2).open_observer().unwrap();
    std::thread::scope(|scope| {
        let sleepers: Vec<_> = readers
            .iter_mut()
            .enumerate()
            .map(|(index, reader)| {
                scope.spawn(move || match index % 2 {
                    0 => reader.wait(1).unwrap().sequence,
                    _ => reader.wait_any().unwrap().1.sequence,
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        publish(&mut writer, 1);
        for sleeper in sleepers {
            assert_eq!(sleeper.join().unwrap(), 1);
        }
    });
    assert_eq!(observer.get(1).unwrap().unwrap().value, value(1, 1));
    readers.pop();
    assert!(builder(&domain, 2).open_receiver().is_ok());
}

#[test]
fn how_waiting_ends() {
    private_namespace();
    let domain = unique("ends");
    let mut reader = builder(&domain, 1).create_receiver().unwrap();
    let short = Duration::from_millis(5);
    // A writer that has never joined is waited for.
    assert!(matches!(reader.wait_timeout(0, short), Err(ReadError::TimedOut)));
    assert!(matches!(reader.wait_any_timeout(short), Err(ReadError::TimedOut)));
    assert_eq!(reader.peer().unwrap(), PeerState::Gone(PeerExit::NeverAttached));
    let mut writer = builder(&domain, 1).open_sender().unwrap();
    let second = builder(&domain, 1).open_sender().map(|_| ());
    assert!(
        matches!(second.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::EndTaken { pid }) if *pid == std::process::id()),
        "{second:?}"
    );
    let alive = PeerState::Alive { pid: std::process::id() };
    assert_eq!(reader.wait_for_peer(None).unwrap(), alive);
    publish(&mut writer, 0);
    assert!(matches!(writer.publish(1, value(1, 1)), Err(PublishError::NoSuchKey { key: 1, keys: 1 })));
    assert!(matches!(reader.get(1), Err(ReadError::NoSuchKey { key: 1, keys: 1 })));
    assert!(matches!(reader.wait(1), Err(ReadError::NoSuchKey { key: 1, keys: 1 })));
    // What was published before is read before the end is reported.
    writer.detach();
    assert_eq!(reader.wait(0).unwrap().sequence, 1);
    assert!(matches!(reader.wait(0), Err(ReadError::PeerGone(PeerExit::Detached))));
    assert_eq!(reader.get(0).unwrap().unwrap().sequence, 1);
    assert_eq!(reader.wait_for_peer(Some(short)).unwrap(), PeerState::Gone(PeerExit::Detached));
    let mut writer = builder(&domain, 1).open_sender().unwrap();
    assert!(matches!(reader.wait_timeout(0, short), Err(ReadError::TimedOut)));
    assert_eq!(publish(&mut writer, 0), 2);
    writer.close();
    assert_eq!(reader.wait_any().unwrap().1.sequence, 2);
    assert!(matches!(reader.wait(0), Err(ReadError::Closed)));
    assert_eq!(reader.get(0).unwrap().unwrap().sequence, 2, "the last value stays");
    let late = builder(&domain, 1).open_sender().map(|_| ());
    assert!(matches!(late.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::Closed)), "{late:?}");
    // A creator makes a new channel in its place; its holders keep the old one.
    let mut fresh = builder(&domain, 1).create_sender().unwrap();
    assert_eq!(publish(&mut fresh, 0), 1);
    assert_eq!(reader.get(0).unwrap().unwrap().sequence, 2);
}

#[test]
fn the_face_of_one_value() {
    private_namespace();
    let domain = Domain::open(&unique("one")).unwrap();
    let pose = Builder::<Item>::new("pose").domain(&domain);
    let mut writer = pose.create_sender().unwrap();
    let mut reader = pose.open_receiver().unwrap();
    assert!(reader.get().unwrap().is_none());
    let before = now_ns();
    assert_eq!(writer.publish(value(0, 1)), Ok(1));
    let newest = reader.wait().unwrap();
    assert_eq!((newest.value, newest.sequence), (value(0, 1), 1));
    assert!(before <= newest.time_ns && newest.time_ns <= now_ns());
    assert!(reader.get_newer().unwrap().is_none());
    assert_eq!(writer.publish_at(&value(0, 2), 77), Ok(2));
    assert_eq!((reader.sequence().unwrap(), writer.sequence().unwrap()), (2, 2));
    let mut place = [0; 5];
    let newest = reader.get_into(&mut place).unwrap().unwrap();
    assert_eq!((place, newest.sequence, newest.time_ns), (value(0, 2), 2, 77));
    // Neither a table nor a ring is a channel of one value.
    let _table = TableBuilder::<Item>::new("table").domain(&domain).keys(5).create_sender().unwrap();
    let other = Builder::<Item>::new("table").domain(&domain).open_receiver().map(|_| ());
    assert!(
        matches!(
            other.as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::Capacity { found: 5, expected: 1 })
        ),
        "{other:?}"
    );
    let other = ipc_ring::spsc::Builder::<Item>::new("pose").domain(&domain).open_receiver().map(|_| ());
    assert!(
        matches!(other.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::Kind { .. })),
        "{other:?}"
    );
}

#[test]
fn an_observer_sees_what_a_reader_sees() {
    private_namespace();
    let domain = unique("observer");
    let mut writer = builder(&domain, 4).create_sender().unwrap();
    let mut observer =
        TableBuilder::<Item>::new("values").domain(&Domain::open(&domain).unwrap()).open_observer().unwrap();
    assert_eq!((observer.keys(), observer.changed().unwrap()), (4, None));
    for sequence in 1..2000 {
        publish(&mut writer, 2);
        assert_eq!(observer.sequence(2).unwrap(), sequence);
    }
    assert_eq!(observer.changed().unwrap(), Some(2));
    assert_eq!(observer.get_newer(2).unwrap().unwrap().value, value(2, 1999));
    assert_eq!(observer.changed().unwrap(), None);
    assert_eq!(observer.peer().unwrap(), PeerState::Alive { pid: std::process::id() });
    drop(writer);
    assert_eq!(observer.peer().unwrap(), PeerState::Closed);
    assert_eq!(
        observer.get(2).unwrap().unwrap().value,
        value(2, 1999),
        "as long as it lives the memory does"
    );
    // The channel itself is gone with its last end.
    assert!(matches!(
        builder(&domain, 4).open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
}

#[test]
fn values_of_a_persistent_table_outlive_all_ends() {
    private_namespace();
    let domain = unique("persistent");
    let persistent = || builder(&domain, 3).lifetime(Lifetime::Persistent);
    let mut writer = persistent().create_sender().unwrap();
    publish(&mut writer, 1);
    publish(&mut writer, 1);
    drop(writer);
    let mut reader = persistent().open_receiver().unwrap();
    assert_eq!(reader.get(1).unwrap().unwrap().value, value(1, 2));
    drop(reader);
    let mut writer = persistent().open_sender().unwrap();
    assert_eq!(publish(&mut writer, 1), 3);
    let domain = Domain::open(&domain).unwrap();
    assert!(domain.remove_channel("values").unwrap());
}
