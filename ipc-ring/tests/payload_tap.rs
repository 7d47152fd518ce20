//! A tap reads payloads of pools from outside: whole ones, or none.

mod common;

use std::time::{Duration, Instant};

use common::{Role, private_namespace, say, unique};
use ipc_ring::broadcast::payloads;
use ipc_ring::control::Named;
use ipc_ring::observe::{DomainObserver, PayloadError, PayloadTap, Tap, TapRead, TapStart};
use ipc_ring::pool::{Handle, Loan, Pool, Refused};
use ipc_ring::zerocopy::FromBytes as _;
use ipc_ring::{Domain, fault, pool, spsc};

/// Words of a payload: enough that a copy takes longer than to lend the block again.
const WORDS: u64 = 2048;

fn payload(number: u64) -> Vec<u8> {
    (0..WORDS).flat_map(|index| number.wrapping_mul(2 * index + 1).to_ne_bytes()).collect()
}

/// Written piece by piece, so that it is half done for a while.
fn fill(loan: &mut Loan, number: u64) {
    loan.write_at(0, &payload(number)).unwrap();
}

fn open_pool(domain: &Domain, blocks: u64) -> Pool {
    pool::Builder::new("frames").domain(domain).class(8 * WORDS as usize, blocks).create().unwrap()
}

