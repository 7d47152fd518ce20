//! Messages written where they will be read, and read where they were written.

use std::hint::black_box;

use benches::{broadcast, bytes, mpmc, pool, spsc};
use criterion::Criterion;
use ipc_ring::Message;
use ipc_ring::broadcast::Mode;

use crate::{SLOTS, line, one_message};

/// Every ring with claims or views, and the pool. Each payload is written once and read once.
pub(crate) fn all<const SIZE: usize>(criterion: &mut Criterion)
where
    [u8; SIZE]: Message,
{
    let mut group = one_message(criterion);
    let message = [7; SIZE];
    let mut received = [0; SIZE];

    let (mut producer, mut consumer) = spsc::<[u8; SIZE]>(SLOTS).expect("a ring");
    group.bench_function(line("spsc claim, commit + view, release", SIZE), |bencher| {
        bencher.iter(|| {
            let mut claim = producer.try_claim().expect("room");
            claim.write(black_box(&message));
            claim.commit().expect("open");
            let view = consumer.try_view().expect("a message");
            let read = view.read();
            view.release();
            black_box(read)
        });
    });

    let (mut producer, mut consumer) = bytes(SLOTS * (SIZE as u64 + 8)).expect("a ring");
    group.bench_function(line("bytes claim, commit + view, release", SIZE), |bencher| {
        bencher.iter(|| {
            let mut claim = producer.try_claim(SIZE).expect("room");
            claim.write(0, black_box(&message));
            claim.commit(SIZE).expect("open");
            let view = consumer.try_view().expect("a frame");
            view.read(0, black_box(&mut received));
            view.release();
        });
    });

    let (mut producer, mut consumer) = mpmc::<[u8; SIZE]>(SLOTS).expect("a ring");
    group.bench_function(line("mpmc push + pop_with", SIZE), |bencher| {
        bencher.iter(|| {
            producer.push(black_box(message)).expect("room");
            black_box(consumer.try_pop_with(|lent| lent.read()).expect("a message"))
        });
    });

    let (mut publisher, mut subscriber) = broadcast::<[u8; SIZE]>(Mode::Gated, SLOTS).expect("a ring");
    group.bench_function(line("broadcast gated claim, commit + view, release", SIZE), |bencher| {
        bencher.iter(|| {
            let mut claim = publisher.try_claim().expect("room");
            claim.write(black_box(&message));
            claim.commit().unwrap();
            let view = subscriber.try_view().expect("a message");
            let read = view.read();
            view.release();
            black_box(read)
        });
    });

    let (pool, mut producer, mut consumer) = pool(SIZE, 64).expect("a pool");
    group.bench_function(line("pool loan, send + receive", SIZE), |bencher| {
        bencher.iter(|| {
            let mut loan = pool.try_loan(SIZE).expect("a free block");
            loan.write_at(0, black_box(&message)).expect("as many bytes");
            loan.send(&mut producer).expect("room");
            let view = pool.try_receive(&mut consumer).expect("a block");
            view.read_at(0, black_box(&mut received)).expect("as many bytes");
        });
    });
    group.finish();
}
