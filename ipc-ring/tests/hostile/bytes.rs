//! A ring of frames that a hostile peer scribbles on between any two operations. Every result is acceptable
//! except a panic, an endless loop, or an access to a byte outside the ring.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_ring::ring::bytes::{Consumer, Mapped, Pop, Producer, header};
use ipc_ring::{Barrier, Region};

use super::input::Input;

/// Where the records begin, and where the words that decide are: the consumer's positions.
const RECORDS: usize = 0x480;
const POSITIONS: [usize; 2] = [0x280, 0x300];
/// No input makes more operations than this.
const MOST_STEPS: usize = 400;

/// Runs one sequence of operations and scribbles. Gives the number of operations.
pub fn run(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    let capacity = 64 << (input.byte() % 4);
    let geometry = Mapped::geometry(capacity).expect("a small ring");
    // Memory of exactly this size, for tools that detect every access outside.
    let region = Region::heap(geometry.total_size());
    let ring = Mapped::new(region.clone(), &geometry, Barrier::Fence).unwrap();
    ring.start_at(input.value(1 << 63) & !7);
    let mut producer = Producer::attach(ring.clone()).expect("a fresh ring");
    let mut consumer = Consumer::attach(ring.clone()).expect("a fresh ring");
    let mut steps = 0;
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        match input.byte() % 8 {
            0..3 => produce(&mut producer, &mut input, capacity),
            3..6 => consume(&mut consumer, &mut input, capacity),
            6 => scribble(&region, &mut input, capacity, producer.position(), consumer.position()),
            _ => match input.byte() % 4 {
                // A successor: rejected, or a fully valid one.
                0 => producer = Producer::attach(ring.clone()).unwrap_or(producer),
                1 => consumer = Consumer::attach(ring.clone()).unwrap_or(consumer),
                2 => {
                    let len = usize::from(input.byte());
                    let _ = producer.has_room_by_head(len);
                    let _ = producer.has_room(len);
                }
                _ => drop((consumer.has_item(), consumer.is_ready_ahead(consumer.batch_len()))),
            },
        }
    }
    steps
}

fn produce(producer: &mut Producer<Mapped>, input: &mut Input<'_>, capacity: u64) {
    let len = usize::from(input.byte()) % (capacity as usize / 2 + 4);
    let bytes = vec![0xA5; len];
    match input.byte() % 6 {
        0 => drop(producer.try_push_vectored(&[IoSlice::new(&bytes), IoSlice::new(b"tail")])),
        1 => drop(producer.try_push_batch(&[&bytes[..len / 2], &bytes[len / 2..], b""])),
        2 => {
            if let Ok(mut claim) = producer.try_claim(len) {
                claim.write(len / 3, &bytes[len / 3..]);
                if len.is_multiple_of(2) {
                    let _ = claim.commit(len / 2);
                }
            }
        }
        _ => drop(producer.try_push(&bytes)),
    }
}

fn consume(consumer: &mut Consumer<Mapped>, input: &mut Input<'_>, capacity: u64) {
    let longest = (capacity / 2 - 8) as usize;
    let mut buffer = [0; 512];
    let popped = match input.byte() % 5 {
        4 => {
            let known = consumer.pop_known(&mut buffer[..usize::from(input.byte())]);
            assert!(known.is_none_or(|len| len <= longest));
            return;
        }
        0 => consumer.try_pop_into(&mut buffer[..usize::from(input.byte())]),
        1 => consumer.try_pop_vec(&mut Vec::new()),
        _ => match consumer.try_view() {
            Ok(Ok(view)) => {
                assert!(view.len() <= longest && view.index() + view.len() as u64 <= capacity);
                view.read(0, &mut buffer[..view.len()]);
                if input.byte().is_multiple_of(2) {
                    let _ = view.release();
                }
                return;
            }
            Ok(Err(signal)) => Pop::Empty { signal },
            Err(corruption) => Pop::Corrupt(corruption),
        },
    };
    match popped {
        Pop::Frame { len, .. } | Pop::TooSmall { needed: len } => assert!(len <= longest),
        Pop::Empty { .. } => {}
        Pop::Corrupt(corruption) => assert!(!corruption.to_string().is_empty()),
    }
}

/// Writes a value near the correct one, or far from it, to a word that is read next, or to any.
fn scribble(region: &Region, input: &mut Input<'_>, capacity: u64, pushed: u64, popped: u64) {
    let close = if input.byte().is_multiple_of(2) { pushed } else { popped };
    let offset = match input.byte() % 4 {
        0 => RECORDS + (close & (capacity - 1)) as usize,
        1 => RECORDS,
        2 => POSITIONS[usize::from(input.byte() % 2)],
        _ => {
            let words = (region.len() - 0x200) / 8;
            0x200 + 8 * (input.word() as usize % words)
        }
    };
    let len = u64::from(input.byte());
    let value = match input.byte() % 8 {
        0 => header::frame(close, len),
        1 => header::frame(close, u64::from(u32::MAX) - len),
        2 => header::padding(close, len),
        3 => header::padding(close, capacity - (close & (capacity - 1)) - 8),
        4 => header::frame(close.wrapping_sub(capacity), len),
        _ => input.value(close),
    };
    word(region, offset).store(value, Ordering::Relaxed);
}

/// A word of the region, as a hostile peer accesses it.
fn word(region: &Region, offset: usize) -> &AtomicU64 {
    assert!(offset.is_multiple_of(8) && offset + 8 <= region.len());
    // SAFETY: inside the region, as asserted.
    let address = unsafe { region.base().add(offset) };
    // SAFETY: aligned to 8 and mapped as long as the region.
    unsafe { AtomicU64::from_ptr(address.as_ptr().cast()) }
}
