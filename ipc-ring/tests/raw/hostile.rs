//! What a peer may write into a channel that raw ends open, or have open.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::shm::Attachment;
use ipc_ring::raw::{Builder, RawReceiver, RawSender};
use ipc_ring::{Domain, Lifetime};

use super::common::{private_namespace, the_ring, unique};
use super::kinds::{KINDS, Kind, queues};
use super::{builder, content, element, pass, try_receive, try_send};

const VALUES: [u32; 14] = [0, 1, u32::MAX, 1 << 31, 64, 2, 3, 8, 16, 24, 63, 0x480, 1 << 16, (1 << 16) + 1];
/// This number of them where each round takes long.
const FEW: usize = 3;

/// Bytes of the header, and of the words after it.
const WORDS: usize = 0x480;

fn use_ends(sender: Option<&mut RawSender>, receiver: Option<&mut RawReceiver>) {
    let deadline = Instant::now() + Duration::from_micros(200);
    if let Some(sender) = sender {
        let given = content(1, sender.element().size());
        let _ = sender.try_send(&given);
        let _ = sender.send_deadline(&given, deadline);
    }
    if let Some(receiver) = receiver {
        let mut place = vec![0; receiver.element().size()];
        let _ = receiver.try_receive(&mut place);
        let _ = receiver.receive_deadline(&mut place, deadline);
    }
}

/// A persistent channel that no process has open, and its memory.
struct Bed {
    domain: Domain,
    ring: Attachment,
    whole: Vec<u8>,
}

impl Bed {
    fn new(kind: &Kind) -> Self {
        let domain = Domain::open(&unique("words")).unwrap();
        let known = builder(&domain, kind).element(&element::<u64>("u64")).lifetime(Lifetime::Persistent);
        drop((known.create_sender().unwrap(), known.open_receiver().unwrap()));
        let ring = the_ring();
        let mut whole = vec![0; ring.len()];
        ring.copy_from(0, &mut whole).unwrap();
        Self { domain, ring, whole }
    }

    fn learning(&self) -> Builder {
        Builder::new("channel").domain(&self.domain)
    }

    fn spoil(&self, at: usize, value: u32) {
        self.ring.atomic_u32(at).unwrap().store(value, Ordering::Relaxed);
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.ring.copy_to(0, &self.whole).unwrap();
        self.domain.remove_channel("channel").unwrap();
    }
}

/// Whatever value one word has, an opener gets an error or an end that stays inside the memory; so do ends
/// that were open before.
#[test]
fn any_word_is_an_error_or_harmless() {
    private_namespace();
    let (mut opened, mut made) = (0, 0);
    for kind in &KINDS {
        let mut bed = Bed::new(kind);
        let words = WORDS.min(bed.ring.len());
        // Each writer of a table wakes by many masks, which takes its time without optimisation.
        let values = if kind.is_queue { &VALUES[..] } else { &VALUES[..FEW] };
        let spoilt = (0..words).step_by(4).flat_map(|at| values.iter().map(move |value| (at, *value)));
        for (at, value) in spoilt {
            bed.ring.copy_to(0, &bed.whole).unwrap();
            let mut ends = (bed.learning().open_sender(), bed.learning().open_receiver());
            if ends.0.is_err() || ends.1.is_err() {
                // Its earlier value has ended the channel: another one.
                drop((ends, bed));
                bed = Bed::new(kind);
                made += 1;
                ends = (bed.learning().open_sender(), bed.learning().open_receiver());
            }
            let (mut sender, mut receiver) = (ends.0.unwrap(), ends.1.unwrap());
            bed.spoil(at, value);
            use_ends(Some(&mut sender), Some(&mut receiver));
            sender.detach();
            drop(receiver);
            // It lies there when they open it.
            bed.ring.copy_to(0, &bed.whole).unwrap();
            bed.spoil(at, value);
            let mut ends = (bed.learning().open_sender().ok(), bed.learning().open_receiver().ok());
            opened += usize::from(ends.0.is_some()) + usize::from(ends.1.is_some());
            use_ends(ends.0.as_mut(), ends.1.as_mut());
            if let Some(sender) = ends.0 {
                sender.detach();
            }
        }
    }
    assert!(
        opened > 5000 && made < 200 * KINDS.len(),
        "most words are of a single end: {opened} opened, {made} made"
    );
}

/// The whole header is overwritten under open ends: they continue.
#[test]
fn the_header_is_read_once() {
    private_namespace();
    for kind in queues() {
        let domain = Domain::open(&unique("once")).unwrap();
        let known = builder(&domain, kind).element(&element::<[u8; 24]>("[u8;24]"));
        let (mut sender, mut receiver) = (known.create_sender().unwrap(), known.open_receiver().unwrap());
        let ring = the_ring();
        for at in (0..256).step_by(4) {
            ring.atomic_u32(at).unwrap().store(u32::MAX, Ordering::Relaxed);
        }
        pass(&mut |element| try_send(&mut sender, element), &mut || try_receive(&mut receiver), 24);
        assert!(Builder::new("channel").domain(&domain).open_receiver().is_err());
    }
}
