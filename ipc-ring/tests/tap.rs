//! A tap reads the messages of running channels from outside: whole ones only, and it counts the others.

mod common;

use std::time::{Duration, Instant};

use common::{Role, listen, private_namespace, say, the_ring, unique};
use ipc_ring::observe::{DomainObserver, Tap, TapError, TapRead, TapStart};
use ipc_ring::{Domain, broadcast, latest, mpmc, spsc};

/// Words that follow from the first: enough of them that a copy takes some time.
type Message = [u64; 512];

fn message(number: u64) -> Message {
    std::array::from_fn(|index| number.wrapping_mul(2 * index as u64 + 1))
}

fn number_of(bytes: &[u8]) -> u64 {
    let words: Vec<u64> =
        bytes.chunks_exact(8).map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(words, message(words[0]), "a message is whole");
    words[0]
}

#[test]
fn plays_a_role() {
    let Some(role) = common::role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // Both ends, at full speed, in bursts as large as the ring.
        ["spsc", domain, capacity] => {
            let domain = Domain::open(domain).unwrap();
            let builder = spsc::Builder::<Message>::new("stream").domain(&domain);
            let mut producer = builder.capacity(capacity.parse().unwrap()).create_producer().unwrap();
            let mut consumer =
                spsc::Builder::<Message>::new("stream").domain(&domain).open_consumer().unwrap();
            std::thread::spawn(move || {
                (0..u64::MAX).for_each(|number| assert_eq!(consumer.pop().unwrap(), message(number)));
            });
            say("ready");
            (0..u64::MAX).for_each(|number| producer.push(message(number)).unwrap());
        }
        ["broadcast", domain, capacity] => {
            let domain = Domain::open(domain).unwrap();
            let builder = broadcast::Builder::<Message>::new("stream").domain(&domain);
            let mut publisher = builder.capacity(capacity.parse().unwrap()).create_publisher().unwrap();
            say("ready");
            (0..u64::MAX).for_each(|number| publisher.publish(message(number)).unwrap());
        }
        ["wait", domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut producer =
                spsc::Builder::<u64>::new("numbers").domain(&domain).create_producer().unwrap();
            producer.push(1).unwrap();
            say("ready");
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Reads along a stream at full speed: each message delivered is whole and the one of its position, and
/// delivered and missed messages add up.
fn read_along(kind: &str, capacity: &str) {
    private_namespace();
    let name = unique(kind);
    let mut stream = Role::start(kind, &[&name, capacity]);
    assert_eq!(stream.hear(), "ready");
    let observer = DomainObserver::open(&name).unwrap();
    let mut tap = Tap::open(&observer, "stream", TapStart::Oldest).unwrap();
    let (mut given, mut missed, mut next, mut out) = (0_u64, 0_u64, None, Vec::new());
    let until = Instant::now() + Duration::from_millis(300);
    while given < 200 || Instant::now() < until {
        match tap.try_read(&mut out).unwrap() {
            TapRead::Message { sequence, key: None } => {
                assert_eq!(number_of(&out), sequence);
                assert!(next.is_none_or(|next| next == sequence), "{next:?} {sequence}");
                next = Some(sequence + 1);
                given += 1;
            }
            TapRead::Missed { count } => {
                assert!(count > 0);
                next = next.map(|next| next + count);
                missed += count;
            }
            TapRead::Nothing => std::thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
    println!("{kind} of {capacity}: {given} given, {missed} missed");
    stream.kill();
}

#[test]
fn a_one_to_one_ring_is_never_torn() {
    for capacity in ["1", "2", "16", "1024"] {
        read_along("spsc", capacity);
    }
}

#[test]
fn a_broadcast_ring_is_never_torn() {
    for capacity in ["2", "1024"] {
        read_along("broadcast", capacity);
    }
}

#[test]
fn what_waits_is_read_and_what_is_missed_is_counted() {
    private_namespace();
    let name = unique("counts");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let builder = spsc::Builder::<Message>::new("stream").domain(&domain).capacity(8);
    let mut producer = builder.create_producer().unwrap();
    let mut consumer = spsc::Builder::<Message>::new("stream").domain(&domain).open_consumer().unwrap();
    let mut out = Vec::new();
    let mut next = Tap::open(&observer, "stream", TapStart::Next).unwrap();
    let mut late = Tap::open(&observer, "stream", TapStart::Oldest).unwrap();
    assert_eq!(next.try_read(&mut out).unwrap(), TapRead::Nothing);
    // A full ring before any pop: all of it is there.
    (0..8).for_each(|number| producer.push(message(number)).unwrap());
    for tap in [&mut next, &mut Tap::open(&observer, "stream", TapStart::Oldest).unwrap()] {
        for number in 0..8 {
            assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Message { sequence: number, key: None });
            assert_eq!(number_of(&out), number);
        }
        assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);
    }
    // 20 were pushed and popped: of the last 8, the producer may be writing the oldest.
    for number in 8..20 {
        consumer.pop().unwrap();
        producer.push(message(number)).unwrap();
    }
    while consumer.try_pop().is_ok() {}
    assert_eq!(late.try_read(&mut out).unwrap(), TapRead::Missed { count: 13 });
    for number in 13..20 {
        assert_eq!(late.try_read(&mut out).unwrap(), TapRead::Message { sequence: number, key: None });
        assert_eq!(number_of(&out), number);
    }
    assert_eq!(late.try_read(&mut out).unwrap(), TapRead::Nothing);
    let mut oldest = Tap::open(&observer, "stream", TapStart::Oldest).unwrap();
    assert_eq!(oldest.try_read(&mut out).unwrap(), TapRead::Message { sequence: 13, key: None });
}

#[test]
fn frames_and_values_are_read_along_and_other_kinds_are_refused() {
    private_namespace();
    let name = unique("kinds");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let mut out = Vec::new();
    let mut frames = broadcast::frames::Builder::new("frames").domain(&domain).create_publisher().unwrap();
    frames.publish(b"one").unwrap();
    let mut tap = Tap::open(&observer, "frames", TapStart::Oldest).unwrap();
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Message { sequence: 0, key: None });
    assert_eq!(out, b"one");
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);

    let mut values = latest::Builder::<u32>::new("values").domain(&domain).create_writer().unwrap();
    let mut tap = Tap::open(&observer, "values", TapStart::Next).unwrap();
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);
    values.publish(5).unwrap();
    values.publish(6).unwrap();
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Message { sequence: 2, key: Some(0) });
    assert_eq!(out, 6_u32.to_ne_bytes());
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);

    let _jobs = mpmc::Builder::<u32>::new("jobs").domain(&domain).create_producer().unwrap();
    let refused = Tap::open(&observer, "jobs", TapStart::Next).unwrap_err();
    assert!(matches!(refused, TapError::Kind { .. }) && refused.to_string().contains("mpmc"), "{refused}");
    let missing = Tap::open(&observer, "nothing", TapStart::Next).unwrap_err();
    assert!(matches!(missing, TapError::Attach(_)), "{missing}");
}

