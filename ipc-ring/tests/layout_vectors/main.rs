//! Test vectors of the layout: what rings held when the vectors were written, byte by byte. A ring made today
//! holds the same bytes, and today's ends go on with a ring that a program of that time has left, so that
//! programs built from different versions of the library understand each other as long as the version in the
//! header is the same.
//!
//! A change of the layout raises that version, and `BLESS=1 cargo test -p ipc-ring --test layout_vectors`
//! writes the vectors anew; it refuses while the version is the old one.

use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::{env, fs};

use ipc_ring::ring::{broadcast, bytes, call, latest, mpmc, pool, spsc};
use ipc_ring::{Barrier, Region};

/// A ring with something in it, and what its ends do with it.
struct Vector {
    name: &'static str,
    make: fn() -> Region,
    go_on: fn(Region),
}

const VECTORS: [Vector; 7] = [
    Vector { name: "spsc", make: spsc_made, go_on: spsc_goes_on },
    Vector { name: "bytes", make: bytes_made, go_on: bytes_go_on },
    Vector { name: "mpmc", make: mpmc_made, go_on: mpmc_goes_on },
    Vector { name: "pool", make: pool_made, go_on: pool_goes_on },
    Vector { name: "broadcast", make: broadcast_made, go_on: broadcast_goes_on },
    Vector { name: "latest", make: latest_made, go_on: latest_goes_on },
    Vector { name: "call", make: call_made, go_on: call_goes_on },
];

/// Who made the ring, and when: the time, the process and the user in the header, `docs/layout.md`.
const OF_THE_MAKER: std::ops::Range<usize> = 0x68..0x78;
/// The version of the layout in the header.
const VERSION: std::ops::Range<usize> = 0x0c..0x10;

#[test]
fn rings_of_today_hold_the_bytes_of_the_vectors() {
    let mut wrong = Vec::new();
    for vector in VECTORS {
        let now = text(&(vector.make)());
        let path = path(vector.name);
        let old = fs::read_to_string(&path).unwrap_or_default();
        if now == old {
            continue;
        }
        if env::var_os("BLESS").is_none() {
            wrong.push(format!("{}:\n{}", vector.name, difference(&old, &now)));
        } else {
            let version = |text: &str| text.split(' ').next().map(str::to_owned);
            assert_ne!(version(&old), version(&now), "{}: raise the version first", vector.name);
            fs::write(path, now).unwrap();
        }
    }
    let how = "raise its version, then BLESS=1 cargo test -p ipc-ring --test layout_vectors";
    assert!(wrong.is_empty(), "the layout has changed; {how}\n{}", wrong.join("\n"));
}

