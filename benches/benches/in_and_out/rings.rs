//! The rings, one message per call, copied in and copied out.

use std::hint::black_box;

use benches::{broadcast, bytes, latest, mpmc, spsc};
use criterion::Criterion;
use ipc_ring::Message;
use ipc_ring::broadcast::Mode;

use crate::{SLOTS, line, one_message};

/// Every ring that carries messages of any size.
pub(crate) fn all<const SIZE: usize>(criterion: &mut Criterion)
where
    [u8; SIZE]: Message,
{
    let mut group = one_message(criterion);
    let message = [7; SIZE];
    let mut received = [0; SIZE];

    let (mut producer, mut consumer) = spsc::<[u8; SIZE]>(SLOTS).expect("a ring");
    group.bench_function(line("spsc try_push + try_pop", SIZE), |bencher| {
        bencher.iter(|| {
            producer.try_push(black_box(message)).expect("room");
            black_box(consumer.try_pop().expect("a message"))
        });
    });
    group.bench_function(line("spsc push + pop", SIZE), |bencher| {
        bencher.iter(|| {
            producer.push(black_box(message)).expect("room");
            black_box(consumer.pop().expect("a message"))
        });
    });
    group.bench_function(line("spsc push_from + pop_into", SIZE), |bencher| {
        bencher.iter(|| {
            producer.push_from(black_box(&message)).expect("room");
            consumer.pop_into(black_box(&mut received)).expect("a message");
        });
    });

    let (mut producer, mut consumer) = bytes(SLOTS * (SIZE as u64 + 8)).expect("a ring");
    group.bench_function(line("bytes push + pop_into", SIZE), |bencher| {
        bencher.iter(|| {
            producer.push(black_box(&message)).expect("room");
            black_box(consumer.pop_into(black_box(&mut received)).expect("a frame"))
        });
    });

    let (mut producer, mut consumer) = mpmc::<[u8; SIZE]>(SLOTS).expect("a ring");
    group.bench_function(line("mpmc push + pop", SIZE), |bencher| {
        bencher.iter(|| {
            producer.push(black_box(message)).expect("room");
            black_box(consumer.pop().expect("a message"))
        });
    });

    for (name, mode) in [("lossy", Mode::Lossy), ("gated", Mode::Gated)] {
        let (mut publisher, mut subscriber) = broadcast::<[u8; SIZE]>(mode, SLOTS).expect("a ring");
        group.bench_function(line(&format!("broadcast {name} publish + pop"), SIZE), |bencher| {
            bencher.iter(|| {
                publisher.push(black_box(message)).expect("room");
                black_box(subscriber.pop().expect("a message"))
            });
        });
    }

    let (mut writer, mut reader) = latest::<[u8; SIZE]>().expect("a ring");
    group.bench_function(line("latest publish_at + get_newer", SIZE), |bencher| {
        bencher.iter(|| {
            writer.publish_at(black_box(&message), 0).expect("the writer's own");
            black_box(reader.get_newer().expect("no writer is active").expect("newer"))
        });
    });
    group.finish();
}

/// A request and its reply, both of 8 bytes: one line carries them, so there is no size to choose.
pub(crate) fn call(criterion: &mut Criterion) {
    let mut group = one_message(criterion);
    let (mut caller, mut responder) = benches::call::<u64, u64>().expect("a channel");
    group.bench_function(line("call ask + take + reply + try_reply", 8), |bencher| {
        bencher.iter(|| {
            caller.ask(black_box(7)).expect("none in flight");
            let request = responder.take().expect("a request");
            let value = request.value();
            request.reply(value);
            black_box(caller.try_reply().expect("the channel is sound").expect("a reply"))
        });
    });
    group.finish();
}
