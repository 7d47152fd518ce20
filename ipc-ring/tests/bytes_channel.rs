//! Channels of frames between real processes: order, endings, deaths, successors, streams.

mod bytes_common;
mod common;

use std::io::{BufRead, ErrorKind, IoSlice, Read, Write};
use std::time::{Duration, Instant};

use bytes_common::{Random, frame};
use common::{Role, kernel_objects, listen, private_namespace, role, say, the_ring, unique};
use ipc_ring::bytes::{Builder, FrameTooLarge, PopError, PushError};
use ipc_ring::{AttachError, AttachErrorKind, Barrier, Domain, PeerExit, PeerState, WaitStrategy, spsc};

fn builder(domain: &str, wait: &str, barrier: &str) -> Builder {
    let wait = match wait {
        "spin_yield" => WaitStrategy::SpinYield,
        "sleep" => WaitStrategy::Sleep,
        _ => WaitStrategy::DEFAULT,
    };
    let builder = Builder::new("frames").domain(&Domain::open(domain).unwrap()).wait(wait);
    match barrier {
        "fence" => builder.barrier(Barrier::Fence),
        "membarrier" => builder.barrier(Barrier::Asymmetric),
        _ => builder,
    }
}

/// The frame number `number` of a stream, with its length and a checksum in front.
fn checked(number: u64, longest: usize) -> Vec<u8> {
    let mut random = Random(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let len = match random.below(20) {
        0 => longest - 8,
        1..4 => random.below(longest as u64 - 7) as usize,
        _ => random.below((longest as u64 - 7).min(200)) as usize,
    };
    let body = frame(number, len);
    let mut whole = checksum(number, &body).to_le_bytes().to_vec();
    whole.extend_from_slice(&body);
    whole
}

/// FNV-1a over number and body.
fn checksum(number: u64, body: &[u8]) -> u64 {
    number
        .to_le_bytes()
        .iter()
        .chain(body)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn check(number: u64, whole: &[u8]) {
    let (sum, body) = whole.split_at(8);
    assert_eq!(u64::from_le_bytes(sum.try_into().unwrap()), checksum(number, body), "frame {number}");
}

/// The children's roles of the tests below.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, wait, barrier, count] => {
            let mut producer = builder(domain, wait, barrier).open_sender().unwrap();
            let longest = producer.longest();
            for number in 0..count.parse().unwrap() {
                let whole = checked(number, longest);
                match number % 3 {
                    0 => producer.push(&whole).unwrap(),
                    1 => {
                        let (a, b) = whole.split_at(whole.len() / 2);
                        producer.push_vectored(&[IoSlice::new(a), IoSlice::new(b)]).unwrap();
                    }
                    _ => {
                        let mut claim = producer.claim(whole.len()).unwrap();
                        claim.write(0, &whole);
                        claim.commit(whole.len()).unwrap();
                    }
                }
            }
        }
        ["push-for-ever", domain] => {
            let mut producer = builder(domain, "", "").create_sender().unwrap();
            say("ready");
            for number in producer.pushed().. {
                producer.push(&checked(number, 200)).unwrap();
            }
        }
        ["pop-for-ever", domain] => {
            let mut consumer = builder(domain, "", "").create_receiver().unwrap();
            say("ready");
            let mut out = Vec::new();
            loop {
                consumer.pop_vec(&mut out).unwrap();
            }
        }
        ["write", domain, bytes] => {
            let mut producer = builder(domain, "", "").open_sender().unwrap();
            let bytes = frame(5, bytes.parse().unwrap());
            for chunk in bytes.chunks(777) {
                producer.write_all(chunk).unwrap();
            }
            producer.flush().unwrap();
        }
        ["push-and-stay", domain, count] => {
            let mut producer = builder(domain, "", "").create_sender().unwrap();
            for number in 0..count.parse().unwrap() {
                producer.push(&checked(number, 200)).unwrap();
            }
            say("pushed");
            listen();
        }
        #[cfg(feature = "fault-injection")]
        ["produce-until", domain, site, after] => {
            ipc_ring::fault::arm(site_named(site), after.parse().unwrap());
            let mut producer = builder(domain, "", "").create_sender().unwrap();
            say("ready");
            for number in producer.pushed().. {
                producer.push(&checked(number, 24)).unwrap();
            }
        }
        #[cfg(feature = "fault-injection")]
        ["consume-until", domain, site, after] => {
            ipc_ring::fault::arm(site_named(site), after.parse().unwrap());
            let mut consumer = builder(domain, "", "").create_receiver().unwrap();
            say("ready");
            while let Ok(whole) = consumer.pop() {
                assert!(whole.len() >= 8);
            }
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn frames_arrive_whole_and_in_order(wait: &str, barrier: &str, capacity: u64) {
    private_namespace();
    let domain = unique("bytes-order");
    let count = if wait == "sleep" { 5_000 } else { 40_000u64 };
    let mut consumer = builder(&domain, wait, barrier).capacity(capacity).create_receiver().unwrap();
    let producer = Role::start("push", &[&domain, wait, barrier, &count.to_string()]);
    let mut buffer = vec![0; consumer.longest()];
    for number in 0..count {
        let whole = match number % 3 {
            0 => consumer.pop().unwrap(),
            1 => {
                let len = consumer.pop_into(&mut buffer).unwrap();
                buffer[..len].to_vec()
            }
            _ => loop {
                match consumer.try_view() {
                    Ok(view) => {
                        let whole = view.to_vec();
                        view.release();
                        break whole;
                    }
                    Err(PopError::Empty) => std::thread::yield_now(),
                    Err(other) => panic!("{other:?}"),
                }
            },
        };
        check(number, &whole);
    }
    assert!(matches!(consumer.pop(), Err(PopError::Closed)));
    producer.finish();
    assert_eq!(consumer.popped(), count);
}

#[test]
fn frames_arrive_spinning() {
    frames_arrive_whole_and_in_order("spin_yield", "", 1 << 16);
}

#[test]
fn frames_arrive_spinning_then_sleeping_through_the_smallest_ring() {
    frames_arrive_whole_and_in_order("spin_sleep", "", 64);
}

#[test]
fn frames_arrive_sleeping_with_membarrier() {
    frames_arrive_whole_and_in_order("sleep", "membarrier", 1024);
}

#[test]
fn frames_arrive_sleeping_with_fences() {
    frames_arrive_whole_and_in_order("sleep", "fence", 1024);
}

#[test]
fn a_stream_of_bytes_crosses_processes_and_ends() {
    private_namespace();
    let domain = unique("bytes-stream");
    let length = 300_000;
    let consumer = builder(&domain, "", "").capacity(4096).create_receiver().unwrap();
    let producer = Role::start("write", &[&domain, &length.to_string()]);
    let mut reader = consumer.into_reader();
    let (expected, mut got) = (frame(5, length), Vec::new());
    let mut random = Random(9);
    while got.len() < length / 2 {
        let mut part = vec![0; 1 + random.below(1500) as usize];
        let len = reader.read(&mut part).unwrap();
        assert!(len > 0);
        got.extend_from_slice(&part[..len]);
        let ready = reader.fill_buf().unwrap();
        let len = ready.len().min(100);
        got.extend_from_slice(&ready[..len]);
        reader.consume(len);
    }
    reader.read_to_end(&mut got).unwrap();
    assert!(got == expected);
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0, "the end stays the end");
    assert!(reader.fill_buf().unwrap().is_empty());
    producer.finish();
}

#[test]
fn lines_are_lines_and_errors_have_kinds() {
    private_namespace();
    let domain = Domain::open(&unique("bytes-lines")).unwrap();
    let channel = Builder::new("lines").domain(&domain).capacity(256);
    let mut producer = channel.create_sender().unwrap();
    let mut reader = channel.open_receiver().unwrap().into_reader();
    producer.push(b"").unwrap();
    producer.write_all(b"one\ntw").unwrap();
    assert_eq!(producer.write(b"").unwrap(), 0);
    assert_eq!(
        producer
            .write_vectored(&[IoSlice::new(b""), IoSlice::new(b"o\nthree"), IoSlice::new(&[b'x'; 200])])
            .unwrap(),
        7
    );
    let mut line = String::new();
    for expected in ["one\n", "two\n"] {
        line.clear();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, expected);
    }
    assert_eq!(reader.buffer(), b"three");
    assert_eq!(
        producer.write(&[b'y'; 400]).unwrap(),
        producer.longest(),
        "one frame takes as much as it can"
    );
    assert_eq!(reader.get_ref().popped(), 3);
    producer.detach();
    let mut rest = Vec::new();
    assert_eq!(reader.read_to_end(&mut rest).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(rest.len(), 5 + 120);

    // A successor continues; then the consumer leaves for ever.
    let mut producer = channel.open_sender().unwrap();
    producer.write_all(b"!").unwrap();
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"!");
    reader.into_inner().close();
    assert_eq!(producer.write(b"?").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn answers_are_the_right_ones() {
    private_namespace();
    let domain = Domain::open(&unique("bytes-answers")).unwrap();
    let channel = Builder::new("frames").domain(&domain).capacity(100);
    assert!(matches!(
        channel.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    let mut producer = channel.create_sender().unwrap();
    assert_eq!((producer.capacity(), producer.longest()), (128, 56));
    assert_eq!(producer.peer().unwrap(), PeerState::Gone(PeerExit::NeverAttached));
    let absent = producer.wait_for_peer(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(absent, PeerState::Gone(PeerExit::NeverAttached));
    let mut consumer = channel.open_receiver().unwrap();
    assert!(matches!(
        channel.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::EndTaken { .. })
    ));
    assert!(matches!(consumer.wait_for_peer(None), Ok(PeerState::Alive { .. })));
    assert!(matches!(consumer.pop_timeout(Duration::ZERO), Err(PopError::TimedOut)));
    assert!(matches!(
        channel.clone().type_name("other").open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementType { .. })
    ));
    assert!(matches!(
        channel.clone().capacity(256).open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Capacity { .. })
    ));
    let other_kind = spsc::Builder::<u64>::new("frames").domain(&domain).open_receiver();
    assert!(matches!(
        other_kind.as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Kind { found: 2, expected: 1 })
    ));
    for capacity in [0, (1 << 30) + 1] {
        let refused = Builder::new("new").domain(&domain).capacity(capacity).create_sender();
        assert!(
            matches!(refused.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::TooLarge { .. })),
            "{capacity}"
        );
    }

    assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));
    assert!(matches!(consumer.try_view(), Err(PopError::Empty)));
    assert!(matches!(
        producer.try_push(&[0; 57]),
        Err(PushError::TooLarge((), FrameTooLarge { len: 57, limit: 56 }))
    ));
    for result in [producer.push(&[0; 57]), producer.claim(57).map(drop), producer.try_claim(57).map(drop)] {
        assert!(matches!(result, Err(PushError::TooLarge(..))));
    }
    assert!(matches!(producer.push_batch(&[vec![1; 9], vec![2; 57]]), Err(PushError::TooLarge(1, _))));
    assert_eq!(consumer.pop().unwrap(), [1; 9]);

    producer.push(&[3; 20]).unwrap();
    let mut small = [0; 19];
    for _ in 0..2 {
        assert!(matches!(consumer.try_pop_into(&mut small), Err(PopError::BufferTooSmall { needed: 20 })));
        assert!(matches!(consumer.pop_into(&mut small), Err(PopError::BufferTooSmall { needed: 20 })));
    }
    assert_eq!(consumer.try_pop().unwrap(), [3; 20]);

    let mut pushed = 0;
    while producer.try_push(&[4; 16]).is_ok() {
        pushed += 1;
    }
    assert!(matches!(producer.try_push(&[4; 16]), Err(PushError::Full(()))));
    assert!(matches!(producer.try_claim(16).map(drop), Err(PushError::Full(()))));
    let start = Instant::now();
    let pause = Duration::from_millis(30);
    assert!(matches!(producer.push_timeout(&[4; 16], pause), Err(PushError::TimedOut(()))));
    assert!(start.elapsed() >= pause);
    assert_eq!(consumer.drain().count(), pushed);
    let start = Instant::now();
    assert!(matches!(consumer.pop_timeout(pause), Err(PopError::TimedOut)));
    assert!(start.elapsed() >= pause);

    // Nothing of an aborted claim arrives; in place, what is committed does.
    producer.try_claim(50).unwrap().abort();
    let mut claim = producer.try_claim(50).unwrap();
    claim.write(3, b"def");
    claim.write(0, b"abc");
    assert!(claim.as_mut_ptr().addr().is_multiple_of(8));
    claim.commit(6).unwrap();
    let view = consumer.try_view().unwrap();
    assert_eq!((view.len(), view.is_empty(), view.to_vec()), (6, false, b"abcdef".to_vec()));
    assert!(view.as_ptr().addr().is_multiple_of(8));
    view.release();

    producer.push_batch(&[b"a", b"b", b"c"]).unwrap();
    producer.close();
    assert_eq!((&mut consumer).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    assert!(consumer.last_error().is_none());
    assert!(matches!(consumer.try_view(), Err(PopError::Closed)));
    assert_eq!(consumer.peer().unwrap(), PeerState::Closed);
}

