//! One message in and out again, in one thread: a ring's push and pop beside `msgsnd` and `msgrcv`.

use std::hint::black_box;

use benches::{both_ends, queue};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ipc_core::msg::{MessageBuffer, MessageType, Select};

fn ring<const SIZE: usize>(criterion: &mut Criterion)
where
    [u8; SIZE]: ipc_ring::Message,
{
    let mut group = criterion.benchmark_group("one message in and out");
    group.throughput(Throughput::Elements(1));
    let (mut producer, mut consumer) = both_ends::<[u8; SIZE]>(1024).expect("a ring");
    let message = [7; SIZE];
    group.bench_function(BenchmarkId::new("spsc try_push + try_pop", format!("{SIZE} B")), |bencher| {
        bencher.iter(|| {
            producer.try_push(black_box(message)).expect("room");
            black_box(consumer.try_pop().expect("a message"))
        });
    });
    group.bench_function(BenchmarkId::new("spsc push + pop", format!("{SIZE} B")), |bencher| {
        bencher.iter(|| {
            producer.push(black_box(message)).expect("room");
            black_box(consumer.pop().expect("a message"))
        });
    });
    group.finish();
}

fn message_queue<const SIZE: usize>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one message in and out");
    group.throughput(Throughput::Elements(1));
    let queue = queue().expect("a queue");
    let mut message = MessageBuffer::with_capacity(SIZE);
    message.set(MessageType::ONE, &[7; SIZE]).expect("it fits");
    let mut received = MessageBuffer::with_capacity(SIZE);
    group.bench_function(BenchmarkId::new("msgsnd + msgrcv", format!("{SIZE} B")), |bencher| {
        bencher.iter(|| {
            queue.send(black_box(&message)).expect("room");
            queue.receive(&mut received, Select::Any).expect("a message");
            black_box(received.bytes());
        });
    });
    group.finish();
}

fn batches<const SIZE: usize>(criterion: &mut Criterion)
where
    [u8; SIZE]: ipc_ring::Message,
{
    const BATCH: usize = 64;
    let mut group = criterion.benchmark_group("64 messages in and out");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (mut producer, mut consumer) = both_ends::<[u8; SIZE]>(1024).expect("a ring");
    let messages = [[7; SIZE]; BATCH];
    let mut received = [[0; SIZE]; BATCH];
    group.bench_function(BenchmarkId::new("spsc slices", format!("{SIZE} B")), |bencher| {
        bencher.iter(|| {
            let pushed = producer.try_push_slice(black_box(&messages)).expect("room");
            let popped = consumer.try_pop_slice(&mut received).expect("messages");
            assert_eq!((pushed, popped), (BATCH, BATCH));
            black_box(&received);
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default();
    targets = ring::<8>, message_queue::<8>, ring::<64>, message_queue::<64>, batches::<8>, batches::<64>
}
criterion_main!(benches);
