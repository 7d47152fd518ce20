//! A many-to-many ring that a hostile peer scribbles on between any two operations of two producers and two
//! consumers. Every result is acceptable except a panic, an endless loop, or an access to a byte outside the
//! ring.

use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::Region;
use ipc_ring::ring::mpmc::{
    Consumer, Holder, Mapped, Memory as _, Nothing, Producer, Refused, Seat, Seats as _, Tag, Words as _,
    close, len, recovery,
};

use super::input::Input;

/// No input makes more operations than this.
const MOST_STEPS: usize = 400;

/// Runs one sequence of operations and scribbles. Gives the number of operations.
pub fn run(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    match input.byte() % 4 {
        0 => with_elements::<8>(input),
        1 => with_elements::<56>(input),
        2 => with_elements::<64>(input),
        _ => with_elements::<129>(input),
    }
}

fn with_elements<const N: usize>(mut input: Input<'_>) -> usize {
    let geometry = Mapped::<[u8; N]>::geometry(1 << (input.byte() % 4)).expect("a small ring");
    // Memory of exactly this size, for tools that detect every access outside.
    let ring = Mapped::<[u8; N]>::new(Region::heap(geometry.total_size()), &geometry).expect("it fits");
    ring.start_at(input.value(1 << 63));
    let mut identities = 1..;
    let mut seat = || {
        let identity = identities.next().and_then(NonZeroU64::new).expect("there are enough");
        Seat::take(&ring, identity).expect("there are enough seats")
    };
    let mut producers = [(); 2].map(|()| Producer::attach(ring.clone(), seat()));
    let mut consumers = [(); 2].map(|()| Consumer::attach(ring.clone(), seat()));
    let mut steps = 0;
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        let choice = input.byte();
        let (producer, consumer) =
            (&mut producers[usize::from(choice >> 7)], &mut consumers[usize::from(choice >> 7)]);
        match choice % 16 {
            0..3 => {
                if let Err(Refused::Busy(holder)) = producer.try_push(&[choice; N]) {
                    let _ = recovery::repair(&ring, &holder, |identity| identity % 2 == 0);
                }
            }
            3 => {
                let count = usize::from(input.byte() % 20);
                assert!(producer.try_push_slice(&vec![[choice; N]; count]).0 <= count);
            }
            4 => drop(producer.try_claim()),
            5..8 => match consumer.try_pop() {
                Err(Nothing::Busy(holder)) => {
                    let _ = recovery::repair(&ring, &holder, |identity| identity % 2 == 0);
                }
                Err(Nothing::Empty) => consumer.take_line(),
                _ => {}
            },
            8 => {
                let count = usize::from(input.byte() % 20);
                let mut out = vec![MaybeUninit::new([0; N]); count];
                assert!(consumer.try_pop_slice(&mut out).0 <= count);
            }
            9 => drop(consumer.try_lend()),
            10 => {
                let modulus = u64::from(input.byte() % 4) + 1;
                recovery::recover(&ring, |identity| identity % modulus == 0);
            }
            11 => {
                let endpoint = input.word() as u16;
                let holder = Holder { endpoint, index: input.word(), tag: tag(&mut input) };
                let _ = recovery::repair(&ring, &holder, |_| false);
            }
            _ => scribble(&ring, &mut input),
        }
        assert!(len(&ring) <= ring.capacity());
    }
    close(&ring);
    steps
}

/// A plausible tag, or an arbitrary one.
fn tag(input: &mut Input<'_>) -> Tag {
    let word = input.word();
    Tag::from_raw(match input.byte() % 3 {
        0 => word,
        // A small lap, any owner, attempt and state.
        1 => word & 0x3ff_ffff,
        _ => word | u64::MAX << 18,
    })
}

fn scribble<const N: usize>(ring: &Mapped<[u8; N]>, input: &mut Input<'_>) {
    match input.byte() % 8 {
        0 => ring.tail().store(input.value(0), Relaxed),
        1 => ring.head().store(input.value(0), Relaxed),
        2 => ring.orphans().store(input.word(), Relaxed),
        3 => ring.identity(u16::from(input.byte())).store(input.value(4), Relaxed),
        _ => {
            let index = u64::from(input.byte()) % ring.capacity();
            ring.tag(index).store(tag(input).as_raw(), Relaxed);
        }
    }
}
