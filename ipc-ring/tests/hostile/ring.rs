//! A ring in memory that a hostile peer scribbles on: at attach, and between any two operations of either
//! end. Every result is acceptable except a panic, an endless loop, or an access to a byte outside the ring.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_ring::ring::spsc::{Consumer, Mapped, Pop, Producer, Push};
use ipc_ring::{Barrier, Region};

use super::input::Input;

/// Bytes of the header and of everything before the first slot.
const HEADER: usize = 0x100;
/// What lies past the ring in memory larger than the ring.
const CANARY: u64 = 0xc0de_cafe_f00d_d00d;
/// No input makes more operations than this.
const MOST_STEPS: usize = 400;

/// Runs one image with its operations. Returns the number of operations made on an attached ring.
pub fn run(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    match input.byte() % 8 {
        0 => with_elements::<1>(input),
        1 => with_elements::<8>(input),
        2 => with_elements::<56>(input),
        3 => with_elements::<64>(input),
        4 => with_elements::<112>(input),
        5 => with_elements::<129>(input),
        6 => with_elements::<200>(input),
        _ => with_elements::<1000>(input),
    }
}

fn with_elements<const N: usize>(mut input: Input<'_>) -> usize {
    let capacity = 1 << (input.byte() % 4);
    let total = Mapped::<[u8; N]>::geometry(capacity).expect("a small ring").total_size();
    // Memory of exactly this size, for tools that detect every access outside; or with a tail that must not
    // change.
    let tail = usize::from(input.byte() % 2) * 256;
    let region = Region::heap((total + tail).next_multiple_of(8));
    let first = input.value(1 << 63);
    Mapped::<[u8; N]>::make(region.clone(), capacity, Barrier::Fence, first).expect("it fits");
    for word in total.div_ceil(8)..region.len() / 8 {
        at(&region, word).store(CANARY, Ordering::Relaxed);
    }
    // The image before any attach: a valid one, one with a few corrupted words, or an arbitrary one.
    match input.byte() % 4 {
        0 => {}
        1 => {
            for word in 0..total / 8 {
                if input.is_used_up() {
                    break;
                }
                at(&region, word).store(input.word(), Ordering::Relaxed);
            }
        }
        _ => {
            for _ in 0..input.byte() % 8 {
                spoil(&mut input, &region, total, true, first);
            }
        }
    }
    let steps = work::<N>(&mut input, &region, total);
    for word in total.div_ceil(8)..region.len() / 8 {
        assert_eq!(at(&region, word).load(Ordering::Relaxed), CANARY, "byte {} behind the ring", word * 8);
    }
    steps
}

/// Attaches both ends and works with them.
fn work<const N: usize>(input: &mut Input<'_>, region: &Region, total: usize) -> usize {
    let Ok(ring) = Mapped::<[u8; N]>::open(region.clone()) else { return 0 };
    let capacity = ring.capacity();
    assert_eq!(Mapped::<[u8; N]>::geometry(capacity).expect("it was opened").total_size(), total);
    let Ok(mut producer) = Producer::attach(ring.clone()) else { return 0 };
    let mut consumer = Consumer::attach(ring);
    let header =
        || std::array::from_fn::<u64, { HEADER / 8 }, _>(|word| at(region, word).load(Ordering::Relaxed));
    let mut before = header();
    let mut steps = 0;
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        let step = input.byte();
        let (pushed, popped) = (producer.position(), consumer.position());
        let (mut pushes, mut pops) = (0, 0);
        let item = [step; N];
        match step % 16 {
            0 | 1 => pushes = u64::from(matches!(producer.try_push(&item), Push::Done { .. })),
            2 => pushes = u64::from(matches!(producer.try_push_by_head(&item), Push::Done { .. })),
            3 => {
                let items = vec![item; usize::from(step / 16)];
                // When it fails half-way some may be published.
                let pushed_some = if step < 128 {
                    producer.try_push_slice(&items)
                } else {
                    producer.try_push_slice_by_head(&items)
                };
                match pushed_some {
                    Ok((count, _)) => {
                        assert!(count <= items.len());
                        pushes = count as u64;
                    }
                    Err(_) => pushes = producer.position().wrapping_sub(pushed),
                }
                assert!(pushes <= items.len() as u64);
            }
            4 | 5 => {
                if let Ok(Some(mut claim)) = producer.try_claim() {
                    claim.write(&item);
                    let last = claim.with(|slot| slot.cast::<u8>().wrapping_add(N - 1));
                    // SAFETY: the last byte of the slot, which is N bytes long and this claim's.
                    unsafe { last.write(step) };
                    if step.is_multiple_of(2) {
                        let _ = claim.commit();
                        pushes = 1;
                    }
                }
            }
            6..9 => match consumer.try_pop() {
                Pop::Item { item, .. } => {
                    std::hint::black_box(item);
                    pops = 1;
                }
                Pop::Empty { .. } | Pop::Corrupt(_) => {}
            },
            9 => {
                let mut out = vec![MaybeUninit::uninit(); usize::from(step / 16)];
                if let Ok((count, _)) = consumer.try_pop_slice(&mut out) {
                    assert!(count <= out.len());
                    pops = count as u64;
                }
            }
            10 | 11 => {
                if let Ok(Ok(view)) = consumer.try_view() {
                    std::hint::black_box(view.read());
                    if step.is_multiple_of(2) {
                        let _ = view.release();
                        pops = 1;
                    }
                }
            }
            12 => {
                let _ = (producer.has_room(), producer.is_drained(), consumer.has_item());
                let _ = (producer.has_room_by_head(), consumer.is_ready_ahead(u64::from(step)));
            }
            13 => {
                assert_eq!(before, header(), "no operation writes the header");
                spoil(input, region, total, step < 64, if step < 128 { pushed } else { popped });
                before = header();
            }
            14 => spoil_turn(input, region, total, pushed, popped),
            _ => {
                // A successor of one end, through the header as it is now.
                let Ok(ring) = Mapped::<[u8; N]>::open(region.clone()) else { continue };
                assert_eq!(ring.capacity(), capacity, "memory of this size holds one capacity only");
                if step < 128 {
                    let Ok(next) = Producer::attach(ring) else { continue };
                    producer = next;
                } else {
                    consumer = Consumer::attach(ring);
                }
                continue;
            }
        }
        assert_eq!(producer.position(), pushed.wrapping_add(pushes), "step {step}");
        assert_eq!(consumer.position(), popped.wrapping_add(pops), "step {step}");
    }
    assert_eq!(before, header(), "no operation writes the header");
    steps
}

