//! Broadcast rings, of slots and of frames, in memory that a hostile peer scribbles on between any two
//! operations. Every result is acceptable except a panic, an endless loop, or an access to a byte outside the
//! ring.

use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ipc_ring::ring::broadcast::{self as slots, Control as _, Mode, Resume, frames, seat};
use ipc_ring::{Barrier, Region};

use super::input::Input;

/// Where the slots and records begin, and where the words of the ring do.
const BEHIND: usize = 0x8500;
const WORDS: usize = 0x100;
/// What lies past the ring in memory larger than the ring.
const CANARY: u64 = 0xc0de_cafe_f00d_d00d;
/// No input makes more operations than this.
const MOST_STEPS: usize = 200;

/// Runs one image with its operations. Returns the number of operations made on an attached ring.
pub fn run(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    let choice = input.byte();
    let mode = if choice & 1 == 0 { Mode::Lossy } else { Mode::Gated };
    let barrier = Barrier::Fence;
    let frames = choice & 2 != 0;
    let capacity = 1u64 << (choice >> 2 & 3);
    let geometry = if frames {
        frames::Mapped::geometry(64 * capacity)
    } else {
        slots::Mapped::<u64>::geometry(capacity)
    };
    let total = geometry.expect("a small ring").total_size();
    let region = Region::heap(total + 256);
    for word in total / 8..(total + 256) / 8 {
        at(&region, word).store(CANARY, Relaxed);
    }
    let made = if frames {
        frames::Mapped::make(region.clone(), 64 * capacity, barrier, mode).map(drop)
    } else {
        slots::Mapped::<u64>::make(region.clone(), capacity, barrier, mode, input.value(1 << 63)).map(drop)
    };
    made.expect("it fits");
    for _ in 0..input.byte() % 4 {
        spoil(&mut input, &region, total);
    }
    let steps =
        if frames { on_frames(&mut input, &region, total) } else { on_slots(&mut input, &region, total) };
    for word in total / 8..(total + 256) / 8 {
        assert_eq!(at(&region, word).load(Relaxed), CANARY, "byte {} behind the ring", word * 8);
    }
    steps
}

fn at(region: &Region, word: usize) -> &AtomicU64 {
    assert!(word * 8 + 8 <= region.len());
    // SAFETY: inside the region, as asserted.
    let address = unsafe { region.base().add(word * 8) };
    // SAFETY: aligned to 8, mapped as long as the region, and accessed atomically by all.
    unsafe { AtomicU64::from_ptr(address.as_ptr().cast()) }
}

/// Writes something somewhere: mostly where the protocol looks.
fn spoil(input: &mut Input<'_>, region: &Region, total: usize) {
    let choice = input.byte();
    let byte = match choice % 4 {
        0 => WORDS + usize::from(input.byte()) * 8 % 0x380,
        1 => 0x480 + usize::from(input.byte() % 4) * 128 + usize::from(choice / 64) * 32,
        _ => BEHIND + input.word() as usize % (total - BEHIND),
    };
    // The mode was copied to private memory when the ring was opened.
    let tail = at(region, 0x280 / 8).load(Relaxed);
    at(region, byte.min(total - 8) / 8).store(input.value(tail), Relaxed);
}

fn take(words: &impl slots::Control, identity: u64) -> Option<seat::Seat> {
    seat::take(words, NonZeroU64::new(identity).expect("not 0")).ok()
}

