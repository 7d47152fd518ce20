//! A tap of a channel whose memory holds garbage: a result, no panic, no hang. It leaves all memory as it is.

mod common;

use common::{private_namespace, unique};
use ipc_ring::observe::{DomainObserver, Tap, TapRead, TapStart};
use ipc_ring::{Domain, broadcast, bytes, latest, mpmc, spsc};

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
    const MPMC_SLOTS: usize = 0x8380;
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
    for kind in ["spsc", "bytes", "mpmc", "broadcast", "frames", "latest"] {
        let place = || {
            let name = (kind, &domain);
            match name {
                ("spsc", domain) => {
                    let builder = spsc::Builder::<[u8; 24]>::new("x").domain(domain).capacity(8);
                    Box::new(builder.create_sender().unwrap()) as Box<dyn std::any::Any>
                }
                ("mpmc", domain) => {
                    let builder = mpmc::Builder::<[u8; 24]>::new("x").domain(domain).capacity(8);
                    Box::new(builder.create_sender().unwrap())
                }
                ("bytes", domain) => {
                    let builder = bytes::Builder::new("x").domain(domain).capacity(256);
                    Box::new(builder.create_sender().unwrap())
                }
                ("broadcast", domain) => {
                    let builder = broadcast::Builder::<[u8; 24]>::new("x").domain(domain).capacity(8);
                    Box::new(builder.create_sender().unwrap())
                }
                ("frames", domain) => {
                    let builder = broadcast::frames::Builder::new("x").domain(domain).capacity(256);
                    Box::new(builder.create_sender().unwrap())
                }
                (_, domain) => {
                    let builder = latest::TableBuilder::<[u8; 24]>::new("x").domain(domain).keys(4);
                    Box::new(builder.create_sender().unwrap())
                }
            }
        };
        let end = place();
        let ring = newest_ring();
        // Most of a many-to-many ring are seats, which a tap does not look at.
        let from = if kind == "mpmc" { MPMC_SLOTS } else { HEADER };
        for round in 0..2000 {
            let mut image = vec![0; ring.len() - from];
            for word in image.chunks_exact_mut(8) {
                // Small numbers pass more of the checks.
                let value = if random() & 1 == 0 { random() } else { random() % 64 };
                word.copy_from_slice(&value.to_ne_bytes());
            }
            if round > 0 {
                ring.copy_to(from, &image).unwrap();
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

#[test]
fn a_tap_changes_nothing() {
    private_namespace();
    let name = unique("untouched");
    let domain = Domain::open(&name).unwrap();
    let mut producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
    producer.push(1).unwrap();
    let ring = newest_ring();
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
}
