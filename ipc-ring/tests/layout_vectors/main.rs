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

use ipc_ring::ring::{broadcast, bytes, call, latest, spsc};
use ipc_ring::{Barrier, Region};

/// A ring with something in it, and what its ends do with it.
struct Vector {
    name: &'static str,
    make: fn() -> Region,
    go_on: fn(Region),
}

const VECTORS: [Vector; 5] = [
    Vector { name: "spsc", make: spsc_made, go_on: spsc_goes_on },
    Vector { name: "bytes", make: bytes_made, go_on: bytes_go_on },
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
