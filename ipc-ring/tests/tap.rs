//! A tap reads the messages of running channels from outside: whole ones only, and it counts the others.

mod common;

use std::time::{Duration, Instant};

use common::{Role, listen, private_namespace, say, the_ring, unique};
use ipc_ring::observe::{DomainObserver, Tap, TapError, TapRead, TapStart};
use ipc_ring::{Domain, broadcast, bytes, latest, mpmc, spsc};

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

/// Frames of changing lengths, up to the longest of a ring.
fn frame(number: u64, longest: usize) -> Vec<u8> {
    let words = 1 + (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % (longest as u64 / 8);
    (0..words).flat_map(|index| number.wrapping_mul(2 * index + 1).to_ne_bytes()).collect()
}

/// Whether short frames are mixed with ones of half a ring, or all are short.
fn longest_of(capacity: usize, lengths: &str) -> usize {
    if lengths == "short" { (capacity / 2 - 8).min(64) } else { capacity / 2 - 8 }
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
        ["bytes", domain, capacity, lengths] => {
            let domain = Domain::open(domain).unwrap();
            let capacity: usize = capacity.parse().unwrap();
            let longest = longest_of(capacity, lengths);
            let builder = bytes::Builder::new("stream").domain(&domain).capacity(capacity as u64);
            let mut producer = builder.create_producer().unwrap();
            let mut consumer = bytes::Builder::new("stream").domain(&domain).open_consumer().unwrap();
            std::thread::spawn(move || {
                let mut out = Vec::new();
                for number in 0..u64::MAX {
                    consumer.pop_vec(&mut out).unwrap();
                    assert_eq!(out, frame(number, longest));
                }
            });
            say("ready");
            (0..u64::MAX).for_each(|number| producer.push(&frame(number, longest)).unwrap());
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
fn read_along(kind: &str, parameters: &[&str], check: impl Fn(&[u8], u64)) {
    private_namespace();
    let name = unique(kind);
    let mut stream = Role::start(kind, &[&[name.as_str()], parameters].concat());
    assert_eq!(stream.hear(), "ready");
    let observer = DomainObserver::open(&name).unwrap();
    let mut tap = Tap::open(&observer, "stream", TapStart::Oldest).unwrap();
    let (mut given, mut missed, mut next, mut out) = (0_u64, 0_u64, None, Vec::new());
    let until = Instant::now() + Duration::from_millis(300);
    while given < 200 || Instant::now() < until {
        match tap.try_read(&mut out).unwrap() {
            TapRead::Message { sequence, key: None } => {
                check(&out, sequence);
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
    println!("{kind} of {parameters:?}: {given} given, {missed} missed");
    stream.kill();
}

fn is_message(bytes: &[u8], sequence: u64) {
    assert_eq!(number_of(bytes), sequence);
}

#[test]
fn a_one_to_one_ring_is_never_torn() {
    for capacity in ["1", "2", "16", "1024"] {
        read_along("spsc", &[capacity], is_message);
    }
}

#[test]
fn a_ring_of_frames_is_never_torn() {
    for (capacity, lengths) in [(64, "all"), (1024, "all"), (1024, "short"), (65536, "all"), (65536, "short")]
    {
        let longest = longest_of(capacity, lengths);
        read_along("bytes", &[&capacity.to_string(), lengths], |bytes, sequence| {
            assert!(bytes == frame(sequence, longest), "frame {sequence} is whole: {bytes:?}");
        });
    }
}

#[test]
fn a_broadcast_ring_is_never_torn() {
    for capacity in ["2", "1024"] {
        read_along("broadcast", &[capacity], is_message);
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

/// Frames that wait are read, of the popped ones those in reach; the others are counted.
#[test]
fn frames_that_wait_are_read_and_those_missed_are_counted() {
    private_namespace();
    let name = unique("frame-counts");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let builder = bytes::Builder::new("stream").domain(&domain).capacity(1024);
    let mut producer = builder.create_producer().unwrap();
    let mut consumer = bytes::Builder::new("stream").domain(&domain).open_consumer().unwrap();
    let mut out = Vec::new();
    let mut late = Tap::open(&observer, "stream", TapStart::Oldest).unwrap();
    let mut prompt = Tap::open(&observer, "stream", TapStart::Next).unwrap();
    let message = |sequence| TapRead::Message { sequence, key: None };
    // A tap that looks after each push and pop misses nothing, wherever the ring's end is.
    for number in 0..1000_u64 {
        producer.push(&frame(number, 64)).unwrap();
        consumer.pop_vec(&mut out).unwrap();
        assert_eq!(prompt.try_read(&mut out).unwrap(), message(number));
        assert_eq!(out, frame(number, 64));
        assert_eq!(prompt.try_read(&mut out).unwrap(), TapRead::Nothing);
    }
    let TapRead::Missed { count } = late.try_read(&mut out).unwrap() else { panic!("it was overrun") };
    assert!((900..1000).contains(&count), "{count}");
    for number in count..1000 {
        assert_eq!(late.try_read(&mut out).unwrap(), message(number));
        assert_eq!(out, frame(number, 64));
    }
    // What waits is there, whatever was taken over.
    let waiting = (1000..).take_while(|number| producer.try_push(&frame(*number, 64)).is_ok()).count() as u64;
    let mut oldest = Tap::open(&observer, "stream", TapStart::Oldest).unwrap();
    let mut next = Tap::open(&observer, "stream", TapStart::Next).unwrap();
    assert_eq!(next.try_read(&mut out).unwrap(), TapRead::Nothing);
    for number in 1000..1000 + waiting {
        for tap in [&mut late, &mut oldest] {
            assert_eq!(tap.try_read(&mut out).unwrap(), message(number));
            assert_eq!(out, frame(number, 64));
        }
    }
    consumer.pop_vec(&mut out).unwrap();
    producer.push(b"").unwrap();
    for tap in [&mut next, &mut late, &mut oldest] {
        assert_eq!(tap.try_read(&mut out).unwrap(), message(1000 + waiting));
        assert!(out.is_empty());
    }
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