#[test]
fn a_tap_changes_nothing() {
    private_namespace();
    let name = unique("untouched");
    let mut stream = Role::start("wait", &[&name]);
    assert_eq!(stream.hear(), "ready");
    let ring = the_ring();
    let image = || {
        let mut bytes = vec![0; ring.len()];
        ring.copy_from(0, &mut bytes).unwrap();
        bytes
    };
    let before = image();
    let observer = DomainObserver::open(&name).unwrap();
    let mut tap = Tap::open(&observer, "numbers", TapStart::Oldest).unwrap();
    let mut out = Vec::new();
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Message { sequence: 0, key: None });
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);
    assert!(image() == before);
    stream.kill();
}

/// The ring that was made last: those before are still attached.
fn newest_ring() -> ipc_core::shm::Attachment {
    let segments = ipc_core::list::segments().unwrap().into_iter();
    let rings = segments.filter_map(|(id, _)| {
        let attached = ipc_core::shm::SharedMemory::from_id(id).attach().ok()?;
        let mut start = [0; 8];
        attached.copy_from(0, &mut start).ok()?;
        (start == *b"ipc-ring").then_some((id.as_raw(), attached))
    });
    rings.max_by_key(|(id, _)| *id).expect("a ring").1
}

/// Whatever follows the header: a result, no panic, no hang.
#[test]
fn memory_that_makes_no_sense_is_read_without_harm() {
    const HEADER: usize = 512;
    private_namespace();
    let name = unique("hostile");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut answers = 0_u32;
    for kind in ["spsc", "broadcast", "frames", "latest"] {
        let place = || {
            let name = (kind, &domain);
            match name {
                ("spsc", domain) => {
                    let builder = spsc::Builder::<[u8; 24]>::new("x").domain(domain).capacity(8);
                    Box::new(builder.create_producer().unwrap()) as Box<dyn std::any::Any>
                }
                ("broadcast", domain) => {
                    let builder = broadcast::Builder::<[u8; 24]>::new("x").domain(domain).capacity(8);
                    Box::new(builder.create_publisher().unwrap())
                }
                ("frames", domain) => {
                    let builder = broadcast::frames::Builder::new("x").domain(domain).capacity(256);
                    Box::new(builder.create_publisher().unwrap())
                }
                (_, domain) => {
                    let builder = latest::Builder::<[u8; 24]>::new("x").domain(domain).keys(4);
                    Box::new(builder.create_table_writer().unwrap())
                }
            }
        };
        let end = place();
        let ring = newest_ring();
        for round in 0..2000 {
            let mut image = vec![0; ring.len() - HEADER];
            for word in image.chunks_exact_mut(8) {
                // Small numbers pass more of the checks.
                let value = if random() & 1 == 0 { random() } else { random() % 64 };
                word.copy_from_slice(&value.to_ne_bytes());
            }
            if round > 0 {
                ring.copy_to(HEADER, &image).unwrap();
            }
            for start in [TapStart::Oldest, TapStart::Next] {
                // The mode's word can be garbage, too.
                let Ok(mut tap) = Tap::open(&observer, "x", start) else { continue };
                let mut out = Vec::new();
                for _ in 0..20 {
                    if tap.try_read(&mut out).is_ok() {
                        answers += 1;
                    }
                }
            }
        }
        std::mem::forget(end); // It would report its finding to others.
        drop(ring);
        domain.remove_channel("x").unwrap();
    }
    assert!(answers > 1000, "{answers}");
}
