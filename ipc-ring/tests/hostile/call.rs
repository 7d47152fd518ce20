//! A call ring that a hostile peer scribbles on, at attach and between any two operations of either end.
//! Every result is acceptable except a panic, an endless loop, or an access to a byte outside the ring.

use std::sync::atomic::{AtomicU64, Ordering};

use ipc_ring::ring::call::{Caller, Mapped, Responder};
use ipc_ring::{Barrier, Region};

use super::input::Input;

/// What lies past the ring.
const CANARY: u64 = 0xc0de_cafe_f00d_d00d;
const MOST_STEPS: usize = 300;

type Ring = Mapped<[u8; 56], [u8; 41]>;

/// Runs one image with its operations. Returns the number of operations made on an attached ring.
pub fn run(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    let total = Ring::geometry(1).expect("one line").total_size();
    let region = Region::heap(total + 256);
    Ring::make(region.clone(), Barrier::Fence).expect("it fits");
    for offset in (total..total + 256).step_by(8) {
        at(&region, offset).store(CANARY, Ordering::Relaxed);
    }
    for _ in 0..input.byte() % 4 {
        spoil(&mut input, &region, total);
    }
    let steps = work(&mut input, &region, total);
    for offset in (total..total + 256).step_by(8) {
        assert_eq!(at(&region, offset).load(Ordering::Relaxed), CANARY, "behind the ring");
    }
    steps
}

fn work(input: &mut Input<'_>, region: &Region, total: usize) -> usize {
    let Ok(ring) = Ring::open(region.clone()) else { return 0 };
    let (Ok(mut caller), Ok(mut responder)) = (Caller::attach(ring.clone()), Responder::attach(ring.clone()))
    else {
        return 0;
    };
    let mut steps = 0;
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        let step = input.byte();
        match step % 10 {
            0 | 1 => drop(caller.try_ask(&[step; 56])),
            2 => drop(caller.try_reply()),
            3 | 4 => drop(responder.try_take()),
            5 => {
                responder.reply(&[step; 41]);
            }
            6 => drop((caller.has_reply(), caller.is_pending(), responder.has_request())),
            7 if step > 200 => drop(caller.abandon()),
            7 if step > 150 => {
                if let (Ok(next), Ok(other)) = (Caller::attach(ring.clone()), Responder::attach(ring.clone()))
                {
                    (caller, responder) = (next, other);
                }
            }
            _ => spoil(input, region, total),
        }
    }
    steps
}

/// Writes a word: mostly the line's, or the one that records what was taken.
fn spoil(input: &mut Input<'_>, region: &Region, total: usize) {
    let choice = usize::from(input.byte());
    let offset = match choice % 4 {
        0 | 1 => 0x400,
        2 => 0x280,
        _ => choice * 8 % total,
    };
    let word = at(region, offset);
    let value = input.value(word.load(Ordering::Relaxed));
    word.store(value, Ordering::Relaxed);
}

fn at(region: &Region, offset: usize) -> &AtomicU64 {
    assert!(offset.is_multiple_of(8) && offset + 8 <= region.len());
    // SAFETY: inside the region, as asserted.
    let address = unsafe { region.base().add(offset) };
    // SAFETY: aligned to 8 and mapped as long as the region.
    unsafe { AtomicU64::from_ptr(address.as_ptr().cast()) }
}