fn on_slots(input: &mut Input<'_>, region: &Region, total: usize) -> usize {
    let Ok(ring) = slots::Mapped::<u64>::open(region.clone()) else { return 0 };
    let Ok(mut publisher) = slots::Publisher::attach(ring.clone()) else { return 0 };
    let Some(seat) = take(&ring, 2) else { return 0 };
    let mut subscriber =
        slots::Subscriber::join(ring.clone(), seat, slots::Start::Oldest, Resume::Oldest, || true).unwrap();
    let mut watcher = slots::Subscriber::watch(ring.clone(), slots::Start::Newest, Resume::Newest);
    let mut steps = 0;
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        let step = input.byte();
        match step % 12 {
            0..3 => drop(publisher.try_publish(&u64::from(step))),
            3 => drop(publisher.try_publish_slice(&vec![1; usize::from(step / 12)])),
            4 => drop(publisher.drop_dead(|identity| identity % 2 == 0)),
            5 => drop(subscriber.try_pop()),
            6 => drop(watcher.try_pop()),
            7 => {
                let mut out = vec![MaybeUninit::new(0); usize::from(step / 12)];
                if let slots::Pop::Item { item, .. } = subscriber.try_pop_slice(&mut out) {
                    assert!(item <= out.len());
                }
            }
            8 => {
                seat::sweep(&ring, |identity| identity % 3 == 0);
                if let Some(seat) = take(&ring, 4) {
                    let start = slots::Start::At(input.value(publisher.position()));
                    subscriber =
                        slots::Subscriber::join(ring.clone(), seat, start, Resume::Newest, || false).unwrap();
                }
            }
            9 => {
                if let Ok(successor) = slots::Publisher::attach(ring.clone()) {
                    publisher = successor;
                }
            }
            _ => spoil(input, region, total),
        }
        let _ = (subscriber.has_something(), subscriber.behind(), ring.seats());
    }
    steps
}

fn on_frames(input: &mut Input<'_>, region: &Region, total: usize) -> usize {
    let Ok(ring) = frames::Mapped::open(region.clone()) else { return 0 };
    let Ok(mut publisher) = frames::Publisher::attach(ring.clone()) else { return 0 };
    let Some(seat) = take(&ring, 2) else { return 0 };
    let joined = frames::Subscriber::join(ring.clone(), seat, frames::Start::Oldest, Resume::Oldest, || true);
    let Ok(mut subscriber) = joined else { return 0 };
    let Ok(mut watcher) = frames::Subscriber::watch(ring.clone(), frames::Start::Newest, Resume::Newest)
    else {
        return 0;
    };
    let mut steps = 0;
    let mut out = Vec::new();
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        let step = input.byte();
        match step % 12 {
            0..3 => drop(publisher.try_publish(&vec![step; usize::from(input.byte())])),
            3 => {
                if let Ok(mut claim) = publisher.try_claim(usize::from(step / 12)) {
                    claim.write(0, &vec![2; usize::from(step / 12)]);
                    claim.commit(usize::from(step / 24));
                }
            }
            4 => drop(publisher.drop_dead(|identity| identity % 2 == 0)),
            5 => {
                if let frames::Pop::Frame { len, .. } = subscriber.try_pop_vec(&mut out) {
                    assert_eq!(len, out.len());
                }
            }
            6 => drop(watcher.try_pop_vec(&mut out)),
            7 => drop(subscriber.try_pop_into(&mut [0; 24])),
            8 => {
                seat::sweep(&ring, |identity| identity % 3 == 0);
                if let Some(seat) = take(&ring, 4) {
                    let (position, sequence) =
                        (input.value(publisher.position()), input.value(publisher.sequence()));
                    let start = match step / 12 % 3 {
                        0 => frames::Start::Numbered(sequence),
                        1 => frames::Start::At { position, sequence },
                        _ => frames::Start::Newest,
                    };
                    match frames::Subscriber::join(ring.clone(), seat, start, Resume::Newest, || false) {
                        Ok(joined) => subscriber = joined,
                        Err((_, seat)) => seat::leave(&ring, seat),
                    }
                }
            }
            9 => {
                if let Ok(successor) = frames::Publisher::attach(ring.clone()) {
                    publisher = successor;
                }
            }
            _ => spoil(input, region, total),
        }
        let _ = (subscriber.has_something(), subscriber.behind());
    }
    steps
}
