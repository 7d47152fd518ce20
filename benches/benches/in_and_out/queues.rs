//! Queues for the threads of one process: no other process can see them, so they check nothing that a ring in
//! shared memory has to. The difference to them is the cost of that.

use std::hint::black_box;

use criterion::Criterion;
use crossbeam_queue::ArrayQueue;
use rtrb::RingBuffer;

use crate::{SLOTS, line, one_message};

/// `rtrb` for one producer and one consumer, crossbeam's `ArrayQueue` for many.
pub(crate) fn all<const SIZE: usize>(criterion: &mut Criterion) {
    let mut group = one_message(criterion);
    let message = [7_u8; SIZE];

    let (mut producer, mut consumer) = RingBuffer::<[u8; SIZE]>::new(SLOTS as usize);
    group.bench_function(line("rtrb push + pop (threads only)", SIZE), |bencher| {
        bencher.iter(|| {
            producer.push(black_box(message)).expect("room");
            black_box(consumer.pop().expect("a message"))
        });
    });

    let queue = ArrayQueue::<[u8; SIZE]>::new(SLOTS as usize);
    group.bench_function(line("crossbeam ArrayQueue push + pop (threads only)", SIZE), |bencher| {
        bencher.iter(|| {
            queue.push(black_box(message)).expect("room");
            black_box(queue.pop().expect("a message"))
        });
    });
    group.finish();
}
