//! The ring of frames of any length, as a queue.

use std::ops::Range;

use ipc_ring::bytes::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{Domain, WaitStrategy};

use crate::bytes_common::frame;
use crate::queue::{Popped, Pushed, Queue};
use crate::sweep::Place;

#[derive(Debug)]
pub struct Bytes;

/// Half of it is less than what a case pushes, so that frames wrap in some.
const CAPACITY: u64 = 256;

fn builder(place: &Place) -> Builder {
    Builder::new("queue")
        .domain(&Domain::open(&place.domain).unwrap())
        .capacity(CAPACITY)
        .wait(WaitStrategy::Sleep)
}

/// The frame of a number: itself, and a body of a length that follows from it.
pub fn write(number: u64) -> Vec<u8> {
    let mut whole = number.to_le_bytes().to_vec();
    whole.extend(frame(number, 9 + (number * 13 % 34) as usize));
    whole
}

pub fn read(whole: &[u8]) -> u64 {
    let number = u64::from_le_bytes(*whole.first_chunk().unwrap());
    assert_eq!(whole, write(number));
    number
}

fn popped(answer: Result<Vec<u8>, PopError>) -> Popped {
    match answer {
        Ok(whole) => Popped::Number(read(&whole)),
        Err(PopError::Empty) => Popped::Empty,
        Err(PopError::PeerGone(_)) => Popped::Gone,
        Err(PopError::Closed) => Popped::Closed,
        Err(other) => panic!("{other}"),
    }
}

fn pushed(answer: Result<(), PushError<()>>) -> Pushed {
    match answer {
        Ok(()) => Pushed::Yes,
        Err(PushError::Full(())) => Pushed::Full,
        Err(PushError::PeerGone(..)) => Pushed::Gone,
        Err(PushError::Closed(())) => Pushed::Closed,
        Err(other) => panic!("{other}"),
    }
}

impl Queue for Bytes {
    type Producer = Producer;
    type Consumer = Consumer;

    fn producer(place: &Place) -> Producer {
        builder(place).create_sender().unwrap()
    }

    fn consumer(place: &Place) -> Consumer {
        builder(place).create_receiver().unwrap()
    }

    fn try_push(producer: &mut Producer, number: u64) -> Pushed {
        pushed(producer.try_push(&write(number)))
    }

    fn push(producer: &mut Producer, number: u64) -> Pushed {
        pushed(producer.push(&write(number)))
    }

    fn push_batch(producer: &mut Producer, numbers: Range<u64>) {
        producer.push_batch(&numbers.map(write).collect::<Vec<_>>()).unwrap();
    }

    const CLAIM: Option<fn(&mut Producer, u64, bool)> = Some(|producer, number, commit| {
        let whole = write(number);
        let mut claim = producer.try_claim(whole.len() + 8).unwrap();
        claim.write(0, &whole);
        if commit {
            claim.commit(whole.len()).unwrap();
        } else {
            claim.abort();
        }
    });

    fn try_pop(consumer: &mut Consumer) -> Popped {
        popped(consumer.try_pop())
    }

    fn pop(consumer: &mut Consumer) -> Popped {
        popped(consumer.pop())
    }

    fn pop_batch(consumer: &mut Consumer, most: usize) -> u64 {
        let frames: Vec<_> = consumer.drain().take(most).inspect(|_| crate::hand::book(1)).collect();
        frames.iter().for_each(|whole| _ = read(whole));
        frames.len() as u64
    }

    fn view(consumer: &mut Consumer) {
        let view = consumer.try_view().unwrap();
        read(&view.to_vec());
        crate::hand::book(1);
        view.release();
    }

    const GIVE_BACK: Option<fn(&mut Consumer)> = Some(|consumer| {
        read(&consumer.try_view().unwrap().to_vec());
    });

    fn close_producer(producer: Producer) {
        producer.close();
    }

    fn close_consumer(consumer: Consumer) {
        consumer.close();
    }

    fn detach_producer(producer: Producer) {
        producer.detach();
    }

    fn detach_consumer(consumer: Consumer) {
        consumer.detach();
    }
}