#[test]
fn plays_a_role() {
    let Some(role) = common::role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["sends", domain, blocks] => {
            let domain = Domain::open(domain).unwrap();
            let pool = open_pool(&domain, blocks.parse().unwrap());
            let builder = spsc::Builder::<Handle>::new("out").domain(&domain);
            let mut out = builder.capacity(8).create_sender().unwrap();
            say("ready");
            for number in 0.. {
                let mut loan = loop {
                    match pool.try_loan(8 * WORDS as usize) {
                        Ok(loan) => break loan,
                        Err(_) => std::hint::spin_loop(),
                    }
                };
                fill(&mut loan, number);
                loan.send(&mut out).unwrap();
            }
        }
        // Gives blocks back, and writes some in place before.
        ["receives", domain, blocks] => {
            let domain = Domain::open(domain).unwrap();
            let pool = open_pool(&domain, blocks.parse().unwrap());
            let mut input = spsc::Builder::<Handle>::new("out").domain(&domain).open_receiver().unwrap();
            say("ready");
            for number in 0_u64.. {
                let view = pool.receive(&mut input).unwrap();
                if number % 3 == 0 {
                    fill(&mut view.into_loan().unwrap(), !number);
                }
            }
        }
        ["publishes", domain, blocks] => {
            let domain = Domain::open(domain).unwrap();
            let pool = open_pool(&domain, blocks.parse().unwrap());
            let builder = payloads::Builder::new("out", &pool).domain(&domain).capacity(4);
            let mut out = builder.create_sender().unwrap();
            say("ready");
            for number in 0.. {
                let mut loan = out.loan(8 * WORDS as usize).unwrap();
                fill(&mut loan, number);
                out.push(loan).unwrap();
            }
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Follows the handles of a stream at full speed: a payload that is returned is whole, and that of its
/// handle's number.
///
/// As on this processor, and as on one whose stores do not become visible in order, if the kernel has
/// `membarrier`.
fn read_along(domain: &str, least_gone: u64) {
    read_along_here(domain, least_gone);
    if ipc_core::barrier::is_supported() {
        fault::leave_stores_unordered(true);
        read_along_here(domain, least_gone);
        fault::leave_stores_unordered(false);
    }
}

fn read_along_here(domain: &str, least_gone: u64) {
    let observer = DomainObserver::open(domain).unwrap();
    let mut tap = Tap::open(&observer, "out", TapStart::Oldest).unwrap();
    let mut payloads = PayloadTap::new(&observer);
    let (mut whole, mut gone) = (0_u64, 0_u64);
    let (mut message, mut bytes) = (Vec::new(), Vec::new());
    let until = Instant::now() + Duration::from_millis(500);
    while whole < 100 || gone < least_gone || Instant::now() < until {
        let TapRead::Message { sequence, .. } = tap.try_read(&mut message).unwrap() else { continue };
        let handle = Handle::read_from_bytes(&message).unwrap();
        match payloads.read(&handle, &mut bytes) {
            Ok(pool) => {
                assert_eq!(pool.name, "frames");
                assert!(bytes == payload(sequence), "payload {sequence} is whole");
                whole += 1;
            }
            Err(PayloadError::Refused(Refused::Stale { .. })) => gone += 1,
            Err(other) => panic!("{other}"),
        }
    }
    eprintln!("{whole} payloads whole, {gone} gone");
}

#[test]
fn payloads_to_one_are_never_torn() {
    private_namespace();
    for blocks in ["2", "8"] {
        let domain = unique("one");
        let mut sender = Role::start("sends", &[&domain, blocks]);
        assert_eq!(sender.hear(), "ready");
        let mut receiver = Role::start("receives", &[&domain, blocks]);
        assert_eq!(receiver.hear(), "ready");
        read_along(&domain, 100);
        receiver.kill();
        sender.kill();
    }
}

#[test]
fn payloads_to_many_are_never_torn() {
    private_namespace();
    let domain = unique("many");
    let mut publisher = Role::start("publishes", &[&domain, "6"]);
    assert_eq!(publisher.hear(), "ready");
    // Most of what goes meanwhile is missed with its handle.
    read_along(&domain, 0);
    publisher.kill();
}

/// A payload can be read on its way, after it was received, and after its block was given back; not after the
/// block was lent again.
#[test]
fn a_payload_is_there_until_its_block_is_lent_again() {
    private_namespace();
    let name = unique("stages");
    let domain = Domain::open(&name).unwrap();
    let pool = pool::Builder::new("frames").domain(&domain).class(64, 1).create().unwrap();
    let builder = spsc::Builder::<Handle>::new("out").domain(&domain).capacity(8);
    let mut out = builder.create_sender().unwrap();
    let mut input = builder.open_receiver().unwrap();
    let mut payloads = PayloadTap::new(&DomainObserver::open(&name).unwrap());
    let mut bytes = Vec::new();
    let mut is_there = |handle: &Handle| match payloads.read(handle, &mut bytes) {
        Ok(_) => {
            assert_eq!(bytes, b"hello");
            Ok(())
        }
        Err(PayloadError::Refused(refused)) => Err(refused),
        Err(other) => panic!("{other}"),
    };
    let mut loan = pool.loan(5).unwrap();
    loan.write_at(0, b"hello").unwrap();
    let mut sent = None;
    loan.send_with(out.route(), |handle| {
        is_there(&handle).unwrap();
        sent = Some(handle);
        out.push(handle)
    })
    .unwrap();
    let handle = sent.unwrap();
    is_there(&handle).unwrap();
    let view = pool.receive(&mut input).unwrap();
    is_there(&handle).unwrap();
    drop(view);
    is_there(&handle).unwrap();
    assert_eq!(pool.stats().in_use(), 0, "a tap holds nothing");
    assert_eq!(pool.stats().classes[0].refused, 0, "and writes nothing");
    let [pool_generation, _, place] = handle.words();
    let with = |block: u64, place: u64| Handle::from_words([pool_generation, block, place]);
    assert_eq!(is_there(&with(1 << 32, place)), Err(Refused::NoSuchBlock { class: 1, index: 0 }));
    assert_eq!(is_there(&with(0, place | 1)), Err(Refused::NoSuchBlock { class: 0, index: 1 }));
    assert_eq!(is_there(&with(0, 65 << 32)), Err(Refused::TooLong { len: 65, limit: 64 }));
    assert_eq!(is_there(&with(1, place)), Err(Refused::NotSent));
    assert_eq!(is_there(&with(2, place)), Err(Refused::Stale { found: 2, expected: 1 }));
    let loan = pool.loan(5).unwrap();
    assert_eq!(is_there(&handle), Err(Refused::Stale { found: 0, expected: 1 }));
    assert_eq!(is_there(&with(1, place)), Err(Refused::NotSent), "it is being written");
    drop(loan);
    let other = Handle::from_words([pool_generation + 1000, 0, 0]);
    let refused = payloads.read(&other, &mut bytes).unwrap_err();
    assert!(matches!(refused, PayloadError::NoPool { .. }), "{refused}");
    // A channel's generation is not a pool's.
    let channel = domain.look_up("out").unwrap().unwrap();
    let other = Handle::from_words([channel.generation, 0, 0]);
    assert!(matches!(payloads.read(&other, &mut bytes), Err(PayloadError::NoPool { .. })));
}

/// Where the handles are, is found for channels of handles and of payloads.
#[test]
fn channels_say_where_their_handles_are() {
    private_namespace();
    let domain = Domain::open(&unique("where")).unwrap();
    let pool = pool::Builder::new("frames").domain(&domain).class(64, 1).create().unwrap();
    let _plain = spsc::Builder::<Handle>::new("plain").domain(&domain).create_sender().unwrap();
    let described = spsc::Builder::<Handle>::new("described").domain(&domain).described();
    let _described = described.create_sender().unwrap();
    let _payloads = payloads::Builder::new("payloads", &pool).create_sender().unwrap();
    let _other = spsc::Builder::<[u64; 3]>::new("other").domain(&domain).create_sender().unwrap();
    for (name, expected) in [("plain", 1), ("described", 1), ("payloads", 1), ("other", 0), ("frames", 0)] {
        let Named::Channel(channel) = domain.look_up(name).unwrap().unwrap().what else { panic!("{name}") };
        let fields = channel.handles();
        assert_eq!(fields.len(), expected, "{name}: {fields:?}");
        assert!(fields.iter().all(|field| (field.path.as_str(), field.offset) == ("", 0)));
    }
}

/// The newest segment of a domain: its pool.
fn newest_segment() -> ipc_core::shm::Attachment {
    let segments = ipc_core::list::segments().unwrap().into_iter();
    let id = segments.map(|(id, _)| id).max_by_key(|id| id.as_raw()).expect("a segment");
    ipc_core::shm::SharedMemory::from_id(id).attach().unwrap()
}

/// Whatever is in the pool's memory and in the handles: an error or some bytes of the pool, no panic.
#[test]
fn memory_that_makes_no_sense_is_read_without_harm() {
    const TAGS: usize = 0x9900;
    private_namespace();
    let name = unique("hostile");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let builder = pool::Builder::new("frames").domain(&domain).class(64, 4).class(4096, 2);
    let _pool = builder.create_new().unwrap();
    let memory = newest_segment();
    let generation = domain.look_up("frames").unwrap().unwrap().generation;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let (mut bytes, mut read, mut refused, mut unreadable) = (Vec::new(), 0, 0, 0);
    let mut payloads = PayloadTap::new(&observer);
    for round in 0..50_000_u64 {
        // Any tags and generations of the six blocks, half of them small numbers.
        let block = TAGS + 128 * (random() % 6) as usize;
        let tag = if random() & 1 == 0 { random() } else { ((random() % 4) << 40) | ((random() % 8) << 32) };
        memory.copy_to(block, &tag.to_ne_bytes()).unwrap();
        let noted = if random() & 3 == 0 { random() } else { random() % 4 };
        memory.copy_to(block + 0x20, &noted.to_ne_bytes()).unwrap();
        let words = match round % 4 {
            0 => [random(), random(), random()],
            1 => [generation, random(), random()],
            2 => [generation, small_block(random()), (random() % 6) | (random() % 5000) << 32],
            _ => [generation, small_block(random()), (random() % 4) | (random() % 65) << 32],
        };
        match payloads.read(&Handle::from_words(words), &mut bytes) {
            Ok(_) => {
                assert!(bytes.len() <= 4096);
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    // Any header and table of classes.
    let mut start = vec![0; 0x900];
    memory.copy_from(0, &mut start).unwrap();
    for _ in 0..500 {
        let mut wrong = start.clone();
        for _ in 0..=random() % 3 {
            let at = 8 * (random() as usize % (wrong.len() / 8));
            let value = if random() & 1 == 0 { random() } else { random() % 64 };
            wrong[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        }
        memory.copy_to(0, &wrong).unwrap();
        let handle = Handle::from_words([generation, small_block(random()), random() % 4]);
        match PayloadTap::new(&observer).read(&handle, &mut bytes) {
            Ok(_) => assert!(bytes.len() <= 4096),
            Err(PayloadError::Attach(_) | PayloadError::NoPool { .. }) => unreadable += 1,
            Err(_) => refused += 1,
        }
    }
    memory.copy_to(0, &start).unwrap();
    eprintln!("{read} read, {refused} refused, {unreadable} unreadable");
    assert!(read > 100 && refused > 100 && unreadable > 10);
}

fn small_block(random: u64) -> u64 {
    (random % 4) | (((random >> 8) % 3) << 32)
}
