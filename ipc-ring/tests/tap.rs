//! A tap reads the messages of running channels from outside: whole ones only, and it counts the others.

mod common;

use std::time::{Duration, Instant};

use common::{Role, listen, private_namespace, say, unique};
use ipc_ring::observe::{DomainObserver, Tap, TapError, TapRead, TapStart};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, broadcast, bytes, call, fault, latest, mpmc, spsc};

/// Words that follow from the first: enough of them that a copy takes some time.
type Message = [u64; 512];

fn message(number: u64) -> Message {
    std::array::from_fn(|index| number.wrapping_mul(2 * index as u64 + 1))
}

/// The number of messages whose producer died before it pushed them.
const NEVER_PUSHED: u64 = u64::MAX;

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
            let mut producer = builder.capacity(capacity.parse().unwrap()).create_sender().unwrap();
            let mut consumer =
                spsc::Builder::<Message>::new("stream").domain(&domain).open_receiver().unwrap();
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
            let mut producer = builder.create_sender().unwrap();
            let mut consumer = bytes::Builder::new("stream").domain(&domain).open_receiver().unwrap();
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
        // Several ends at full speed.
        ["mpmc", domain, capacity, ends] => {
            let domain = Domain::open(domain).unwrap();
            let ends: u64 = ends.parse().unwrap();
            let builder = mpmc::Builder::<Message>::new("jobs").domain(&domain);
            let builder = builder.capacity(capacity.parse().unwrap());
            let mut producers: Vec<_> = (0..ends).map(|_| builder.create_sender().unwrap()).collect();
            for _ in 0..ends {
                let mut consumer =
                    mpmc::Builder::<Message>::new("jobs").domain(&domain).open_receiver().unwrap();
                std::thread::spawn(move || {
                    loop {
                        let message = consumer.pop().unwrap();
                        assert_eq!(message, self::message(message[0]));
                    }
                });
            }
            for (number, mut producer) in (0..).zip(producers.drain(..)) {
                std::thread::spawn(move || {
                    for next in (0..).map(|next| next * ends + number) {
                        producer.push(message(next)).unwrap();
                    }
                });
            }
            say("ready");
            listen();
        }
        // Dies when it has written a message that it has not yet pushed.
        ["mpmc-dies", domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut producer = mpmc::Builder::<Message>::new("jobs").domain(&domain).open_sender().unwrap();
            fault::arm(Site::MpmcWritten, 0);
            producer.push(message(NEVER_PUSHED)).unwrap();
            panic!("the site was not reached");
        }
        ["broadcast", domain, capacity] => {
            let domain = Domain::open(domain).unwrap();
            let builder = broadcast::Builder::<Message>::new("stream").domain(&domain);
            let mut publisher = builder.capacity(capacity.parse().unwrap()).create_sender().unwrap();
            say("ready");
            (0..u64::MAX).for_each(|number| publisher.push(message(number)).unwrap());
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Reads along a stream at full speed: each message delivered is whole and the one of its position, and
/// delivered and missed messages add up.
///
/// As on this processor, and as on one whose stores do not become visible in order, if the kernel has
/// `membarrier`.
fn read_along(kind: &str, parameters: &[&str], mut check: impl FnMut(&[u8], u64)) {
    read_along_here(kind, parameters, &mut check);
    if ipc_core::barrier::is_supported() {
        fault::leave_stores_unordered(true);
        read_along_here(kind, parameters, &mut check);
        fault::leave_stores_unordered(false);
    }
}

fn read_along_here(kind: &str, parameters: &[&str], check: &mut impl FnMut(&[u8], u64)) {
    private_namespace();
    let name = unique(kind);
    let mut stream = Role::start(kind, &[&[name.as_str()], parameters].concat());
    assert_eq!(stream.hear(), "ready");
    let observer = DomainObserver::open(&name).unwrap();
    let channel = if kind == "mpmc" { "jobs" } else { "stream" };
    let mut tap = Tap::open(&observer, channel, TapStart::Oldest).unwrap();
    let (mut given, mut missed, mut next, mut out) = (0_u64, 0_u64, None, Vec::new());
    let until = Instant::now() + Duration::from_millis(300);
    let mut dying = (kind == "mpmc" && parameters[1] != "1").then(|| Role::start("mpmc-dies", &[&name]));
    while given < 200 || Instant::now() < until || dying.as_mut().is_some_and(|dying| !dying.has_ended()) {
        match tap.try_read(&mut out).unwrap() {
            TapRead::Message { sequence, key: None } => {
                check(&out, sequence);
                // Slots that held nothing are passed over.
                let may_pass = kind == "mpmc" && next.is_none_or(|next| next < sequence);
                assert!(may_pass || next.is_none_or(|next| next == sequence), "{next:?} {sequence}");
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
    if let Some(mut dying) = dying {
        dying.wait_killed();
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
fn a_many_to_many_ring_is_never_torn() {
    for capacity in ["1", "2", "16", "1024"] {
        read_along("mpmc", &[capacity, "1"], is_message);
        let (mut last, mut newest) = ([None; 3], 0);
        read_along("mpmc", &[capacity, "3"], |bytes, sequence| {
            // The second stream begins anew.
            if sequence < std::mem::replace(&mut newest, sequence) {
                last = [None; 3];
            }
            let number = number_of(bytes);
            assert_ne!(number, NEVER_PUSHED);
            let last = &mut last[(number % 3) as usize];
            assert!(last.is_none_or(|last| last < number), "those of a producer come in order, once");
            *last = Some(number);
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
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = spsc::Builder::<Message>::new("stream").domain(&domain).open_receiver().unwrap();
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

/// What was popped is read too, unless a slot became void since the tap had caught up.
#[test]
fn elements_that_were_popped_are_read_and_given_up_ones_are_not() {
    private_namespace();
    let name = unique("jobs");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let builder = mpmc::Builder::<Message>::new("jobs").domain(&domain).capacity(8);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = mpmc::Builder::<Message>::new("jobs").domain(&domain).open_receiver().unwrap();
    let mut out = Vec::new();
    let is = |sequence| TapRead::Message { sequence, key: None };
    let mut tap = Tap::open(&observer, "jobs", TapStart::Next).unwrap();
    for number in 0..5 {
        producer.push(message(number)).unwrap();
        assert_eq!(consumer.pop().unwrap(), message(number));
    }
    for number in 0..5 {
        assert_eq!(tap.try_read(&mut out).unwrap(), is(number));
        assert_eq!(number_of(&out), number);
    }
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);
    // Positions 5 and 7 hold elements, 6 nothing.
    producer.push(message(5)).unwrap();
    let mut dying = Role::start("mpmc-dies", &[&name]);
    dying.wait_killed();
    producer.push(message(7)).unwrap();
    let mut oldest = Tap::open(&observer, "jobs", TapStart::Oldest).unwrap();
    assert_eq!(consumer.pop().unwrap(), message(5));
    assert_eq!(consumer.pop().unwrap(), message(7), "the slot between them is void");
    for tap in [&mut tap, &mut oldest] {
        assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Missed { count: 3 }, "which of them is void?");
        assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);
    }
    // Twenty more: the last lap is there, although all were popped.
    for number in 8..28 {
        producer.push(message(number)).unwrap();
        assert_eq!(consumer.pop().unwrap(), message(number));
    }
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Missed { count: 12 });
    for number in 20..28 {
        assert_eq!(tap.try_read(&mut out).unwrap(), is(number));
        assert_eq!(number_of(&out), number);
    }
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);
    let mut oldest = Tap::open(&observer, "jobs", TapStart::Oldest).unwrap();
    assert_eq!(oldest.try_read(&mut out).unwrap(), TapRead::Nothing, "all were returned");
}

/// Frames that wait are read, of the popped ones those in reach; the others are counted.
#[test]
fn frames_that_wait_are_read_and_those_missed_are_counted() {
    private_namespace();
    let name = unique("frame-counts");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let builder = bytes::Builder::new("stream").domain(&domain).capacity(1024);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = bytes::Builder::new("stream").domain(&domain).open_receiver().unwrap();
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
    let mut frames = broadcast::frames::Builder::new("frames").domain(&domain).create_sender().unwrap();
    frames.push(b"one").unwrap();
    let mut tap = Tap::open(&observer, "frames", TapStart::Oldest).unwrap();
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Message { sequence: 0, key: None });
    assert_eq!(out, b"one");
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);

    let mut values = latest::Builder::<u32>::new("values").domain(&domain).create_sender().unwrap();
    let mut tap = Tap::open(&observer, "values", TapStart::Next).unwrap();
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);
    values.publish(5).unwrap();
    values.publish(6).unwrap();
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Message { sequence: 2, key: Some(0) });
    assert_eq!(out, 6_u32.to_ne_bytes());
    assert_eq!(tap.try_read(&mut out).unwrap(), TapRead::Nothing);

    let _calls = call::Builder::<u32, u32>::new("calls").domain(&domain).create_sender().unwrap();
    let refused = Tap::open(&observer, "calls", TapStart::Next).unwrap_err();
    assert!(matches!(refused, TapError::Kind { .. }) && refused.to_string().contains("call"), "{refused}");
    let missing = Tap::open(&observer, "nothing", TapStart::Next).unwrap_err();
    assert!(matches!(missing, TapError::Attach(_)), "{missing}");
}