#[test]
fn endings_are_told_apart() {
    private_namespace();
    let domain = Domain::open(&unique("bytes-endings")).unwrap();
    let channel = Builder::new("frames").domain(&domain).capacity(64);
    let mut producer = channel.create_sender().unwrap();
    let mut consumer = channel.open_receiver().unwrap();
    producer.push(b"1").unwrap();
    producer.detach();
    assert_eq!(consumer.pop().unwrap(), b"1");
    assert!(matches!(consumer.pop(), Err(PopError::PeerGone(PeerExit::Detached))));
    let mut producer = channel.create_sender().unwrap();
    consumer.detach();
    producer.push(&[2; 24]).unwrap();
    assert!(matches!(producer.push(&[3; 24]), Err(PushError::PeerGone((), PeerExit::Detached))));
    assert!(matches!(producer.claim(24).map(drop), Err(PushError::PeerGone((), PeerExit::Detached))));
    let mut consumer = channel.open_receiver().unwrap();
    assert_eq!(consumer.pop().unwrap(), [2; 24]);
    producer.push(&[3; 24]).unwrap();
    assert_eq!(consumer.pop().unwrap(), [3; 24]);
    consumer.close();
    assert!(matches!(producer.push(b"4"), Err(PushError::Closed(()))));
    assert!(matches!(producer.try_push(b"4"), Err(PushError::Closed(()))));
}

