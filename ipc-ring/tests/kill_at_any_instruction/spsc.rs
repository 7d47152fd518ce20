//! The ring with one producer and one consumer, as a queue.

use std::ops::Range;

use ipc_ring::spsc::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{Domain, WaitStrategy};

use crate::queue::{Popped, Pushed, Queue};
use crate::spsc_common::{check, payload};
use crate::sweep::Place;

/// A slot that is neither a part of a line nor a whole number of them.
type Item = [u8; 41];

#[derive(Debug)]
pub struct Spsc;

fn builder(place: &Place) -> Builder<Item> {
    Builder::new("queue").domain(&Domain::open(&place.domain).unwrap()).capacity(4).wait(WaitStrategy::Sleep)
}

fn number(item: &Item) -> u64 {
    let number = u64::from_le_bytes(*item.first_chunk().unwrap());
    check(item, number);
    number
}

fn popped(answer: Result<Item, PopError>) -> Popped {
    match answer {
        Ok(item) => Popped::Number(number(&item)),
        Err(PopError::Empty) => Popped::Empty,
        Err(PopError::PeerGone(_)) => Popped::Gone,
        Err(PopError::Closed) => Popped::Closed,
        Err(other) => panic!("{other}"),
    }
}

fn pushed(answer: Result<(), PushError<Item>>) -> Pushed {
    match answer {
        Ok(()) => Pushed::Yes,
        Err(PushError::Full(_)) => Pushed::Full,
        Err(PushError::PeerGone(..)) => Pushed::Gone,
        Err(PushError::Closed(_)) => Pushed::Closed,
        Err(other) => panic!("{other}"),
    }
}

impl Queue for Spsc {
    type Producer = Producer<Item>;
    type Consumer = Consumer<Item>;

    fn producer(place: &Place) -> Self::Producer {
        builder(place).create_producer().unwrap()
    }

    fn consumer(place: &Place) -> Self::Consumer {
        builder(place).create_consumer().unwrap()
    }

    fn try_push(producer: &mut Self::Producer, number: u64) -> Pushed {
        pushed(producer.try_push(payload(number)))
    }

    fn push(producer: &mut Self::Producer, number: u64) -> Pushed {
        pushed(producer.push(payload(number)))
    }

    fn push_batch(producer: &mut Self::Producer, numbers: Range<u64>) {
        producer.push_slice(&numbers.map(payload).collect::<Vec<Item>>()).unwrap();
    }

    const CLAIM: Option<fn(&mut Self::Producer, u64, bool)> = Some(|producer, number, commit| {
        let mut claim = producer.try_claim().unwrap();
        claim.write(&payload(number));
        if commit {
            claim.commit().unwrap();
        }
    });

    fn try_pop(consumer: &mut Self::Consumer) -> Popped {
        popped(consumer.try_pop())
    }

    fn pop(consumer: &mut Self::Consumer) -> Popped {
        popped(consumer.pop())
    }

    fn pop_batch(consumer: &mut Self::Consumer, most: usize) -> Vec<u64> {
        let mut items = vec![[0; 41]; most];
        let count = consumer.try_pop_slice(&mut items).unwrap();
        items[..count].iter().map(number).collect()
    }

    fn view(consumer: &mut Self::Consumer) {
        let view = consumer.try_view().unwrap();
        number(&view.read());
        view.release();
    }

    const GIVE_BACK: Option<fn(&mut Self::Consumer)> = Some(|consumer| {
        number(&consumer.try_view().unwrap().read());
    });

    fn close_producer(producer: Self::Producer) {
        producer.close();
    }

    fn close_consumer(consumer: Self::Consumer) {
        consumer.close();
    }

    fn detach_producer(producer: Self::Producer) {
        producer.detach();
    }

    fn detach_consumer(consumer: Self::Consumer) {
        consumer.detach();
    }
}