/// Writes a word anywhere in the ring: any word, or one of those that matter.
fn spoil(input: &mut Input<'_>, region: &Region, total: usize, anywhere: bool, close: u64) {
    let choice = usize::from(input.byte());
    let words = total / 8;
    let word = if anywhere {
        (choice | usize::from(input.byte()) << 8) % words
    } else {
        // The words at 0x200, 0x280, 0x300, 0x380, 0x400, and the first slots' sequence words.
        [0x40, 0x50, 0x60, 0x70, 0x80, 0x91][choice % 6].min(words - 1)
    };
    at(region, word).store(input.value(close), Ordering::Relaxed);
}

/// Writes a position that the protocol might have written, but did not.
fn spoil_turn(input: &mut Input<'_>, region: &Region, total: usize, pushed: u64, popped: u64) {
    let stride = (total - 0x480) / 8;
    let close = if input.byte().is_multiple_of(2) { pushed } else { popped };
    let value = close.wrapping_add(u64::from(input.byte() % 8)).wrapping_sub(3);
    let word = match input.byte() % 4 {
        0 => 0x280 / 8,
        1 => 0x300 / 8,
        _ => 0x480 / 8 + usize::from(input.byte()) % stride,
    };
    at(region, word).store(value, Ordering::Relaxed);
}

/// A word of the region, as a hostile peer accesses it.
fn at(region: &Region, word: usize) -> &AtomicU64 {
    assert!(word * 8 + 8 <= region.len());
    let address = region.base().as_ptr().wrapping_add(word * 8);
    // SAFETY: inside the region, which outlives the reference, and aligned to 8; only accessed atomically
    // here, and by the ring with atomics and with copies that are made to race.
    unsafe { AtomicU64::from_ptr(address.cast()) }
}

/// A thread that scribbles on the ring as fast as it can while another works with it. Gives the number of
/// operations.
pub fn run_with_scribbler(data: &[u8], rounds: usize) -> usize {
    type Item = [u8; 56];
    let capacity = 8;
    let total = Mapped::<Item>::geometry(capacity).expect("a small ring").total_size();
    let region = Region::heap(total);
    Mapped::<Item>::make(region.clone(), capacity, Barrier::Fence, 0).expect("it fits");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0u64;
            while !stop.load(Ordering::Relaxed) {
                let mut input = Input::new(data);
                while !input.is_used_up() {
                    turn += 1;
                    // The header stays, so that successors can attach.
                    let word = 0x200 / 8 + (input.word() % (total as u64 - 0x200) / 8) as usize;
                    at(&region, word).store(input.value(turn), Ordering::Relaxed);
                }
            }
        });
        let mut steps = 0;
        for round in 0..rounds {
            let start = (round * 97) % data.len().max(1);
            let mut input = Input::new(&data[start..]);
            steps += work_while_scribbled(&mut input, &region);
        }
        stop.store(true, Ordering::Relaxed);
        steps
    })
}

fn work_while_scribbled(input: &mut Input<'_>, region: &Region) -> usize {
    type Item = [u8; 56];
    let ring = Mapped::<Item>::open(region.clone()).expect("the header is left alone");
    let Ok(mut producer) = Producer::attach(ring.clone()) else { return 0 };
    let mut consumer = Consumer::attach(ring);
    let mut steps = 0;
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        let step = input.byte();
        let items = [[step; 56]; 5];
        let mut out = [MaybeUninit::uninit(); 5];
        match step % 6 {
            0 => {
                let _ = producer.try_push_by_head(&items[0]);
                let _ = producer.try_push(&items[0]);
            }
            1 => {
                let _ = producer.try_push_slice(&items);
            }
            2 => {
                let _ = consumer.try_pop();
            }
            3 => {
                let _ = consumer.try_pop_slice(&mut out);
            }
            4 => {
                let _ = (producer.has_room(), consumer.has_item());
            }
            _ => {
                if let Ok(Ok(view)) = consumer.try_view() {
                    std::hint::black_box(view.read());
                    let _ = view.release();
                }
            }
        }
    }
    steps
}
