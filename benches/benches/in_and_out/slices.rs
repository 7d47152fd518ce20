//! Many messages per call: one publication and one check of the other side for all of them.

use std::hint::black_box;

use benches::{broadcast, bytes, mpmc, spsc};
use criterion::Criterion;
use ipc_ring::Message;
use ipc_ring::broadcast::Mode;

use crate::{BATCH, SLOTS, line, many_messages};

/// Every ring with slices, and chunks of `rtrb`.
pub(crate) fn all<const SIZE: usize>(criterion: &mut Criterion)
where
    [u8; SIZE]: Message,
{
    let mut group = many_messages(criterion);
    let messages = [[7; SIZE]; BATCH];
    let mut received = [[0; SIZE]; BATCH];

    let (mut producer, mut consumer) = spsc::<[u8; SIZE]>(SLOTS).expect("a ring");
    group.bench_function(line("spsc slices", SIZE), |bencher| {
        bencher.iter(|| {
            let pushed = producer.try_push_slice(black_box(&messages)).expect("room");
            let popped = consumer.try_pop_slice(black_box(&mut received)).expect("messages");
            assert_eq!((pushed, popped), (BATCH, BATCH));
        });
    });
    group.bench_function(line("spsc one by one", SIZE), |bencher| {
        bencher.iter(|| {
            for message in black_box(&messages) {
                producer.push_from(message).expect("room");
            }
            for place in black_box(&mut received) {
                consumer.pop_into(place).expect("a message");
            }
        });
    });

    let (mut producer, mut consumer) = bytes(SLOTS * (SIZE as u64 + 8)).expect("a ring");
    group.bench_function(line("bytes push_batch + pop_into", SIZE), |bencher| {
        bencher.iter(|| {
            let pushed = producer.try_push_batch(black_box(&messages)).expect("room");
            assert_eq!(pushed, BATCH);
            for place in black_box(&mut received) {
                consumer.pop_into(place).expect("a frame");
            }
        });
    });

    let (mut producer, mut consumer) = mpmc::<[u8; SIZE]>(SLOTS).expect("a ring");
    group.bench_function(line("mpmc slices", SIZE), |bencher| {
        bencher.iter(|| {
            let pushed = producer.try_push_slice(black_box(&messages)).expect("room");
            let popped = consumer.try_pop_slice(black_box(&mut received)).expect("messages");
            assert_eq!((pushed, popped), (BATCH, BATCH));
        });
    });

    let (mut publisher, mut subscriber) = broadcast::<[u8; SIZE]>(Mode::Gated, SLOTS).expect("a ring");
    group.bench_function(line("broadcast gated slices", SIZE), |bencher| {
        bencher.iter(|| {
            let published = publisher.try_push_slice(black_box(&messages)).expect("room");
            let popped = subscriber.try_pop_slice(black_box(&mut received)).expect("messages");
            assert_eq!((published, popped), (BATCH, BATCH));
        });
    });

    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u8; SIZE]>::new(SLOTS as usize);
    group.bench_function(line("rtrb chunks (threads only)", SIZE), |bencher| {
        bencher.iter(|| {
            let chunk = producer.write_chunk_uninit(BATCH).expect("room");
            let written = chunk.fill_from_iter(black_box(&messages).iter().copied());
            let chunk = consumer.read_chunk(BATCH).expect("messages");
            let (first, second) = chunk.as_slices();
            let places = black_box(&mut received);
            places[..first.len()].copy_from_slice(first);
            places[first.len()..].copy_from_slice(second);
            chunk.commit_all();
            assert_eq!(written, BATCH);
        });
    });
    group.finish();
}
