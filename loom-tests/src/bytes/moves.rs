//! Single operations of the two ends, with their checks.

use std::io::IoSlice;

use ipc_ring::memory::Ring as _;
use ipc_ring::ring::bytes::{Consumer, Pop, Producer, Refused, header};

use super::Heap;

pub(super) type Producing = Producer<Heap>;
pub(super) type Consuming = Consumer<Heap>;

/// The lengths of the frames, repeated.
pub(super) type Lengths = &'static [u64];

/// Attaches the producing end.
pub(super) fn producer(ring: &Heap) -> Producing {
    Producer::attach(ring.clone()).expect("a sound ring")
}

/// Attaches the consuming end.
pub(super) fn consumer(ring: &Heap) -> Consuming {
    Consumer::attach(ring.clone()).expect("a sound ring")
}

/// A frame as the ring must lay it out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Laid {
    /// Position of the producer before, and of the consumer.
    pub(super) position: u64,
    /// Position of the header.
    pub(super) start: u64,
    pub(super) len: u64,
}

impl Laid {
    fn first(capacity: u64, lengths: Lengths) -> Self {
        Self::at(0, lengths[0], capacity)
    }

    fn at(position: u64, len: u64, capacity: u64) -> Self {
        let left = capacity - position % capacity;
        let padding = if header::record(len) > left { left } else { 0 };
        Self { position, start: position + padding, len }
    }

    pub(super) fn end(self) -> u64 {
        self.start + header::record(self.len)
    }

    /// Its payload: headers of the next lap.
    pub(super) fn payload(self, capacity: u64) -> Vec<u8> {
        let first = self.start + 8;
        (first..first + self.len)
            .step_by(8)
            .flat_map(|at| header::frame(at + capacity, 0).to_ne_bytes())
            .collect()
    }
}

/// The frame whose record, with its padding, begins at a position; and its number.
pub(super) fn laid(position: u64, capacity: u64, lengths: Lengths) -> (u64, Laid) {
    let mut frame = Laid::first(capacity, lengths);
    let mut number = 0;
    while frame.position < position {
        number += 1;
        frame = Laid::at(frame.end(), lengths[number as usize % lengths.len()], capacity);
    }
    assert_eq!(frame.position, position, "an end stands where a frame begins");
    (number, frame)
}

/// The number of the next frame of a producer.
pub(super) fn pushed(producer: &Producing, lengths: Lengths) -> u64 {
    laid(producer.position(), producer.memory().capacity(), lengths).0
}

/// The number of the next frame of a consumer.
pub(super) fn popped(consumer: &Consuming, lengths: Lengths) -> u64 {
    laid(consumer.position(), consumer.memory().capacity(), lengths).0
}

/// Tries to push the next frame. The consumer's signal if there was room.
pub(super) fn push(producer: &mut Producing, lengths: Lengths) -> Option<u32> {
    let capacity = producer.memory().capacity();
    let (_, frame) = laid(producer.position(), capacity, lengths);
    match producer.try_push(&frame.payload(capacity)) {
        Ok(signal) => {
            if frame.start > frame.position {
                crate::reached("padding");
            }
            Some(signal)
        }
        Err(Refused::Full) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// As [`push`], with the frame written in place, or given in two pieces.
pub(super) fn push_pieces(producer: &mut Producing, lengths: Lengths, in_place: bool) -> Option<u32> {
    let capacity = producer.memory().capacity();
    let payload = laid(producer.position(), capacity, lengths).1.payload(capacity);
    let (first, second) = payload.split_at(payload.len() / 2);
    let pushed = if in_place {
        producer.try_claim(payload.len()).map(|mut claim| {
            claim.write(0, first);
            claim.write(first.len(), second);
            claim.commit(payload.len()).0
        })
    } else {
        producer.try_push_vectored(&[IoSlice::new(first), IoSlice::new(second)])
    };
    match pushed {
        Ok(signal) => Some(signal),
        Err(Refused::Full) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// Tries to pop the next frame. `Ok` with the producer's signal if there was one, else `Err` with it.
pub(super) fn pop(consumer: &mut Consuming, lengths: Lengths) -> Result<u32, u32> {
    let capacity = consumer.memory().capacity();
    let (_, frame) = laid(consumer.position(), capacity, lengths);
    let mut out = Vec::new();
    match consumer.try_pop_vec(&mut out) {
        Pop::Frame { signal, .. } => {
            assert_eq!(out, frame.payload(capacity), "frames come whole and in order, none lost, none twice");
            assert_eq!(consumer.position(), frame.end());
            Ok(signal)
        }
        Pop::Empty { signal } => Err(signal),
        Pop::TooSmall { .. } => unreachable!("a vector grows"),
        Pop::Corrupt(corruption) => panic!("{corruption}"),
    }
}

/// With no other thread running: the first `count` frames go through.
pub(super) fn warm_up(ring: &Heap, lengths: Lengths, count: u64) {
    finish(&mut producer(ring), &mut consumer(ring), lengths, count);
}

/// With no other thread running: pushes and pops until `total` frames have gone through.
pub(super) fn finish(producer: &mut Producing, consumer: &mut Consuming, lengths: Lengths, total: u64) {
    while popped(consumer, lengths) < total {
        let before = (producer.position(), consumer.position());
        while pushed(producer, lengths) < total && push(producer, lengths).is_some() {}
        while pop(consumer, lengths).is_ok() {}
        assert_ne!((producer.position(), consumer.position()), before, "nothing moves any more");
    }
    assert_eq!(pushed(producer, lengths), total, "as many pushed as popped");
    assert!(pop(consumer, lengths).is_err(), "nothing is left");
}
