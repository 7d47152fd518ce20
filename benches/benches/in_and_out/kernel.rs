//! What the kernel offers: a message into one of its objects and out again, two system calls.

use std::hint::black_box;
use std::io::{Read, Write};

use benches::{message_queue, semaphore_set};
use criterion::Criterion;
use ipc_core::msg::{MessageBuffer, MessageType, Select};

use crate::{line, one_message};

/// A message queue and a pipe.
pub(crate) fn all<const SIZE: usize>(criterion: &mut Criterion) {
    let mut group = one_message(criterion);
    let message = [7; SIZE];
    let mut received = [0; SIZE];

    let queue = message_queue().expect("a queue");
    let mut outgoing = MessageBuffer::with_capacity(SIZE);
    outgoing.set(MessageType::ONE, &message).expect("it fits");
    let mut incoming = MessageBuffer::with_capacity(SIZE);
    group.bench_function(line("msgsnd + msgrcv", SIZE), |bencher| {
        bencher.iter(|| {
            queue.send(black_box(&outgoing)).expect("room");
            queue.receive(&mut incoming, Select::Any).expect("a message");
            black_box(incoming.bytes());
        });
    });

    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    group.bench_function(line("pipe write + read", SIZE), |bencher| {
        bencher.iter(|| {
            writer.write_all(black_box(&message)).expect("room");
            reader.read_exact(black_box(&mut received)).expect("a message");
        });
    });
    group.finish();
}

/// A signal without payload: a semaphore raised and lowered.
pub(crate) fn semaphore(criterion: &mut Criterion) {
    let mut group = one_message(criterion);
    let set = semaphore_set().expect("a semaphore");
    group.bench_function(line("semop post + wait", 0), |bencher| {
        bencher.iter(|| {
            set.post(0).expect("room to count");
            set.wait(0).expect("just raised");
        });
    });
    group.finish();
}