#[test]
fn ends_of_today_go_on_with_the_rings_of_the_vectors() {
    for vector in VECTORS {
        let bytes = bytes_of(&fs::read_to_string(path(vector.name)).unwrap());
        let region = Region::heap(bytes.len());
        // SAFETY: the region has this many bytes, and nothing else has it.
        unsafe { region.base().as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        println!("{}", vector.name);
        (vector.go_on)(region);
    }
}

fn spsc_made() -> Region {
    let region = Region::heap(spsc::Mapped::<u64>::geometry(4).unwrap().total_size());
    let ring = spsc::Mapped::<u64>::make(region.clone(), 4, Barrier::Fence, 2).unwrap();
    let mut producer = spsc::Producer::attach(ring.clone()).unwrap();
    let mut consumer = spsc::Consumer::attach(ring);
    for item in [0x11, 0x22, 0x33] {
        assert!(matches!(producer.try_push(&item), spsc::Push::Done { .. }));
    }
    assert!(matches!(consumer.try_pop(), spsc::Pop::Item { item: 0x11, .. }));
    region
}

fn spsc_goes_on(region: Region) {
    let ring = spsc::Mapped::<u64>::open(region).unwrap();
    let mut consumer = spsc::Consumer::attach(ring.clone());
    let mut producer = spsc::Producer::attach(ring).unwrap();
    for item in [0x44, 0x55] {
        assert!(matches!(producer.try_push(&item), spsc::Push::Done { .. }));
    }
    assert!(matches!(producer.try_push(&0x66), spsc::Push::Full));
    for expected in [0x22, 0x33, 0x44, 0x55] {
        assert!(matches!(consumer.try_pop(), spsc::Pop::Item { item, .. } if item == expected));
    }
    assert!(matches!(consumer.try_pop(), spsc::Pop::Empty { .. }));
}

/// Without a header: that of a channel is written by the channel.
fn bytes_ring(region: Region) -> bytes::Mapped {
    bytes::Mapped::new(region, &bytes::Mapped::geometry(64).unwrap(), Barrier::Fence).unwrap()
}

fn bytes_made() -> Region {
    let region = Region::heap(bytes::Mapped::geometry(64).unwrap().total_size());
    let ring = bytes_ring(region.clone());
    let mut producer = bytes::Producer::attach(ring.clone()).unwrap();
    let mut consumer = bytes::Consumer::attach(ring).unwrap();
    for frame in [&b"one"[..], b"", b"and the third"] {
        producer.try_push(frame).unwrap();
    }
    assert!(matches!(consumer.try_pop_vec(&mut Vec::new()), bytes::Pop::Frame { len: 3, .. }));
    region
}

fn bytes_go_on(region: Region) {
    let ring = bytes_ring(region);
    let mut consumer = bytes::Consumer::attach(ring.clone()).unwrap();
    let mut producer = bytes::Producer::attach(ring).unwrap();
    producer.try_push(b"4").unwrap();
    let mut out = Vec::new();
    for expected in [&b""[..], b"and the third", b"4"] {
        assert!(matches!(consumer.try_pop_vec(&mut out), bytes::Pop::Frame { .. }));
        assert_eq!(out, expected);
    }
    assert!(matches!(consumer.try_pop_vec(&mut out), bytes::Pop::Empty { .. }));
}

fn identity(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}

/// Without a header, as the ring of frames.
fn mpmc_ring(region: Region) -> mpmc::Mapped<u64> {
    mpmc::Mapped::new(region, &mpmc::Mapped::<u64>::geometry(4).unwrap()).unwrap()
}

fn mpmc_producer(ring: &mpmc::Mapped<u64>, number: u64) -> mpmc::Producer<mpmc::Mapped<u64>> {
    mpmc::Producer::attach(ring.clone(), mpmc::Seat::take(ring, identity(number)).unwrap())
}

fn mpmc_consumer(ring: &mpmc::Mapped<u64>, number: u64) -> mpmc::Consumer<mpmc::Mapped<u64>> {
    mpmc::Consumer::attach(ring.clone(), mpmc::Seat::take(ring, identity(number)).unwrap())
}

/// One element is popped; one is held by a consumer that dies, one waits, one is half written by a producer
/// that dies.
fn mpmc_made() -> Region {
    let region = Region::heap(mpmc::Mapped::<u64>::geometry(4).unwrap().total_size());
    let ring = mpmc_ring(region.clone());
    let (mut producer, mut consumer) = (mpmc_producer(&ring, 1), mpmc_consumer(&ring, 2));
    for item in [0x11, 0x22, 0x33] {
        producer.try_push(&item).unwrap();
    }
    assert_eq!(consumer.try_pop().unwrap().item, 0x11);
    let (mut reader, mut writer) = (mpmc_consumer(&ring, 3), mpmc_producer(&ring, 4));
    assert_eq!(reader.try_lend().map(std::mem::forget), Ok(()));
    let mut claim = writer.try_claim().unwrap();
    claim.write(&0x44);
    std::mem::forget(claim);
    region
}

fn mpmc_goes_on(region: Region) {
    let ring = mpmc_ring(region);
    let report = mpmc::recovery::recover(&ring, |identity| identity < 3);
    assert_eq!((report.seats, report.slots), (2, 2));
    let (mut producer, mut consumer) = (mpmc_producer(&ring, 5), mpmc_consumer(&ring, 6));
    producer.try_push(&0x55).unwrap();
    for expected in [(0x22, 1), (0x33, 0), (0x55, 0)] {
        let popped = consumer.try_pop().unwrap();
        assert_eq!((popped.item, popped.attempt), expected);
    }
    assert_eq!(consumer.try_pop(), Err(mpmc::Nothing::Empty));
}

/// Where the blocks of a pool are found again: its generation, and the blocks' handles.
const POOL: u64 = 7;
const SENT: pool::Handle = pool::Handle::from_words([POOL, 0, 5 << 32]);
const SHARED: pool::Handle = pool::Handle::from_words([POOL, 0, 1 | 6 << 32]);
const LATER: pool::Handle = pool::Handle::from_words([POOL, 1 | 1 << 32, 100 << 32]);

fn pool_shape() -> pool::Shape {
    pool::Shape::new(&[(64, 3), (100, 1)]).unwrap()
}

fn pool_member(region: &Region, number: u64) -> pool::Member<pool::Mapped> {
    let memory = pool::Mapped::new(region.clone(), pool_shape(), POOL).unwrap();
    let seat = pool::Seat::take(&memory, identity(number)).unwrap();
    pool::Member::new(memory, seat)
}

fn pool_bytes(member: &pool::Member<pool::Mapped>, class: u32, block: u32) -> *mut [u8; 8] {
    member.memory().bytes(class, block).as_ptr().cast()
}

/// One block is sent and not taken, one has two readers, one is held by a member that dies, one was used and
/// is free.
fn pool_made() -> Region {
    let region = Region::heap(pool_shape().total_size);
    let [one, two, dead] = [1, 2, 3].map(|number| pool_member(&region, number));
    let route = pool::Route::from_words(5, 6);
    let lend = |member: &pool::Member<pool::Mapped>, class: usize, bytes: &[u8; 8]| {
        let loan = member.try_loan(class).unwrap();
        // SAFETY: the block is the member's, and has at least this number of bytes.
        unsafe { pool_bytes(member, loan.class(), loan.block()).write(*bytes) };
        loan
    };
    let (offered, handle) = one.offer(lend(&one, 0, b"sent    "), 5, route);
    one.sent(&offered);
    assert_eq!(handle, SENT);
    let (reading, handle) = one.share(lend(&one, 0, b"shared  "), 6);
    assert_eq!(handle, SHARED);
    let _ = (reading, two.accept(&SHARED).unwrap());
    let _ = lend(&dead, 0, b"lost    ");
    one.abandon(lend(&one, 1, b"given up"));
    region
}

fn pool_goes_on(region: Region) {
    let member = pool_member(&region, 4);
    let report = pool::recovery::recover(member.memory(), |identity| identity != 3);
    assert_eq!((report.seats, report.blocks), (1, 1));
    // SAFETY: the block is being read by this member, and no other thread is here.
    let text =
        |reading: &pool::Reading| unsafe { pool_bytes(&member, reading.class(), reading.block()).read() };
    let sent = member.accept(&SENT).unwrap();
    assert_eq!((&text(&sent), sent.is_shared()), (b"sent    ", false));
    assert!(member.release(sent), "it is free again");
    let shared = member.accept(&SHARED).unwrap();
    assert_eq!((&text(&shared), shared.is_shared()), (b"shared  ", true));
    assert!(!member.release(shared), "two others read it");
    let free = [member.try_loan(0), member.try_loan(0)].map(|loan| loan.unwrap().block());
    assert_eq!((free, member.try_loan(0)), ([0, 2], None));
    let (_, handle) = member.share(member.try_loan(1).unwrap(), 100);
    assert_eq!(handle, LATER, "the block was free once before");
}

fn broadcast_made() -> Region {
    let mode = broadcast::Mode::Lossy;
    let region = Region::heap(broadcast::Mapped::<u64>::geometry(4).unwrap().total_size());
    let ring = broadcast::Mapped::<u64>::make(region.clone(), 4, Barrier::Fence, mode, 0).unwrap();
    let mut publisher = broadcast::Publisher::attach(ring).unwrap();
    for item in 0x11..0x17 {
        assert_eq!(publisher.try_publish(&item), broadcast::Publish::Done);
    }
    region
}

fn broadcast_goes_on(region: Region) {
    let ring = broadcast::Mapped::<u64>::open(region).unwrap();
    let seat = broadcast::seat::take(&ring, NonZeroU64::new(7).unwrap()).unwrap();
    let (start, resume) = (broadcast::Start::Oldest, broadcast::Resume::Oldest);
    let mut subscriber = broadcast::Subscriber::join(ring.clone(), seat, start, resume, || true).unwrap();
    for expected in 0x13..0x17 {
        assert!(matches!(subscriber.try_pop(), broadcast::Pop::Item { item, .. } if item == expected));
    }
    let mut publisher = broadcast::Publisher::attach(ring).unwrap();
    assert_eq!(publisher.try_publish(&0x17), broadcast::Publish::Done);
    assert!(matches!(subscriber.try_pop(), broadcast::Pop::Item { item: 0x17, .. }));
}

fn latest_made() -> Region {
    let region = Region::heap(latest::Mapped::<u64>::geometry(2).unwrap().total_size());
    let ring = latest::Mapped::<u64>::make(region.clone(), 2, Barrier::Fence).unwrap();
    let mut writer = latest::Writer::attach(ring);
    for (key, time, value) in [(0, 5, 0x11), (1, 6, 0x22), (0, 7, 0x33)] {
        writer.publish(key, time, &value).unwrap();
    }
    region
}

fn latest_goes_on(region: Region) {
    let ring = latest::Mapped::<u64>::open(region).unwrap();
    let mut reader = latest::Reader::attach(ring.clone());
    let newest = |value, sequence, time_ns| Some(latest::Value { value, sequence, time_ns });
    assert_eq!(reader.newest_value(0).unwrap(), newest(0x33, 2, 7));
    assert_eq!(reader.newest_value(1).unwrap(), newest(0x22, 1, 6));
    assert_eq!(latest::Writer::attach(ring).publish(1, 8, &0x44), Ok(2));
    assert_eq!(reader.newer_value(1).unwrap(), newest(0x44, 2, 8));
}

fn call_made() -> Region {
    let region = Region::heap(call::Mapped::<u64, u32>::geometry(1).unwrap().total_size());
    let ring = call::Mapped::<u64, u32>::make(region.clone(), Barrier::Fence).unwrap();
    let mut caller = call::Caller::attach(ring.clone()).unwrap();
    let mut responder = call::Responder::attach(ring).unwrap();
    assert_eq!(caller.try_ask(&0x11), Ok(0));
    assert_eq!(responder.try_take().unwrap().unwrap().request, 0x11);
    responder.reply(&0x21);
    assert_eq!(caller.try_reply(), Ok(Some(0x21)));
    assert_eq!(caller.try_ask(&0x12), Ok(0));
    region
}

fn call_goes_on(region: Region) {
    let ring = call::Mapped::<u64, u32>::open(region).unwrap();
    let mut responder = call::Responder::attach(ring.clone()).unwrap();
    let taken = responder.try_take().unwrap().unwrap();
    assert_eq!(taken, call::Taken { request: 0x12, attempt: 0, number: 2 });
    responder.reply(&0x22);
    let mut caller = call::Caller::attach(ring).unwrap();
    assert_eq!(caller.try_ask(&0x13), Ok(0), "the reply was for another caller");
    assert_eq!(responder.try_take().unwrap().unwrap().request, 0x13);
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/layout_vectors", &format!("{name}.txt")].iter().collect()
}

/// Lines of 32 bytes, each behind its offset, without those that are all 0; the first line has the version
/// and the size. The ring of frames gets its header from its channel: the version is that of another ring.
fn text(region: &Region) -> String {
    let version = u32::from_ne_bytes(held(&spsc_made())[VERSION].try_into().unwrap());
    let mut bytes = held(region);
    bytes[OF_THE_MAKER].fill(0);
    let mut text = format!("{version} {:#x}\n", bytes.len());
    for (number, line) in bytes.chunks(32).enumerate().filter(|(_, line)| line.iter().any(|byte| *byte != 0))
    {
        write!(text, "{:06x}", number * 32).unwrap();
        for word in line.chunks(8) {
            text.push(' ');
            word.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        }
        text.push('\n');
    }
    text
}

fn held(region: &Region) -> Vec<u8> {
    // SAFETY: the region has this many bytes, and no end of the ring is left that could change them.
    unsafe { std::slice::from_raw_parts(region.base().as_ptr(), region.len()) }.to_vec()
}

fn bytes_of(text: &str) -> Vec<u8> {
    let mut lines = text.lines();
    let (_, size) = lines.next().unwrap().split_once(" 0x").unwrap();
    let mut bytes = vec![0; usize::from_str_radix(size, 16).unwrap()];
    for line in lines {
        let (offset, digits) = line.split_once(' ').unwrap();
        let offset = usize::from_str_radix(offset, 16).unwrap();
        let digits = digits.replace(' ', "");
        for place in 0..digits.len() / 2 {
            bytes[offset + place] = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).unwrap();
        }
    }
    bytes
}

fn difference(old: &str, now: &str) -> String {
    let only = |some: &str, other: &str, sign: char| {
        let differs = |line: &&str| !other.lines().any(|known| known == *line);
        some.lines().filter(differs).fold(String::new(), |text, line| text + &format!("  {sign} {line}\n"))
    };
    only(old, now, '-') + &only(now, old, '+')
}
