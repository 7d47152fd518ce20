//! Single operations of the two ends, with their checks.

use std::mem::MaybeUninit;

use ipc_ring::ring::spsc::{Consumer, Pop, Producer, Push};

use super::Heap;

pub(super) type Producing = Producer<Heap>;
pub(super) type Consuming = Consumer<Heap>;

/// Attaches the producing end.
pub(super) fn producer(ring: &Heap) -> Producing {
    Producer::attach(ring.clone()).expect("a sound ring")
}

/// Attaches the consuming end.
pub(super) fn consumer(ring: &Heap) -> Consuming {
    Consumer::attach(ring.clone())
}

/// Tries to push the next element. The consumer's signal if there was room.
pub(super) fn push(producer: &mut Producing) -> Option<u32> {
    let item = producer.position() + 1;
    signal_of(producer.try_push(&item))
}

/// As [`push`], with the slot written in place.
pub(super) fn push_in_place(producer: &mut Producing) -> Option<u32> {
    let item = producer.position() + 1;
    let mut claim = producer.try_claim().unwrap_or_else(|corruption| panic!("{corruption}"))?;
    claim.write(&item);
    Some(claim.commit())
}

/// As [`push`], with the room given by the head.
pub(super) fn push_by_head(producer: &mut Producing) -> Option<u32> {
    let item = producer.position() + 1;
    signal_of(producer.try_push_by_head(&item))
}

fn signal_of(push: Push) -> Option<u32> {
    match push {
        Push::Done { signal } => Some(signal),
        Push::Full => None,
        Push::Corrupt(corruption) => panic!("{corruption}"),
    }
}

/// Tries to pop the next element. `Ok` with the producer's signal if there was one, else `Err` with it.
pub(super) fn pop(consumer: &mut Consuming) -> Result<u32, u32> {
    let expected = consumer.position() + 1;
    match consumer.try_pop() {
        Pop::Item { item, signal } => {
            assert_eq!(item, expected, "elements come in order, none lost, none twice");
            Ok(signal)
        }
        Pop::Empty { signal } => Err(signal),
        Pop::Corrupt(corruption) => panic!("{corruption}"),
    }
}

/// Tries to push up to `count` elements in one batch; returns their number and the consumer's signal.
pub(super) fn push_batch(producer: &mut Producing, count: u64) -> (u64, u32) {
    let first = producer.position() + 1;
    let items: Vec<u64> = (first..first + count).collect();
    let (done, signal) = producer.try_push_slice(&items).unwrap_or_else(|corruption| panic!("{corruption}"));
    (done as u64, signal)
}

/// Tries to pop up to `count` elements in one batch; returns their number and the producer's signal.
#[allow(unsafe_code)]
pub(super) fn pop_batch(consumer: &mut Consuming, count: usize) -> (u64, u32) {
    let expected = consumer.position() + 1;
    let mut out = vec![MaybeUninit::uninit(); count];
    let (done, signal) = consumer.try_pop_slice(&mut out).unwrap_or_else(|corruption| panic!("{corruption}"));
    for (item, expected) in out[..done].iter().zip(expected..) {
        // SAFETY: the pop filled the first `done` places.
        assert_eq!(unsafe { item.assume_init() }, expected, "elements come in order, none lost, none twice");
    }
    (done as u64, signal)
}

/// With no other thread running: pushes and pops until `total` elements have gone through.
pub(super) fn finish(producer: &mut Producing, consumer: &mut Consuming, total: u64) {
    while consumer.position() < total {
        let before = (producer.position(), consumer.position());
        while producer.position() < total && push(producer).is_some() {}
        while pop(consumer).is_ok() {}
        assert_ne!((producer.position(), consumer.position()), before, "nothing moves any more");
    }
    assert_eq!(producer.position(), total, "as many pushed as popped");
    assert!(pop(consumer).is_err(), "nothing is left");
}