#[test]
fn a_killed_producer_is_reported_and_its_successor_goes_on() {
    private_namespace();
    let domain = unique("bytes-producer");
    let mut first = Role::start("push-and-stay", &[&domain, "500"]);
    assert_eq!(first.hear(), "pushed");
    let mut consumer = builder(&domain, "sleep", "").open_receiver().unwrap();
    for number in 0..500 {
        check(number, &consumer.pop().unwrap());
    }
    let pid = first.pid();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        first.kill();
    });
    match consumer.pop() {
        Err(PopError::PeerGone(PeerExit::Died { pid: died })) => assert_eq!(died, pid),
        other => panic!("{other:?}"),
    }
    killer.join().unwrap();
    let mut second = builder(&domain, "", "").create_sender().unwrap();
    assert_eq!((second.pushed(), second.position()), (500, consumer.position()));
    second.push(&checked(500, 200)).unwrap();
    check(500, &consumer.pop().unwrap());
}

/// Killed anywhere, again and again: no frame is lost, torn, duplicated or out of order.
#[test]
fn producers_killed_at_any_moment() {
    private_namespace();
    let domain = unique("bytes-storm");
    let mut consumer = builder(&domain, "", "").capacity(1024).create_receiver().unwrap();
    let mut number = 0;
    for round in 0..25 {
        let mut producer = Role::start("push-for-ever", &[&domain]);
        assert_eq!(producer.hear(), "ready");
        let until = Instant::now() + Duration::from_micros(300 * round);
        // The count a successor starts from may be one short for each death: then that frame arrives twice,
        // by its number.
        let mut first = true;
        let mut next = |consumer: &mut ipc_ring::bytes::Consumer, whole: Vec<u8>| {
            let _ = consumer;
            let body =
                |number| checksum(number, &whole[8..]) == u64::from_le_bytes(whole[..8].try_into().unwrap());
            if first && number > 0 {
                let back = (0..=25)
                    .find(|back| *back <= number && body(number - back))
                    .expect("a frame of the stream");
                number -= back;
            }
            first = false;
            check(number, &whole);
            number += 1;
        };
        while Instant::now() < until {
            let whole = consumer.pop().unwrap();
            next(&mut consumer, whole);
        }
        producer.kill();
        loop {
            match consumer.pop() {
                Ok(whole) => next(&mut consumer, whole),
                Err(PopError::PeerGone(PeerExit::Died { .. })) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(number > 0);
}

#[test]
fn consumers_killed_at_any_moment() {
    private_namespace();
    let domain = unique("bytes-consumers");
    let mut producer = builder(&domain, "", "").capacity(1024).create_sender().unwrap();
    let mut number = 0;
    for round in 0..25 {
        let mut consumer = Role::start("pop-for-ever", &[&domain]);
        assert_eq!(consumer.hear(), "ready");
        let until = Instant::now() + Duration::from_micros(300 * round);
        while Instant::now() < until {
            producer.push(&checked(number, 200)).unwrap();
            number += 1;
        }
        consumer.kill();
        loop {
            match producer.push(&checked(number, 200)) {
                Ok(()) => number += 1,
                Err(PushError::PeerGone((), PeerExit::Died { .. })) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    // What the last one left is whole and reaches to the last frame pushed.
    let mut consumer = builder(&domain, "", "").open_receiver().unwrap();
    let left: Vec<Vec<u8>> = consumer.drain().collect();
    assert!(!left.is_empty());
    for (whole, number) in left.iter().zip(number - left.len() as u64..) {
        check(number, whole);
    }
}

#[cfg(feature = "fault-injection")]
fn site_named(name: &str) -> ipc_ring::platform::Site {
    ipc_ring::platform::Site::ALL.into_iter().find(|site| format!("{site:?}") == name).unwrap()
}

/// A real death at each site, also after padding, and what the successor finds.
#[cfg(feature = "fault-injection")]
#[test]
fn a_death_at_each_site_leaves_the_ring_as_specified() {
    use ipc_ring::platform::Site;
    private_namespace();
    for after in [0, 1, 2, 3, 7, 20] {
        for site in [Site::BytesWritten, Site::BytesWrapped, Site::BytesPublished] {
            let domain = unique("bytes-site");
            let mut consumer = builder(&domain, "", "").capacity(64).create_receiver().unwrap();
            let name = format!("{site:?}");
            let mut producer = Role::start("produce-until", &[&domain, &name, &after.to_string()]);
            let mut number = 0;
            loop {
                match consumer.pop() {
                    Ok(whole) => {
                        check(number, &whole);
                        number += 1;
                    }
                    Err(PopError::PeerGone(PeerExit::Died { .. })) => break,
                    Err(other) => panic!("{other:?}"),
                }
            }
            producer.wait_killed();
            match site {
                Site::BytesWritten => assert_eq!(number, after),
                Site::BytesPublished => assert_eq!(number, after + 1),
                _ => assert!(number > after),
            }
            let mut next = builder(&domain, "", "").open_sender().unwrap();
            assert_eq!(next.position(), consumer.position(), "{name} after {after}");
            next.push(b"the successor's").unwrap();
            assert_eq!(consumer.pop().unwrap(), b"the successor's");
        }
        for site in [Site::BytesRead, Site::BytesConsumed] {
            let domain = unique("bytes-site");
            let mut producer = builder(&domain, "", "").capacity(64).create_sender().unwrap();
            let name = format!("{site:?}");
            let mut consumer = Role::start("consume-until", &[&domain, &name, &after.to_string()]);
            let mut number = 0;
            loop {
                match producer.push(&checked(number, 24)) {
                    Ok(()) => number += 1,
                    Err(PushError::PeerGone((), PeerExit::Died { .. })) => break,
                    Err(other) => panic!("{other:?}"),
                }
            }
            consumer.wait_killed();
            let mut next = builder(&domain, "", "").open_receiver().unwrap();
            let popped = after + u64::from(site == Site::BytesConsumed);
            let left: Vec<Vec<u8>> = next.drain().collect();
            assert_eq!(left.len() as u64, number - popped, "{name} after {after}");
            for (whole, number) in left.iter().zip(popped..) {
                check(number, whole);
            }
        }
    }
}

#[test]
fn a_corrupt_header_poisons_the_channel_for_both() {
    private_namespace();
    if kernel_objects().0.iter().any(|segment| segment.starts_with("0 ")) {
        return common::skip(common::Need::IpcNamespace, "other programs' segments are here");
    }
    let domain = unique("bytes-corrupt");
    let mut producer = builder(&domain, "", "").capacity(128).create_sender().unwrap();
    let mut consumer = builder(&domain, "", "").open_receiver().unwrap();
    producer.push(b"good").unwrap();
    the_ring().atomic_u64(0x480).unwrap().store(0x1234, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(consumer.pop(), Err(PopError::Corrupt(_))));
    assert!(matches!(consumer.try_view().map(drop), Err(PopError::Corrupt(_))));
    assert!(matches!(producer.push(b"more"), Err(PushError::Corrupt((), _))));
    drop(consumer);
    assert!(matches!(
        builder(&domain, "", "").open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Corrupt(_))
    ));
}
